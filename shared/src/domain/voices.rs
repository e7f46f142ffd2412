//! Voices: what they cost, which languages they speak, and which of them speaks a call.

use std::{fmt, str::FromStr};

use super::{
    InvalidValue, Language, Voice,
    languages::{self, Spoken},
};

/// The price class of a voice. Each class costs a few times as much as the one before.
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
    const ALL: [Self; 4] = [Self::Basic, Self::Standard, Self::Neural, Self::Generative];

    /// The word in `ALLOWED_VOICES`.
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

/// The form of a voice's name. Twilio's names are compared without regard to case.
enum Form<'a> {
    Basic,
    /// `Polly.NAME`, `Polly.NAME-Neural`, `Polly.NAME-Generative`.
    Polly(&'a str),
    /// `Google.LANGUAGE-KIND-LETTER`.
    Google(&'a str),
    Other,
}

impl Voice {
    fn form(&self) -> Form<'_> {
        let name = self.as_str();
        let Some((provider, voice)) = name.split_once('.') else {
            return match name.to_ascii_lowercase().as_str() {
                "man" | "woman" | "alice" => Form::Basic,
                _ => Form::Other,
            };
        };
        match provider.to_ascii_lowercase().as_str() {
            "polly" => Form::Polly(voice),
            "google" => Form::Google(voice),
            _ => Form::Other,
        }
    }

    /// Returns the price class, or `None` for a name of no known form, such as an `ElevenLabs` voice, whose price is not known.
    #[must_use]
    pub fn class(&self) -> Option<VoiceClass> {
        match self.form() {
            Form::Basic => Some(VoiceClass::Basic),
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

    /// Whether the voice is known to speak the language with this tag of Twilio's.
    #[must_use]
    pub fn speaks(&self, language: &Language) -> bool {
        match self.form() {
            Form::Basic => {
                languages::find(language.as_str()).is_some_and(|spoken| is_basic(spoken.voice))
            }
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

    /// Returns the tag of the first language that the voice speaks, if it is known.
    fn own_language(&self) -> Option<&str> {
        match self.form() {
            Form::Basic => Some("en-US"),
            Form::Polly(voice) => languages::of_polly(polly_name(voice)).map(|spoken| spoken.tag),
            Form::Google(voice) => google_language(voice),
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

/// `en-US` of `en-US-Standard-A`.
fn google_language(voice: &str) -> Option<&str> {
    let (primary, rest) = voice.split_once('-')?;
    let (region, _) = rest.split_once('-')?;
    voice.get(..primary.len() + 1 + region.len())
}

/// How a text is spoken: the attributes of `<Say>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Speech {
    /// The voice.
    pub voice: Voice,
    /// The language.
    pub language: Language,
}

impl Speech {
    /// The configured voice and language. A basic voice that does not speak the language gives way to one that does.
    #[must_use]
    pub fn configured(voice: Voice, language: Language) -> Self {
        match languages::find(language.as_str()) {
            Some(spoken) if matches!(voice.form(), Form::Basic) && !voice.speaks(&language) => {
                Self::by_default(spoken)
            }
            _ => Self { voice, language },
        }
    }

    /// How a call that names these is spoken, where `self` is the configured way.
    ///
    /// A language without a voice gets the configured voice if that speaks it, else the language's default voice. A voice
    /// without a language speaks the configured language if it can, else its own. Returns `None` for a language without a
    /// voice that no voice is known to speak.
    #[must_use]
    pub fn of_call(&self, voice: Option<&Voice>, language: Option<&Language>) -> Option<Self> {
        match (voice, language) {
            (None, None) => Some(self.clone()),
            (Some(voice), Some(language)) => Some(Self {
                voice: voice.clone(),
                language: language.clone(),
            }),
            (Some(voice), None) => Some(self.with_voice(voice)),
            (None, Some(language)) => self.with_language(language),
        }
    }

    fn with_voice(&self, voice: &Voice) -> Self {
        let speaks = same(voice.as_str(), self.voice.as_str()) || voice.speaks(&self.language);
        let own = voice.own_language().filter(|_| !speaks);
        Self {
            voice: voice.clone(),
            language: own.map_or_else(|| self.language.clone(), |tag| Language(tag.to_owned())),
        }
    }

    fn with_language(&self, language: &Language) -> Option<Self> {
        if same(language.as_str(), self.language.as_str()) {
            return Some(self.clone());
        }
        let spoken = languages::find(language.as_str());
        if self.voice.speaks(language) {
            let tag = spoken.map_or(language.as_str(), |spoken| spoken.tag);
            return Some(Self {
                voice: self.voice.clone(),
                language: Language(tag.to_owned()),
            });
        }
        spoken.map(Self::by_default)
    }

    fn by_default(spoken: &Spoken) -> Self {
        Self {
            voice: Voice(spoken.voice.to_owned()),
            language: Language(spoken.tag.to_owned()),
        }
    }
}

fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// `ALLOWED_VOICES`: the voices that a call may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedVoices {
    classes: Vec<VoiceClass>,
    names: Vec<Voice>,
}

impl AllowedVoices {
    /// Whether the voice is of an allowed class, or named.
    #[must_use]
    pub fn contain(&self, voice: &Voice) -> bool {
        let mut names = self.names.iter();
        voice
            .class()
            .is_some_and(|class| self.classes.contains(&class))
            || names.any(|it| same(it.as_str(), voice.as_str()))
    }
}

impl FromStr for AllowedVoices {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let (mut classes, mut names) = (Vec::new(), Vec::new());
        for entry in text.split(',').map(str::trim) {
            let mut all = VoiceClass::ALL.into_iter();
            if let Some(class) = all.find(|class| same(class.as_str(), entry)) {
                classes.push(class);
                continue;
            }
            let voice: Voice = entry.parse()?;
            // A class that is misspelt must not pass for the name of a voice.
            if !entry.contains('.') && voice.class().is_none() {
                return Err(InvalidValue::new("must be classes or names of voices"));
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

    fn language(tag: &str) -> Language {
        tag.parse().unwrap()
    }

    #[test]
    fn the_class_follows_from_the_name_whatever_its_case() {
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

    #[test]
    fn a_language_without_a_voice_gets_a_voice_that_speaks_it() {
        let by = |configured: &str, tag: &str| {
            let speech = Speech::configured(voice(configured), language("en-US"));
            let speech = speech.of_call(None, Some(&language(tag)))?;
            Some((
                speech.voice.as_str().to_owned(),
                speech.language.as_str().to_owned(),
            ))
        };
        for (configured, tag, voice, spoken) in [
            ("woman", "ja-JP", "Polly.Mizuki", "ja-JP"),
            ("woman", "ja", "Polly.Mizuki", "ja-JP"),
            ("woman", "cmn-CN", "Polly.Zhiyu", "cmn-CN"),
            ("woman", "uk-UA", "Google.uk-UA-Standard-A", "uk-UA"),
            ("woman", "en-AU", "Polly.Nicole", "en-AU"),
            ("woman", "EN-us", "woman", "en-US"),
            ("man", "de-DE", "man", "de-DE"),
            ("man", "de", "man", "de-DE"),
            ("Polly.Joanna", "en-GB", "woman", "en-GB"),
            ("Polly.Joanna", "en", "Polly.Joanna", "en-US"),
            (
                "Polly.Takumi-Neural",
                "ja-JP",
                "Polly.Takumi-Neural",
                "ja-JP",
            ),
            ("Polly.Kajal-Neural", "hi-IN", "Polly.Kajal-Neural", "hi-IN"),
            (
                "Google.pt-BR-Neural2-A",
                "pt-BR",
                "Google.pt-BR-Neural2-A",
                "pt-BR",
            ),
            (
                "Google.xx-YY-Standard-A",
                "xx-YY",
                "Google.xx-YY-Standard-A",
                "xx-YY",
            ),
            ("ElevenLabs.abc", "pl-PL", "Polly.Ewa", "pl-PL"),
        ] {
            assert_eq!(
                by(configured, tag),
                Some((voice.to_owned(), spoken.to_owned())),
                "{configured} {tag}"
            );
        }
        assert_eq!(by("woman", "tlh"), None);
    }

    #[test]
    fn a_voice_without_a_language_speaks_one_that_it_knows() {
        let of = |name: &str| {
            let speech = Speech::configured(voice("Polly.Joanna"), language("en-US"));
            let speech = speech.of_call(Some(&voice(name)), None).unwrap();
            assert_eq!(speech.voice.as_str(), name);
            speech.language.as_str().to_owned()
        };
        for (name, tag) in [
            ("Polly.Mizuki", "ja-JP"),
            ("Polly.Matthew-Neural", "en-US"),
            ("Google.fr-CA-Wavenet-B", "fr-CA"),
            ("man", "en-US"),
            ("Polly.Nobody", "en-US"),
            ("ElevenLabs.abc", "en-US"),
        ] {
            assert_eq!(of(name), tag, "{name}");
        }
    }

    #[test]
    fn a_call_that_names_both_is_spoken_as_it_says() {
        let speech = Speech::configured(voice("woman"), language("en-US"));
        let spoken = speech
            .of_call(Some(&voice("man")), Some(&language("xx")))
            .unwrap();
        assert_eq!(
            (spoken.voice.as_str(), spoken.language.as_str()),
            ("man", "xx")
        );
    }

    #[test]
    fn a_basic_voice_gives_way_where_it_does_not_speak_the_configured_language() {
        for (configured, tag, spoken) in [
            ("woman", "ja-JP", "Polly.Mizuki"),
            ("man", "fr-FR", "man"),
            ("woman", "en-CA", "woman"),
            ("Polly.Joanna", "ja-JP", "Polly.Joanna"),
            ("woman", "tlh", "woman"),
        ] {
            let speech = Speech::configured(voice(configured), language(tag));
            assert_eq!(
                (speech.voice.as_str(), speech.language.as_str()),
                (spoken, tag)
            );
        }
    }

    #[test]
    fn classes_and_names_are_allowed_whatever_their_case() {
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
