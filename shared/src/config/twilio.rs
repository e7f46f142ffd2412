//! Twilio: the account, its auth tokens and its API key.

use secrecy::SecretString;

use super::{ConfigError, Settings};

/// The credentials for Twilio's REST API, and the tokens that sign its webhooks.
#[derive(Debug, Clone)]
pub struct TwilioConfig {
    /// `TWILIO_ACCOUNT_SID`.
    pub account_sid: String,
    /// `TWILIO_AUTH_TOKEN`, and `TWILIO_AUTH_TOKEN_SECONDARY` if it is set. Either may sign a webhook.
    pub auth_tokens: Vec<SecretString>,
    /// `TWILIO_API_KEY_SID` and `TWILIO_API_KEY_SECRET`. The REST client uses them instead of the auth token.
    pub api_key: Option<(String, SecretString)>,
    /// `TWILIO_API_BASE_URL`.
    pub api_base_url: ::url::Url,
    /// `TWILIO_INTELLIGENCE_BASE_URL`: the API for transcripts.
    pub intelligence_base_url: ::url::Url,
}

impl Settings {
    /// Parses the account, its auth tokens and its API key.
    ///
    /// # Errors
    ///
    /// When a variable is missing or malformed.
    pub fn twilio(&self) -> Result<TwilioConfig, ConfigError> {
        const SID: &str = "an account SID: AC followed by 32 hexadecimal digits";
        let account_sid = self.values.required("TWILIO_ACCOUNT_SID", SID)?;
        if !is_sid(account_sid, "AC") {
            return Err(ConfigError::malformed("TWILIO_ACCOUNT_SID", SID));
        }
        let api_key = match (
            self.values.get("TWILIO_API_KEY_SID")?,
            self.values.get("TWILIO_API_KEY_SECRET")?,
        ) {
            (None, None) => None,
            (Some(sid), Some(secret)) if is_sid(sid, "SK") => Some((sid.to_owned(), secret.into())),
            (Some(_), Some(_)) => {
                return Err(ConfigError::malformed(
                    "TWILIO_API_KEY_SID",
                    "an API key SID: SK followed by 32 hexadecimal digits",
                ));
            }
            (Some(_), None) => {
                return Err(ConfigError::missing(
                    "TWILIO_API_KEY_SECRET",
                    "the secret of the key in TWILIO_API_KEY_SID",
                ));
            }
            (None, Some(_)) => {
                return Err(ConfigError::missing(
                    "TWILIO_API_KEY_SID",
                    "the SID of the key whose secret is in TWILIO_API_KEY_SECRET",
                ));
            }
        };
        Ok(TwilioConfig {
            account_sid: account_sid.to_owned(),
            auth_tokens: self.webhook_tokens()?,
            api_key,
            api_base_url: self.base_url("TWILIO_API_BASE_URL", "https://api.twilio.com")?,
            intelligence_base_url: self.base_url(
                "TWILIO_INTELLIGENCE_BASE_URL",
                "https://intelligence.twilio.com",
            )?,
        })
    }

    /// Parses the base URL of an API.
    fn base_url(&self, name: &str, default: &str) -> Result<::url::Url, ConfigError> {
        let expected = format!("an https URL, such as {default}");
        let url: ::url::Url = self.values.parsed(name, default, &expected)?;
        if url.host().is_none() || !self.environment.allows_scheme(url.scheme()) {
            return Err(ConfigError::malformed(name, &expected));
        }
        Ok(url)
    }

    /// Parses the auth tokens, either of which may sign a webhook.
    ///
    /// # Errors
    ///
    /// When `TWILIO_AUTH_TOKEN` is missing.
    pub fn webhook_tokens(&self) -> Result<Vec<SecretString>, ConfigError> {
        let first = self.values.required(
            "TWILIO_AUTH_TOKEN",
            "the auth token of the account in TWILIO_ACCOUNT_SID",
        )?;
        let second = self.values.get("TWILIO_AUTH_TOKEN_SECONDARY")?;
        Ok([Some(first), second]
            .into_iter()
            .flatten()
            .map(SecretString::from)
            .collect())
    }
}

fn is_sid(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix)
        .is_some_and(|hex| hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SID: &str = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    fn settings<const N: usize>(pairs: [(&str, &str); N]) -> Settings {
        Settings::from_pairs(pairs).unwrap()
    }

    #[test]
    fn empty_variable_counts_as_not_set() {
        let twilio = settings([
            ("TWILIO_ACCOUNT_SID", SID),
            ("TWILIO_AUTH_TOKEN", "t"),
            ("TWILIO_AUTH_TOKEN_SECONDARY", ""),
            ("TWILIO_API_KEY_SID", ""),
        ])
        .twilio()
        .unwrap();
        assert_eq!(twilio.auth_tokens.len(), 1);
        assert!(twilio.api_key.is_none());
        assert_eq!(twilio.api_base_url.as_str(), "https://api.twilio.com/");
    }

    #[test]
    fn twilio_needs_an_account_a_token_and_complete_api_keys() {
        let base = [("TWILIO_ACCOUNT_SID", SID), ("TWILIO_AUTH_TOKEN", "t")];
        assert!(settings(base).twilio().is_ok());
        let error = |more: (&'static str, &'static str)| {
            settings([base[0], base[1], more])
                .twilio()
                .unwrap_err()
                .to_string()
        };
        assert!(
            error(("TWILIO_ACCOUNT_SID", "AC1")).starts_with("TWILIO_ACCOUNT_SID is malformed")
        );
        assert!(error(("TWILIO_AUTH_TOKEN", "")).starts_with("TWILIO_AUTH_TOKEN is missing"));
        assert!(
            error(("TWILIO_API_KEY_SID", "SK1")).starts_with("TWILIO_API_KEY_SECRET is missing")
        );
        assert!(error(("TWILIO_API_KEY_SECRET", "s")).starts_with("TWILIO_API_KEY_SID is missing"));
        assert!(
            error(("TWILIO_API_BASE_URL", "http://api.twilio.com"))
                .starts_with("TWILIO_API_BASE_URL is malformed")
        );
        assert!(
            error((
                "TWILIO_INTELLIGENCE_BASE_URL",
                "http://intelligence.twilio.com"
            ))
            .starts_with("TWILIO_INTELLIGENCE_BASE_URL is malformed")
        );
    }
}
