//! Configuration: read at start into types that cannot be wrong; what the secret holds is read again when it may have
//! changed.
//!
//! A missing or malformed variable is an error that names it and says what it must look like; it never shows the value.

mod calls;
mod database;
mod keys;
mod media;
mod queue;
mod reloadable;
mod speech;
mod twilio;
mod url;
mod variables;

use std::{collections::HashMap, str::FromStr};

use mongodb::event::{EventHandler, command::CommandEvent};
use secrecy::{ExposeSecret, SecretString};

pub use self::{
    calls::{CallConfig, ReconcileConfig},
    database::MongoConfig,
    keys::{ApiKey, ApiKeys, Scope},
    reloadable::Reloadable,
    speech::{DEFAULT_APOLOGY, SpeechConfig},
    twilio::TwilioConfig,
    url::{PublicUrls, WebhookKind, webhook_url},
    variables::{VARIABLES, environment, trimmed, variable},
};
use crate::secret::{RefreshPolicy, Secret};

/// Why the configuration was refused: one line that names the variable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl ConfigError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    pub(crate) fn missing(name: &str, expected: &str) -> Self {
        Self(format!("{name} is missing: set it to {expected}"))
    }

    /// A variable that is not what it must be.
    #[must_use]
    pub fn malformed(name: &str, expected: &str) -> Self {
        Self(format!("{name} is malformed: it must be {expected}"))
    }
}

/// `ENVIRONMENT`: production unless it says development.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    /// Plain http URLs are taken, and the API is open where no key is configured.
    Development,
    /// Nothing of the kind.
    Production,
}

/// The variables, by name: the process's environment, under what the secret holds.
#[derive(Clone)]
pub struct Settings {
    values: HashMap<String, SecretString>,
    environment: Environment,
    secret: Option<Secret>,
    observer: Option<EventHandler<CommandEvent>>,
}

/// What a secret may hold; anything else in it is somebody else's.
pub(crate) const SECRET_VARIABLES: [&str; 8] = [
    "API_KEYS",
    "MEDIA_SIGNING_KEY",
    "MONGO_URI",
    "TWILIO_ACCOUNT_SID",
    "TWILIO_API_KEY_SECRET",
    "TWILIO_API_KEY_SID",
    "TWILIO_AUTH_TOKEN",
    "TWILIO_AUTH_TOKEN_SECONDARY",
];

impl Settings {
    /// The process's environment, and what the secret named by `SECRET_ID` holds.
    ///
    /// # Errors
    ///
    /// When a variable is not UTF-8, `ENVIRONMENT` or one of the AWS client's is malformed, or the secret cannot be read.
    pub async fn load() -> Result<Self, ConfigError> {
        Self::with_secret(environment()?, RefreshPolicy::default()).await
    }

    /// The given variables, and what the secret named by their `SECRET_ID` holds.
    ///
    /// # Errors
    ///
    /// As [`Settings::load`].
    pub async fn with_secret(
        environment: HashMap<String, SecretString>,
        pauses: RefreshPolicy,
    ) -> Result<Self, ConfigError> {
        let settings = Self::from_values(environment)?;
        for name in variables::AWS {
            settings.get(name)?;
        }
        let Some(id) = settings.get("SECRET_ID")? else {
            return Ok(settings);
        };
        let secret = Secret::read(id, settings.values.clone(), pauses).await?;
        let (_, read) = secret.latest();
        Ok(Self {
            secret: Some(secret),
            ..Self::clone(&read)
        })
    }

    /// The given variables, and no others.
    ///
    /// # Errors
    ///
    /// When `ENVIRONMENT` is malformed.
    pub fn from_pairs<const N: usize>(pairs: [(&str, &str); N]) -> Result<Self, ConfigError> {
        let values = pairs.map(|(name, value)| (name.to_owned(), SecretString::from(value)));
        Self::from_values(values.into())
    }

    /// Like [`Settings::from_pairs`], by name.
    ///
    /// # Errors
    ///
    /// When `ENVIRONMENT` is malformed.
    pub fn from_values(values: HashMap<String, SecretString>) -> Result<Self, ConfigError> {
        let values: HashMap<_, SecretString> = values
            .into_iter()
            .map(|(name, value)| (name, trimmed(value.expose_secret()).into()))
            .collect();
        let environment = match values.get("ENVIRONMENT").map(ExposeSecret::expose_secret) {
            None | Some("" | "production") => Environment::Production,
            Some("development") => Environment::Development,
            Some(_) => {
                return Err(ConfigError::malformed(
                    "ENVIRONMENT",
                    "development or production",
                ));
            }
        };
        Ok(Self {
            values,
            environment,
            secret: None,
            observer: None,
        })
    }

    /// The same, and every command that goes to the database is told to `observer`: for tests and measurements.
    #[must_use]
    pub fn observed_by(self, observer: EventHandler<CommandEvent>) -> Self {
        Self {
            observer: Some(observer),
            ..self
        }
    }

    /// Who is told of the commands, if anyone is.
    pub(crate) fn observer(&self) -> Option<&EventHandler<CommandEvent>> {
        self.observer.as_ref()
    }

    /// The secret that the settings are by, if there is one.
    #[must_use]
    pub fn secret(&self) -> Option<&Secret> {
        self.secret.as_ref()
    }

    /// Development or production.
    #[must_use]
    pub fn environment(&self) -> Environment {
        self.environment
    }

    /// The variable's value, without blanks at its ends; `None` if it is not set, or blank.
    ///
    /// # Errors
    ///
    /// When it has blanks inside that it may not have.
    fn get(&self, name: &str) -> Result<Option<&str>, ConfigError> {
        let value = self.values.get(name).map(ExposeSecret::expose_secret);
        let value = value.filter(|value| !value.is_empty());
        value.map_or(Ok(()), |value| variables::check(name, value))?;
        Ok(value)
    }

    fn required(&self, name: &str, expected: &str) -> Result<&str, ConfigError> {
        self.get(name)?
            .ok_or_else(|| ConfigError::missing(name, expected))
    }

    fn parsed<T: FromStr>(
        &self,
        name: &str,
        default: &str,
        expected: &str,
    ) -> Result<T, ConfigError> {
        self.get(name)?
            .unwrap_or(default)
            .parse()
            .map_err(|_| ConfigError::malformed(name, expected))
    }

    fn number(
        &self,
        name: &str,
        default: u32,
        range: std::ops::RangeInclusive<u32>,
    ) -> Result<u32, ConfigError> {
        let expected = || format!("a whole number from {} to {}", range.start(), range.end());
        let Some(text) = self.get(name)? else {
            return Ok(default);
        };
        text.parse()
            .ok()
            .filter(|number| range.contains(number))
            .ok_or_else(|| ConfigError::malformed(name, &expected()))
    }

    fn scheme_is_allowed(&self, scheme: &str) -> bool {
        scheme == "https" || (scheme == "http" && self.environment == Environment::Development)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings<const N: usize>(pairs: [(&str, &str); N]) -> Settings {
        Settings::from_pairs(pairs).unwrap()
    }

    #[test]
    fn production_is_the_default_and_a_typing_error_is_refused() {
        assert_eq!(settings([]).environment(), Environment::Production);
        assert_eq!(
            settings([("ENVIRONMENT", "development")]).environment(),
            Environment::Development
        );
        assert!(Settings::from_pairs([("ENVIRONMENT", "prod")]).is_err());
    }
}
