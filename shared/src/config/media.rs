//! `MEDIA_SIGNING_KEY`: the key that signs media URLs.

use secrecy::SecretString;

use super::{ConfigError, Environment, Settings};

impl Settings {
    /// Parses `MEDIA_SIGNING_KEY`, the key that signs media URLs.
    ///
    /// # Errors
    ///
    /// When it is missing, or too short in production.
    pub fn media_signing_key(&self) -> Result<SecretString, ConfigError> {
        const EXPECTED: &str = "a random text of at least 16 characters, for example the output of `openssl rand -hex 32`";
        let key = self.values.required("MEDIA_SIGNING_KEY", EXPECTED)?;
        if self.environment == Environment::Production && key.len() < 16 {
            return Err(ConfigError::malformed("MEDIA_SIGNING_KEY", EXPECTED));
        }
        Ok(key.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings<const N: usize>(pairs: [(&str, &str); N]) -> Settings {
        Settings::from_pairs(pairs).unwrap()
    }

    #[test]
    fn media_key_is_long_in_production() {
        assert!(settings([]).media_signing_key().is_err());
        assert!(
            settings([("MEDIA_SIGNING_KEY", "short")])
                .media_signing_key()
                .is_err()
        );
        assert!(
            settings([
                ("MEDIA_SIGNING_KEY", "short"),
                ("ENVIRONMENT", "development")
            ])
            .media_signing_key()
            .is_ok()
        );
    }
}
