//! The Secrets Manager secret that may hold the secret variables.

use std::{collections::HashMap, time::Duration};

use aws_sdk_secretsmanager::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    operation::get_secret_value::{GetSecretValueError, GetSecretValueOutput},
};
use secrecy::SecretString;
use tokio::time::timeout;

use crate::{
    aws,
    config::{ConfigError, SECRET_VARIABLES},
};

/// How long the init phase waits for the secret, in all its attempts.
const TIME_OUT: Duration = Duration::from_secs(5);

/// The secret variables that the secret holds.
///
/// # Errors
///
/// When it cannot be read, or is not a JSON object with texts under the names of variables.
pub async fn fetch(id: &str) -> Result<HashMap<String, SecretString>, ConfigError> {
    let refuse =
        |why: &str| ConfigError::new(format!("SECRET_ID: the secret could not be read: {why}"));
    let http = aws::Transport::new().map_err(|error| refuse(&error.to_string()))?;
    // Everything is limited: where the environment names no region or credentials, the SDK asks around for them.
    let secret = timeout(TIME_OUT, read(id, http))
        .await
        .map_err(|_| refuse(&format!("no answer within {} s", TIME_OUT.as_secs())))?
        .map_err(|error| refuse(&describe(&error)))?;
    parse(secret.secret_string().unwrap_or_default())
}

async fn read(
    id: &str,
    http: aws::Transport,
) -> Result<GetSecretValueOutput, SdkError<GetSecretValueError>> {
    Client::new(&aws::configuration(http).await)
        .get_secret_value()
        .secret_id(id)
        .send()
        .await
}

/// The service's error code, or the kind of failure; never a body.
fn describe(error: &SdkError<GetSecretValueError>) -> String {
    match error {
        SdkError::ServiceError(service) => service.err().code().unwrap_or("refused").to_owned(),
        SdkError::TimeoutError(_) => "no answer in time".to_owned(),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => {
            "no answer in time".to_owned()
        }
        SdkError::DispatchFailure(_) => {
            "Secrets Manager could not be reached, or there are no AWS credentials".to_owned()
        }
        SdkError::ConstructionFailure(_) => {
            "the request could not be made: is AWS_REGION set?".to_owned()
        }
        _ => "its answer could not be read".to_owned(),
    }
}

fn parse(text: &str) -> Result<HashMap<String, SecretString>, ConfigError> {
    const EXPECTED: &str =
        "a secret that is one JSON object of texts, such as {\"MONGO_URI\": \"mongodb+srv://…\"}";
    let object: HashMap<String, serde_json::Value> =
        serde_json::from_str(text).map_err(|_| ConfigError::malformed("SECRET_ID", EXPECTED))?;
    let mut variables = HashMap::new();
    for (name, value) in object {
        if !SECRET_VARIABLES.contains(&name.as_str()) {
            continue;
        }
        let serde_json::Value::String(value) = value else {
            return Err(ConfigError::malformed(
                "SECRET_ID",
                &format!("{EXPECTED}: {name} in it is no text"),
            ));
        };
        variables.insert(name, value.into());
    }
    Ok(variables)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_secret_holds_variables_as_texts_and_may_hold_more() {
        let variables = parse(r#"{"MONGO_URI": "mongodb://h", "somebody's": 1}"#).unwrap();
        assert_eq!(variables.len(), 1);
        assert_eq!(variables["MONGO_URI"].expose_secret(), "mongodb://h");
        for bad in ["", "[]", "pw-marked", r#"{"MONGO_URI": 1}"#] {
            let error = parse(bad).unwrap_err().to_string();
            assert!(error.starts_with("SECRET_ID is malformed"), "{error}");
            assert!(!error.contains("pw-marked"));
        }
    }
}
