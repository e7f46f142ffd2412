//! How scripts are spoken.

use super::{ConfigError, Settings};
use crate::domain::Speech;

/// The apology if `APOLOGY` is not set.
pub const DEFAULT_APOLOGY: &str = "We are sorry, something went wrong on our side. Goodbye.";

/// How scripts are spoken.
#[derive(Debug, Clone)]
pub struct SpeechConfig {
    /// `VOICE` and `LANGUAGE`, for calls that name none.
    pub speech: Speech,
    /// `APOLOGY`: spoken where the script cannot be known.
    pub apology: String,
    /// `RECORDING_NOTICE`: spoken before the script of a recorded call.
    pub recording_notice: Option<String>,
}

impl Settings {
    /// How scripts are spoken.
    ///
    /// # Errors
    ///
    /// When a variable is malformed.
    pub fn speech(&self) -> Result<SpeechConfig, ConfigError> {
        let text = |name: &str| -> Result<Option<String>, ConfigError> {
            match self.get(name)? {
                Some(text) if text.parse::<crate::domain::Script>().is_err() => {
                    Err(ConfigError::malformed(
                        name,
                        "a text of at most 3000 characters that XML 1.0 allows",
                    ))
                }
                text => Ok(text.map(str::to_owned)),
            }
        };
        Ok(SpeechConfig {
            speech: self.default_speech()?,
            apology: text("APOLOGY")?.unwrap_or_else(|| DEFAULT_APOLOGY.to_owned()),
            recording_notice: text("RECORDING_NOTICE")?,
        })
    }

    /// `VOICE` and `LANGUAGE`.
    pub(super) fn default_speech(&self) -> Result<Speech, ConfigError> {
        Ok(Speech::configured(
            self.parsed(
                "VOICE",
                "woman",
                "a voice of Twilio's, such as woman or Polly.Joanna-Neural",
            )?,
            self.parsed("LANGUAGE", "en-US", "a language tag, such as en-US")?,
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
    fn speech_has_a_voice_a_language_and_an_apology() {
        let config = settings([]).speech().unwrap();
        let Speech { voice, language } = &config.speech;
        assert_eq!((voice.as_str(), language.as_str()), ("woman", "en-US"));
        assert!(!config.apology.is_empty());
        assert_eq!(config.recording_notice, None);
        assert!(settings([("APOLOGY", "a\u{7}")]).speech().is_err());
        assert!(settings([("VOICE", "a b")]).speech().is_err());
    }
}
