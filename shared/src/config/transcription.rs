//! Transcription: the services that make transcripts, and the language of calls.

use super::{ConfigError, Settings};
use crate::domain::{Call, Language, ServiceSid, Speech, TranscriptionServices};

/// How recordings are transcribed.
#[derive(Debug, Clone)]
pub struct TranscriptionConfig {
    services: TranscriptionServices,
    speech: Speech,
}

impl TranscriptionConfig {
    /// Returns the language of a call and the service for it. `None` if there is no service.
    #[must_use]
    pub fn service_for(&self, call: &Call) -> Option<(Language, ServiceSid)> {
        let speech = self
            .speech
            .of_call(call.voice.as_ref(), call.language.as_ref())?;
        let service = self.services.of(&speech.language)?.clone();
        Some((speech.language, service))
    }
}

impl Settings {
    /// Parses `TRANSCRIPTION_SERVICES`. Default: none.
    ///
    /// # Errors
    ///
    /// When `TRANSCRIPTION_SERVICES` is malformed.
    pub fn transcription_services(&self) -> Result<TranscriptionServices, ConfigError> {
        const EXPECTED: &str = "a JSON object of languages and the SIDs of Intelligence services, such as {\"en-US\":\"GA0123456789abcdef0123456789abcdef\"}";
        let services = self.values.get("TRANSCRIPTION_SERVICES")?.map(str::parse);
        let services = services.transpose();
        services
            .map(Option::unwrap_or_default)
            .map_err(|_| ConfigError::malformed("TRANSCRIPTION_SERVICES", EXPECTED))
    }

    /// Parses how recordings are transcribed. `None` if they are not.
    ///
    /// # Errors
    ///
    /// When a variable is malformed.
    pub fn transcription(&self) -> Result<Option<TranscriptionConfig>, ConfigError> {
        let services = self.transcription_services()?;
        if services.is_empty() {
            return Ok(None);
        }
        let speech = self.default_speech()?;
        Ok(Some(TranscriptionConfig { services, speech }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recordings_are_not_transcribed_without_a_service() {
        let config = |pairs| Settings::from_pairs(pairs).unwrap().transcription();
        assert!(config([("LANGUAGE", "de-DE")]).unwrap().is_none());
        let error = config([("TRANSCRIPTION_SERVICES", "GA1")]).unwrap_err();
        let error = error.to_string();
        assert!(
            error.starts_with("TRANSCRIPTION_SERVICES is malformed"),
            "{error}"
        );
        let services = r#"{"en-US": "GA0123456789abcdef0123456789abcdef"}"#;
        assert!(
            config([("TRANSCRIPTION_SERVICES", services)])
                .unwrap()
                .is_some()
        );
    }
}
