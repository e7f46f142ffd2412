//! `DEFAULT_VOICES`: the voices of calls and parts that name none, by language.

use std::{collections::BTreeMap, str::FromStr};

use serde_json::{Map, Value};

use super::{InvalidValue, Language, Voice, languages};

/// Voices by language.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DefaultVoices(BTreeMap<String, Voice>);

impl DefaultVoices {
    /// The most languages.
    pub const MAX: usize = 100;

    /// Returns the voice for this language, in any spelling of its tag.
    pub(super) fn of(&self, language: &Language) -> Option<&Voice> {
        self.0.get(&key(language.as_str()))
    }

    /// Returns true if it is the voice for a language.
    pub(super) fn contain(&self, voice: &Voice) -> bool {
        let mut voices = self.0.values();
        voices.any(|it| it.as_str().eq_ignore_ascii_case(voice.as_str()))
    }
}

/// The tag that all spellings of a language share.
fn key(tag: &str) -> String {
    let tag = languages::find(tag).map_or(tag, |spoken| spoken.tag);
    tag.to_ascii_lowercase()
}

/// Parses a JSON object: `{"es-MX": "Polly.Mia-Neural"}`. Errors are whole sentences.
impl FromStr for DefaultVoices {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let Ok(members) = serde_json::from_str::<Map<String, Value>>(text) else {
            return Err(InvalidValue::new(
                "it must be a JSON object of languages and voices, such as {\"es-MX\": \"Polly.Mia-Neural\"}",
            ));
        };
        if members.len() > Self::MAX {
            let message = format!("it must have at most {} languages", Self::MAX);
            return Err(InvalidValue::new(message));
        }
        let mut voices = BTreeMap::new();
        for (tag, voice) in &members {
            let Ok(language) = tag.parse::<Language>() else {
                return Err(InvalidValue::new(
                    "each field must be a language tag, such as es-MX",
                ));
            };
            let voice = voice.as_str().and_then(|name| name.parse::<Voice>().ok());
            let Some(voice) = voice.filter(|it| it.class().is_some() && it.speaks(&language))
            else {
                let message = format!("{tag} must be a known voice that speaks the language");
                return Err(InvalidValue::new(message));
            };
            if voices.insert(key(tag), voice).is_some() {
                let message = format!("{tag} is another name of a language that it has already");
                return Err(InvalidValue::new(message));
            }
        }
        Ok(Self(voices))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_voices_are_refused_by_language() {
        let many: Vec<_> = (0..101).map(|n| format!(r#""x-{n}": "man""#)).collect();
        for (text, expected) in [
            ("", "a JSON object"),
            ("es-MX=Polly.Mia", "a JSON object"),
            (r#"{"es MX": "Polly.Mia"}"#, "each field"),
            (r#"{"es-MX": 1}"#, "es-MX must be a known voice"),
            (r#"{"es-MX": ""}"#, "es-MX must be a known voice"),
            (r#"{"es-MX": "Polly.Joanna"}"#, "that speaks the language"),
            (r#"{"es-MX": "Polly.Mia-Neurall"}"#, "a known voice"),
            (r#"{"es-MX": "ElevenLabs.abc"}"#, "a known voice"),
            (r#"{"tlh": "woman"}"#, "that speaks the language"),
            (
                r#"{"es-ES": "woman", "es": "Polly.Lucia"}"#,
                "is another name of a language",
            ),
            (&format!("{{{}}}", many.join(",")), "at most 100"),
        ] {
            let error = text.parse::<DefaultVoices>().unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
        for good in [
            "{}",
            r#"{"es-MX": "polly.mia-neural", "de": "Polly.Vicki", "xx-YY": "Google.xx-YY-Standard-A"}"#,
        ] {
            assert!(good.parse::<DefaultVoices>().is_ok(), "{good}");
        }
    }
}
