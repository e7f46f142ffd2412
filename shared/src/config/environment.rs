//! `ENVIRONMENT`: development or production.

use super::ConfigError;
use crate::variables::Values;

/// `ENVIRONMENT`. The default is production.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    /// Accepts http URLs, a database without TLS, and requests without an API key if none is configured.
    Development,
    /// Requires https, TLS to the database, and API keys.
    Production,
}

impl Environment {
    pub(super) fn from_values(values: &Values) -> Result<Self, ConfigError> {
        const NAME: &str = "ENVIRONMENT";
        // Read as the value stands: a blank inside is a wrong word like any other.
        match values.get(NAME) {
            Ok(None | Some("production")) => Ok(Self::Production),
            Ok(Some("development")) => Ok(Self::Development),
            Ok(Some(_)) | Err(_) => Err(ConfigError::malformed(NAME, "development or production")),
        }
    }

    /// Returns whether URLs of this scheme are valid here: https, and in development http.
    pub(super) fn allows_scheme(self, scheme: &str) -> bool {
        scheme == "https" || (scheme == "http" && self == Self::Development)
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Environment, Settings};

    #[test]
    fn production_is_the_default_and_unknown_values_are_rejected() {
        let environment = |pairs: &[(&str, &str)]| {
            let settings = match pairs {
                [pair] => Settings::from_pairs([*pair]),
                _ => Settings::from_pairs([]),
            };
            settings.map(|settings| settings.environment())
        };
        assert_eq!(environment(&[]), Ok(Environment::Production));
        assert_eq!(
            environment(&[("ENVIRONMENT", "development")]),
            Ok(Environment::Development)
        );
        assert!(environment(&[("ENVIRONMENT", "prod")]).is_err());
    }
}
