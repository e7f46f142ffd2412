//! `TRANSCRIPTION_SERVICES`: the service of Twilio's Intelligence for each language.

use std::{collections::BTreeMap, str::FromStr};

use crate::domain::{InvalidValue, Language, ServiceSid};

/// The services by language. A service has one language for good.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TranscriptionServices(BTreeMap<String, ServiceSid>);

impl TranscriptionServices {
    /// The most services.
    const MAX: usize = 100;

    /// Returns the service for this language, in any case of its tag.
    #[must_use]
    pub fn of(&self, language: &Language) -> Option<&ServiceSid> {
        self.0.get(&language.as_str().to_ascii_lowercase())
    }

    /// Returns true if there is no service, so that no call can be transcribed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Reads a JSON object: `{"en-US": "GA…"}`.
impl FromStr for TranscriptionServices {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let malformed = || InvalidValue::new("must be a JSON object of languages and services");
        let members: BTreeMap<String, String> =
            serde_json::from_str(text).map_err(|_| malformed())?;
        let count = members.len();
        let services: BTreeMap<_, _> = members
            .into_iter()
            .filter_map(|(language, sid)| {
                let language: Language = language.parse().ok()?;
                Some((language.as_str().to_ascii_lowercase(), sid.parse().ok()?))
            })
            .collect();
        if services.len() < count || count > Self::MAX {
            return Err(malformed());
        }
        Ok(Self(services))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SID: &str = "GA0123456789abcdef0123456789abcdef";

    #[test]
    fn service_is_found_by_its_language_in_any_case() {
        let services: TranscriptionServices = format!(r#"{{"en-US": "{SID}"}}"#).parse().unwrap();
        let of = |tag: &str| services.of(&tag.parse().unwrap()).map(ServiceSid::as_str);
        assert_eq!(of("EN-us"), Some(SID));
        assert_eq!(of("en-GB"), None);
        assert!("{}".parse::<TranscriptionServices>().unwrap().is_empty());
    }

    #[test]
    fn malformed_services_are_refused() {
        for text in [
            "",
            "[]",
            r#"{"en-US": "GA1"}"#,
            r#"{"en-US": 1}"#,
            &format!(r#"{{"": "{SID}"}}"#),
            &format!(r#"{{"en_US": "{SID}"}}"#),
            &format!(r#"{{"en-US": "{SID}", "EN-US": "{SID}"}}"#),
        ] {
            assert!(text.parse::<TranscriptionServices>().is_err(), "{text}");
        }
    }
}
