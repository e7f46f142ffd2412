//! Secrets Manager: fetches the secret and parses it into variables.

use std::{collections::HashMap, time::Duration};

use aws_config::retry::RetryConfig;
use aws_sdk_secretsmanager::{
    Client, Config,
    error::{ProvideErrorMetadata, SdkError},
    operation::get_secret_value::{GetSecretValueError, GetSecretValueOutput},
};
use secrecy::SecretString;
use tokio::{sync::OnceCell, time::timeout};

use super::{Service, Transport, configuration, unreachable};
use crate::variables::{ConfigError, SECRET_VARIABLES, trimmed};

/// The variables of a secret, by name.
pub(super) type SecretValues = HashMap<String, SecretString>;

/// Fetches the secret with this id, within `limit`. Creates the client on the first call.
///
/// # Errors
///
/// When Secrets Manager refuses or does not answer in time, or the secret is malformed.
pub(super) async fn fetch(
    client: &OnceCell<Client>,
    id: &str,
    limit: Duration,
) -> Result<SecretValues, ConfigError> {
    let refuse =
        |why: &str| ConfigError::new(format!("SECRET_ID: the secret could not be read: {why}"));
    let read = async {
        let client = client
            .get_or_try_init(async || connect())
            .await
            .map_err(|error| refuse(&error.to_string()))?;
        get(client, id)
            .await
            .map_err(|error| refuse(&describe(&error)))
    };
    let secret = timeout(limit, read)
        .await
        .map_err(|_| refuse(&format!("no answer within {limit:?}")))??;
    parse(secret.secret_string().unwrap_or_default())
}

fn connect() -> Result<Client, Box<dyn std::error::Error + Send + Sync>> {
    let environment = configuration(Transport::new()?, Service::Secrets);
    let retry = RetryConfig::standard().with_initial_backoff(Duration::from_millis(100));
    let config = Config::from(&environment)
        .to_builder()
        .retry_config(retry)
        .build();
    Ok(Client::from_conf(config))
}

async fn get(
    client: &Client,
    id: &str,
) -> Result<GetSecretValueOutput, SdkError<GetSecretValueError>> {
    client.get_secret_value().secret_id(id).send().await
}

/// The error code of the service, or the kind of failure. Never a body, which could hold the secret.
fn describe(error: &SdkError<GetSecretValueError>) -> String {
    match error {
        SdkError::ServiceError(service) => service.err().code().unwrap_or("refused").to_owned(),
        SdkError::TimeoutError(_) => "no answer in time".to_owned(),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => {
            "no answer in time".to_owned()
        }
        SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_) => {
            unreachable("Secrets Manager")
        }
        _ => "the response could not be read".to_owned(),
    }
}

fn parse(text: &str) -> Result<SecretValues, ConfigError> {
    const EXPECTED: &str = "the id of a secret that is one JSON object of strings, such as {\"MONGO_URI\": \"mongodb+srv://…\"}";
    // Some editors write a byte order mark, which is invalid in JSON.
    let object: HashMap<String, serde_json::Value> = serde_json::from_str(trimmed(text))
        .map_err(|_| ConfigError::malformed("SECRET_ID", EXPECTED))?;
    let mut variables = HashMap::new();
    for (name, value) in object {
        if !SECRET_VARIABLES.contains(&name.as_str()) {
            continue;
        }
        let serde_json::Value::String(value) = value else {
            return Err(ConfigError::malformed(
                "SECRET_ID",
                &format!("{EXPECTED}; its member {name} is not a string"),
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
    fn secret_holds_variables_as_strings_and_ignores_others() {
        let variables = parse(r#"{"MONGO_URI": "mongodb://h", "unrelated": 1}"#).unwrap();
        assert_eq!(variables.len(), 1);
        assert_eq!(variables["MONGO_URI"].expose_secret(), "mongodb://h");
        let with_mark = parse("\u{feff}{\"MONGO_URI\": \"mongodb://h\"}\r\n").unwrap();
        assert_eq!(with_mark["MONGO_URI"].expose_secret(), "mongodb://h");
        for bad in ["", "[]", "pw-marked", r#"{"MONGO_URI": 1}"#] {
            let error = parse(bad).unwrap_err().to_string();
            assert!(error.starts_with("SECRET_ID is malformed"), "{error}");
            assert!(!error.contains("pw-marked"));
        }
    }
}
