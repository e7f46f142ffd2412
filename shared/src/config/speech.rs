//! Speech: voice, language, apology and recording notice.

use super::{ConfigError, Settings};
use crate::domain::{Script, Speech};

/// The default of `APOLOGY`.
pub const DEFAULT_APOLOGY: &str = "We are sorry, something went wrong on our side. Goodbye.";

/// Voice, language, and the texts other than scripts that `voice` speaks.
#[derive(Debug, Clone)]
pub struct SpeechConfig {
    /// `VOICE` and `LANGUAGE`: the defaults for calls.
    pub speech: Speech,
    /// `APOLOGY`: spoken if the script can't be read.
    pub apology: String,
    /// `RECORDING_NOTICE`: spoken before the script of a recorded call.
    pub recording_notice: Option<String>,
}

impl Settings {
    /// Parses `VOICE`, `LANGUAGE`, `APOLOGY` and `RECORDING_NOTICE`.
    ///
    /// # Errors
    ///
    /// When a variable is malformed.
    pub fn speech(&self) -> Result<SpeechConfig, ConfigError> {
        let text = |name: &str| -> Result<Option<String>, ConfigError> {
            match self.values.get(name)? {
                Some(text) if text.parse::<Script>().is_err() => Err(ConfigError::malformed(
                    name,
                    "a text of at most 3,000 characters that XML 1.0 allows",
                )),
                text => Ok(text.map(str::to_owned)),
            }
        };
        Ok(SpeechConfig {
            speech: self.default_speech()?,
            apology: text("APOLOGY")?.unwrap_or_else(|| DEFAULT_APOLOGY.to_owned()),
            recording_notice: text("RECORDING_NOTICE")?,
        })
    }

    /// Parses `VOICE` and `LANGUAGE`.
    pub(super) fn default_speech(&self) -> Result<Speech, ConfigError> {
        Ok(Speech::configured(
            self.values.parsed(
                "VOICE",
                "woman",
                "the name of a Twilio voice, such as woman or Polly.Joanna-Neural",
            )?,
            self.values
                .parsed("LANGUAGE", "en-US", "a language tag, such as en-US")?,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings<const N: usize>(pairs: [(&str, &str); N]) -> Settings {
        Settings::from_pairs(pairs).unwrap()
    }

    #[test]
    fn speech_has_the_documented_defaults() {
        let config = settings([]).speech().unwrap();
        let Speech { voice, language } = &config.speech;
        assert_eq!((voice.as_str(), language.as_str()), ("woman", "en-US"));
        assert!(!config.apology.is_empty());
        assert_eq!(config.recording_notice, None);
        assert!(settings([("APOLOGY", "a\u{7}")]).speech().is_err());
        assert!(settings([("VOICE", "a b")]).speech().is_err());
    }
}
