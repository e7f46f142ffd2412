//! The Secrets Manager secret that may hold the secret variables: read in the init phase, and again when there is a
//! reason to think that it has changed.

use std::{collections::HashMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use aws_config::retry::RetryConfig;
use aws_sdk_secretsmanager::{
    Client, Config,
    error::{ProvideErrorMetadata, SdkError},
    operation::get_secret_value::{GetSecretValueError, GetSecretValueOutput},
};
use futures_util::{FutureExt, future::BoxFuture};
use secrecy::{ExposeSecret, SecretString};
use tokio::{
    sync::{Mutex, OnceCell},
    time::{Instant, timeout},
};

use crate::{
    aws,
    config::{ConfigError, SECRET_VARIABLES, Settings, trimmed},
};

/// How long the init phase waits for the secret, in all its attempts.
const TIME_OUT: Duration = Duration::from_secs(5);
/// How long a request waits for it to be read again, beside the 6 s that a webhook's answer takes at most: what was known
/// before stays in force then.
const AGAIN_TIME_OUT: Duration = Duration::from_millis(500);

/// How often the secret is read again. The defaults are what the functions run with.
#[derive(Debug, Clone, Copy)]
pub struct RefreshPolicy {
    /// A request does not rely on a reading that is older: five minutes.
    pub max_age: Duration,
    /// Between two tries to renew a reading that is too old, where the first has failed: a minute.
    pub after_failure: Duration,
    /// Between two readings for [`RefreshReason::Unknown`]: a minute.
    pub unknown: Duration,
    /// Between two readings for [`RefreshReason::Refused`]: a second.
    pub refused: Duration,
}

impl Default for RefreshPolicy {
    fn default() -> Self {
        Self {
            max_age: Duration::from_mins(5),
            after_failure: Duration::from_mins(1),
            unknown: Duration::from_mins(1),
            refused: Duration::from_secs(1),
        }
    }
}

/// Why the secret may have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshReason {
    /// A stranger has shown something that is not known here, as anybody can at any time.
    Unknown,
    /// What the secret holds was refused by whoever it was shown to.
    Refused,
}

/// The secret that `SECRET_ID` names, and what the last reading told. Clones share it.
#[derive(Clone)]
pub struct Secret(Arc<Shared>);

struct Shared {
    id: String,
    pauses: RefreshPolicy,
    /// The variables that the secret wins over.
    environment: HashMap<String, SecretString>,
    client: OnceCell<Client>,
    latest: ArcSwap<Reading>,
    /// Held by the one who reads.
    tries: Mutex<Tries>,
}

struct Reading {
    /// Counts the changes of the secret.
    version: u64,
    secret: HashMap<String, SecretString>,
    settings: Arc<Settings>,
    at: Instant,
}

#[derive(Default)]
struct Tries {
    unknown: Option<Instant>,
    refused: Option<Instant>,
    aged: Option<Instant>,
}

impl Secret {
    /// Reads the secret for the first time. It wins over the variables of `environment`.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is not a JSON object with texts under the names of variables.
    pub(crate) async fn read(
        id: &str,
        environment: HashMap<String, SecretString>,
        pauses: RefreshPolicy,
    ) -> Result<Self, ConfigError> {
        let client = OnceCell::new();
        let secret = fetch(&client, id, TIME_OUT).await?;
        let settings = over(&environment, &secret)?;
        Ok(Self(Arc::new(Shared {
            id: id.to_owned(),
            pauses,
            environment,
            client,
            latest: ArcSwap::from_pointee(Reading {
                version: 0,
                secret,
                settings: settings.into(),
                at: Instant::now(),
            }),
            tries: Mutex::default(),
        })))
    }

    /// How often the secret has changed since the first reading, as far as is known.
    pub(crate) fn version(&self) -> u64 {
        self.0.latest.load().version
    }

    /// The settings by the last reading, and its version.
    pub(crate) fn latest(&self) -> (u64, Arc<Settings>) {
        let latest = self.0.latest.load();
        (latest.version, latest.settings.clone())
    }

    /// Reads the secret again where the last reading is too old. Where that fails, what was known before stays in force,
    /// and a line in the log says why.
    pub async fn keep_fresh(&self) {
        let is_old = || self.0.latest.load().at.elapsed() >= self.0.pauses.max_age;
        if !is_old() {
            return;
        }
        let mut tries = self.0.tries.lock().await;
        if is_old() && is_due(&mut tries.aged, self.0.pauses.after_failure) {
            self.update().await;
        }
    }

    /// Reads the secret again, unless it was read for the same `reason` a short while ago.
    pub(crate) async fn read_again(&self, reason: RefreshReason) {
        let mut tries = self.0.tries.lock().await;
        let pauses = &self.0.pauses;
        let (last, pause) = match reason {
            RefreshReason::Unknown => (&mut tries.unknown, pauses.unknown),
            RefreshReason::Refused => (&mut tries.refused, pauses.refused),
        };
        if is_due(last, pause) {
            self.update().await;
        }
    }

    /// Boxed, for it is seldom needed, and everything that asks the database holds it.
    fn update(&self) -> BoxFuture<'_, ()> {
        self.fetch().boxed()
    }

    async fn fetch(&self) {
        let shared = &self.0;
        let read = fetch(&shared.client, &shared.id, AGAIN_TIME_OUT).await;
        let latest = shared.latest.load();
        let updated = read.and_then(|secret| {
            let (version, settings) = if same(&secret, &latest.secret) {
                (latest.version, latest.settings.clone())
            } else {
                (
                    latest.version + 1,
                    over(&shared.environment, &secret)?.into(),
                )
            };
            Ok(Reading {
                version,
                secret,
                settings,
                at: Instant::now(),
            })
        });
        match updated {
            Ok(reading) => {
                if reading.version != latest.version {
                    tracing::info!("the secret has changed");
                }
                shared.latest.store(Arc::new(reading));
            }
            Err(error) => {
                tracing::error!(%error, "the secret was not read again: what was known before stays");
            }
        }
    }
}

/// Whether the last time is so long ago; then it is now.
fn is_due(last: &mut Option<Instant>, pause: Duration) -> bool {
    let is_due = last.is_none_or(|last| last.elapsed() >= pause);
    if is_due {
        *last = Some(Instant::now());
    }
    is_due
}

fn same(one: &HashMap<String, SecretString>, other: &HashMap<String, SecretString>) -> bool {
    one.len() == other.len()
        && one.iter().all(|(name, value)| {
            other
                .get(name)
                .is_some_and(|other| other.expose_secret() == value.expose_secret())
        })
}

fn over(
    environment: &HashMap<String, SecretString>,
    secret: &HashMap<String, SecretString>,
) -> Result<Settings, ConfigError> {
    let mut values = environment.clone();
    values.extend(
        secret
            .iter()
            .map(|(name, value)| (name.clone(), value.clone())),
    );
    Settings::from_values(values)
}

async fn fetch(
    client: &OnceCell<Client>,
    id: &str,
    limit: Duration,
) -> Result<HashMap<String, SecretString>, ConfigError> {
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
    let environment = aws::configuration(aws::Transport::new()?, aws::Service::Secrets);
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

/// The service's error code, or the kind of failure; never a body.
fn describe(error: &SdkError<GetSecretValueError>) -> String {
    match error {
        SdkError::ServiceError(service) => service.err().code().unwrap_or("refused").to_owned(),
        SdkError::TimeoutError(_) => "no answer in time".to_owned(),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => {
            "no answer in time".to_owned()
        }
        SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_) => {
            aws::unreachable("Secrets Manager")
        }
        _ => "its answer could not be read".to_owned(),
    }
}

fn parse(text: &str) -> Result<HashMap<String, SecretString>, ConfigError> {
    const EXPECTED: &str =
        "a secret that is one JSON object of texts, such as {\"MONGO_URI\": \"mongodb+srv://…\"}";
    // JSON takes no byte order mark, which some editors write.
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
        let with_mark = parse("\u{feff}{\"MONGO_URI\": \"mongodb://h\"}\r\n").unwrap();
        assert_eq!(with_mark["MONGO_URI"].expose_secret(), "mongodb://h");
        for bad in ["", "[]", "pw-marked", r#"{"MONGO_URI": 1}"#] {
            let error = parse(bad).unwrap_err().to_string();
            assert!(error.starts_with("SECRET_ID is malformed"), "{error}");
            assert!(!error.contains("pw-marked"));
        }
    }
}
