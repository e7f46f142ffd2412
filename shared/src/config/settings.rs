//! The settings: every variable, before it is parsed.

use std::{collections::HashMap, sync::Arc};

use mongodb::event::{EventHandler, command::CommandEvent};
use secrecy::SecretString;

use super::{ConfigError, Environment, RefreshPolicy};
use crate::{
    aws::secret::Secret,
    variables::{SDK_VARIABLES, Values, environment},
};

/// The variables of the process, overlaid by those of the secret.
///
/// Each other file of this module adds the methods that parse one concern.
#[derive(Clone)]
pub struct Settings {
    pub(super) values: Arc<Values>,
    pub(super) environment: Environment,
    secret: Option<Secret>,
    observer: Option<EventHandler<CommandEvent>>,
}

impl Settings {
    /// Reads the variables of the process, and the secret that `SECRET_ID` names.
    ///
    /// # Errors
    ///
    /// When a variable is not UTF-8, `ENVIRONMENT` or an `AWS_…` variable is malformed, or the secret can't be read.
    pub async fn load() -> Result<Self, ConfigError> {
        Self::with_secret(environment()?, RefreshPolicy::default()).await
    }

    /// Takes these variables, and reads the secret that their `SECRET_ID` names.
    ///
    /// # Errors
    ///
    /// As [`Settings::load`].
    pub async fn with_secret(
        variables: HashMap<String, SecretString>,
        policy: RefreshPolicy,
    ) -> Result<Self, ConfigError> {
        let settings = Self::from_values(variables)?;
        for name in SDK_VARIABLES {
            settings.values.get(name)?;
        }
        let Some(id) = settings.values.get("SECRET_ID")? else {
            return Ok(settings);
        };
        let secret = Secret::read(id, settings.values.clone(), policy).await?;
        let (_, values) = secret.latest();
        Ok(Self {
            values,
            secret: Some(secret),
            ..settings
        })
    }

    /// Takes these variables, and reads no secret.
    ///
    /// # Errors
    ///
    /// When `ENVIRONMENT` is malformed.
    pub fn from_pairs<const N: usize>(pairs: [(&str, &str); N]) -> Result<Self, ConfigError> {
        let values = pairs.map(|(name, value)| (name.to_owned(), SecretString::from(value)));
        Self::from_values(values.into())
    }

    /// Like [`Settings::from_pairs`], from a map.
    ///
    /// # Errors
    ///
    /// When `ENVIRONMENT` is malformed.
    pub fn from_values(values: HashMap<String, SecretString>) -> Result<Self, ConfigError> {
        let values = Values::new(values);
        Ok(Self {
            environment: Environment::from_values(&values)?,
            values: values.into(),
            secret: None,
            observer: None,
        })
    }

    /// A copy with other values, such as those of a changed secret.
    pub(super) fn with_values(&self, values: Arc<Values>) -> Self {
        Self {
            values,
            ..self.clone()
        }
    }

    /// A copy whose database connections report every command to `observer`, for tests and benchmarks.
    #[must_use]
    pub fn observed_by(self, observer: EventHandler<CommandEvent>) -> Self {
        Self {
            observer: Some(observer),
            ..self
        }
    }

    /// The observer of database commands, if there is one.
    pub(crate) fn observer(&self) -> Option<&EventHandler<CommandEvent>> {
        self.observer.as_ref()
    }

    /// The secret that these settings follow, if there is one.
    #[must_use]
    pub fn secret(&self) -> Option<&Secret> {
        self.secret.as_ref()
    }

    /// Development or production.
    #[must_use]
    pub fn environment(&self) -> Environment {
        self.environment
    }
}
