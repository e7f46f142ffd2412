//! Voices: their price class, and the languages that they speak.

use super::{
    Language, Voice,
    languages::{self, Spoken},
};

/// The price class of a voice. Each class costs several times as much as the previous one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VoiceClass {
    /// `man` and `woman`: free.
    Basic,
    /// Such as `Polly.Joanna` and `Google.en-US-Standard-A`.
    Standard,
    /// Such as `Polly.Joanna-Neural`, `Google.en-US-Wavenet-A` and `Google.en-US-Neural2-F`.
    Neural,
    /// Such as `Polly.Joanna-Generative` and `Google.en-US-Chirp3-HD-Aoede`.
    Generative,
}

impl VoiceClass {
    pub(super) const ALL: [Self; 4] = [Self::Basic, Self::Standard, Self::Neural, Self::Generative];

    /// The list price of a spoken character in millionths of a US dollar: Twilio's page about text-to-speech, November 2026.
    #[must_use]
    pub fn micros_per_character(self) -> u64 {
        match self {
            Self::Basic => 0,
            Self::Standard => 8,
            Self::Neural => 32,
            Self::Generative => 130,
        }
    }

    /// The class as spelled in `ALLOWED_VOICES`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Standard => "standard",
            Self::Neural => "neural",
            Self::Generative => "generative",
        }
    }
}

/// The form of a voice's name. Its case is ignored.
pub(super) enum Form<'a> {
    /// `man` and `woman`.
    Basic,
    /// The third basic voice, which Twilio no longer lists.
    Alice,
    /// `Polly.NAME`, `Polly.NAME-Neural`, `Polly.NAME-Generative`.
    Polly(&'a str),
    /// `Google.LANGUAGE-KIND-LETTER`.
    Google(&'a str),
    Other,
}

impl Voice {
    pub(super) fn form(&self) -> Form<'_> {
        let name = self.as_str();
        let Some((provider, voice)) = name.split_once('.') else {
            return match name.to_ascii_lowercase().as_str() {
                "man" | "woman" => Form::Basic,
                "alice" => Form::Alice,
                _ => Form::Other,
            };
        };
        match provider.to_ascii_lowercase().as_str() {
            "polly" => Form::Polly(voice),
            "google" => Form::Google(voice),
            _ => Form::Other,
        }
    }

    /// Returns the price class, or `None` for a name of unknown form, such as an `ElevenLabs` voice.
    #[must_use]
    pub fn class(&self) -> Option<VoiceClass> {
        match self.form() {
            Form::Basic | Form::Alice => Some(VoiceClass::Basic),
            Form::Polly(voice) => {
                let voice = voice.to_ascii_lowercase();
                let (name, class) = match voice.split_once('-') {
                    None => (voice.as_str(), VoiceClass::Standard),
                    Some((name, "neural")) => (name, VoiceClass::Neural),
                    Some((name, "generative")) => (name, VoiceClass::Generative),
                    Some(_) => return None,
                };
                let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphabetic());
                is_name.then_some(class)
            }
            Form::Google(voice) => {
                let voice = voice.to_ascii_lowercase();
                match voice.split('-').collect::<Vec<_>>()[..] {
                    [_, _, "standard", _] => Some(VoiceClass::Standard),
                    [_, _, "wavenet" | "neural2", _] => Some(VoiceClass::Neural),
                    [_, _, "chirp3", "hd", _] => Some(VoiceClass::Generative),
                    _ => None,
                }
            }
            Form::Other => None,
        }
    }

    /// Returns whether the voice is known to speak the language.
    #[must_use]
    pub fn speaks(&self, language: &Language) -> bool {
        match self.form() {
            Form::Basic => {
                languages::find(language.as_str()).is_some_and(|spoken| is_basic(spoken.voice))
            }
            Form::Alice => languages::find(language.as_str()).is_some_and(Spoken::has_alice),
            Form::Polly(voice) => languages::find(language.as_str())
                .is_some_and(|spoken| spoken.has_polly(polly_name(voice))),
            Form::Google(voice) => google_language(voice).is_some_and(|of_voice| {
                let same = |tag: &str| of_voice.eq_ignore_ascii_case(tag);
                same(language.as_str())
                    || languages::find(language.as_str()).is_some_and(|spoken| same(spoken.tag))
            }),
            Form::Other => false,
        }
    }

    /// Returns the first language that the voice is known to speak.
    pub(super) fn own_language(&self) -> Option<&str> {
        match self.form() {
            Form::Basic | Form::Alice => Some("en-US"),
            Form::Polly(voice) => languages::of_polly(polly_name(voice)).map(|spoken| spoken.tag),
            Form::Google(voice) => {
                google_language(voice).map(|tag| languages::named(tag).map_or(tag, |it| it.tag))
            }
            Form::Other => None,
        }
    }
}

fn is_basic(voice: &str) -> bool {
    voice == "woman"
}

fn polly_name(voice: &str) -> &str {
    voice.split_once('-').map_or(voice, |(name, _)| name)
}

/// The language of a Google voice: `en-US` for `en-US-Standard-A`.
fn google_language(voice: &str) -> Option<&str> {
    let (primary, rest) = voice.split_once('-')?;
    let (region, _) = rest.split_once('-')?;
    voice.get(..primary.len() + 1 + region.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voice(name: &str) -> Voice {
        name.parse().unwrap()
    }

    #[test]
    fn class_follows_from_the_name_in_any_case() {
        for (class, names) in [
            (
                Some(VoiceClass::Basic),
                &["man", "woman", "WOMAN", "alice"][..],
            ),
            (
                Some(VoiceClass::Standard),
                &["Polly.Joanna", "polly.mizuki", "Google.en-US-Standard-A"],
            ),
            (
                Some(VoiceClass::Neural),
                &[
                    "Polly.Joanna-Neural",
                    "Google.en-US-Wavenet-A",
                    "google.fil-ph-neural2-D",
                ],
            ),
            (
                Some(VoiceClass::Generative),
                &[
                    "Polly.Joanna-Generative",
                    "polly.joanna-generative",
                    "POLLY.JOANNA-GENERATIVE",
                    "Google.en-US-Chirp3-HD-Aoede",
                ],
            ),
            (
                None,
                &[
                    "ElevenLabs.UgBBYS2sOqTuMpoF3BR0",
                    "Polly.Joanna-Neural-Generative",
                    "Polly.Joanna_Generative",
                    "Polly.Joanna.Generative",
                    "Polly.-Neural",
                    "Polly.",
                    "Google.en-US-Studio-O",
                    "Google.en-US-Journey-D",
                    "Google.en-US-Chirp-HD-O",
                    "Google.en-US-Standard-A-Chirp3-HD",
                    "Google.Standard",
                    "nobody",
                    ".woman",
                ],
            ),
        ] {
            for name in names {
                assert_eq!(voice(name).class(), class, "{name}");
            }
        }
    }
}
