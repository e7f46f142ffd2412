//! The allow-list of voices.

use std::{fmt, str::FromStr};

use super::{InvalidValue, Voice, VoiceClass};

/// `ALLOWED_VOICES`: the voices that a request may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedVoices {
    classes: Vec<VoiceClass>,
    names: Vec<Voice>,
}

impl AllowedVoices {
    /// Returns whether the voice belongs to an allowed class, or is listed by name.
    #[must_use]
    pub fn contain(&self, voice: &Voice) -> bool {
        let mut names = self.names.iter();
        voice
            .class()
            .is_some_and(|class| self.classes.contains(&class))
            || names.any(|it| it.as_str().eq_ignore_ascii_case(voice.as_str()))
    }
}

impl FromStr for AllowedVoices {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let (mut classes, mut names) = (Vec::new(), Vec::new());
        for entry in text.split(',').map(str::trim) {
            let mut all = VoiceClass::ALL.into_iter();
            if let Some(class) = all.find(|class| class.as_str().eq_ignore_ascii_case(entry)) {
                classes.push(class);
                continue;
            }
            let voice: Voice = entry.parse()?;
            // A misspelt class must not count as the name of a voice.
            if !entry.contains('.') && voice.class().is_none() {
                return Err(InvalidValue::new("must be voice classes or voice names"));
            }
            names.push(voice);
        }
        Ok(Self { classes, names })
    }
}

impl fmt::Display for AllowedVoices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let classes = self.classes.iter().map(|class| class.as_str());
        let names = self.names.iter().map(Voice::as_str);
        let all: Vec<_> = classes.chain(names).collect();
        f.write_str(&all.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voice(name: &str) -> Voice {
        name.parse().unwrap()
    }

    #[test]
    fn classes_and_names_match_in_any_case() {
        let allowed: AllowedVoices = "Basic, standard,ElevenLabs.abc , Polly.Joanna-Generative"
            .parse()
            .unwrap();
        for name in [
            "man",
            "Polly.Mia",
            "elevenlabs.ABC",
            "polly.joanna-generative",
        ] {
            assert!(allowed.contain(&voice(name)), "{name}");
        }
        for name in [
            "Polly.Mia-Neural",
            "Polly.Amy-Generative",
            "ElevenLabs.abcd",
            "nobody",
        ] {
            assert!(!allowed.contain(&voice(name)), "{name}");
        }
        assert_eq!(
            allowed.to_string(),
            "basic, standard, ElevenLabs.abc, Polly.Joanna-Generative"
        );
        for bad in ["", "basic,", "neurall", "ba sic", "basic;neural", "all"] {
            assert!(bad.parse::<AllowedVoices>().is_err(), "{bad}");
        }
    }
}
