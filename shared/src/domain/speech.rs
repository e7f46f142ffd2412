//! Speech: which voice speaks which language, if a request names one, both or neither.

use std::sync::Arc;

use super::{
    DefaultVoices, Language, Part, Voice,
    languages::{self, Spoken},
    voices::VoiceClass,
};

/// A voice and a language: the attributes of `<Say>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Speech {
    /// The voice.
    pub voice: Voice,
    /// The language.
    pub language: Language,
    /// True if a request names the voice. It then speaks every language that it knows.
    is_named: bool,
    defaults: Arc<DefaultVoices>,
}

impl Speech {
    /// The configured speech. A basic voice that does not speak the language is replaced by one that does.
    #[must_use]
    pub fn configured(voice: Voice, language: Language) -> Self {
        match languages::find(language.as_str()) {
            Some(spoken)
                if voice.class() == Some(VoiceClass::Basic) && !voice.speaks(&language) =>
            {
                Self::by_default(spoken)
            }
            _ => Self {
                voice,
                language,
                is_named: false,
                defaults: Arc::default(),
            },
        }
    }

    /// The configured speech with these default voices. A voice for its language replaces its own.
    #[must_use]
    pub fn with_defaults(self, defaults: DefaultVoices) -> Self {
        let speech = Self {
            defaults: Arc::new(defaults),
            ..self
        };
        speech
            .by_configured_default(&speech.language)
            .unwrap_or(speech)
    }

    /// Returns true for the configured voice and the configured default voices. `self` is the configured speech.
    #[must_use]
    pub fn is_default(&self, voice: &Voice) -> bool {
        same(voice.as_str(), self.voice.as_str()) || self.defaults.contain(voice)
    }

    /// The speech of a call whose request names these. `self` is the configured speech.
    ///
    /// - Only a language: its voice in [`DefaultVoices`]. Otherwise the configured voice if it speaks the language, otherwise the
    ///   language's built-in default voice. `None` if no known voice speaks it.
    /// - Only a voice: the configured language if the voice speaks it, otherwise the voice's own.
    #[must_use]
    pub fn of_call(&self, voice: Option<&Voice>, language: Option<&Language>) -> Option<Self> {
        match (voice, language) {
            (None, None) => Some(self.clone()),
            (Some(voice), Some(language)) => Some(Self {
                voice: voice.clone(),
                language: language.clone(),
                is_named: true,
                defaults: self.defaults.clone(),
            }),
            (Some(voice), None) => Some(self.with_voice(voice)),
            (None, Some(language)) => self.with_language(language),
        }
    }

    /// The speech of a part of a call's steps. `self` is the call's. A language that no known voice speaks changes nothing.
    #[must_use]
    pub fn of_part(&self, part: &Part) -> Self {
        self.of_call(part.voice.as_ref(), part.language.as_ref())
            .unwrap_or_else(|| self.clone())
    }

    /// The speech of a stored call with these. `self` is the configured speech.
    #[must_use]
    pub fn of_stored(&self, voice: Option<&Voice>, language: Option<&Language>) -> Self {
        // Only calls of earlier versions have a language that no known voice speaks.
        self.of_call(voice, language).unwrap_or_else(|| Self {
            language: language.unwrap_or(&self.language).clone(),
            ..self.clone()
        })
    }

    fn with_voice(&self, voice: &Voice) -> Self {
        let speaks = same(voice.as_str(), self.voice.as_str()) || voice.speaks(&self.language);
        let own = voice.own_language().filter(|_| !speaks);
        Self {
            voice: voice.clone(),
            language: own.map_or_else(|| self.language.clone(), |tag| Language(tag.to_owned())),
            is_named: true,
            defaults: self.defaults.clone(),
        }
    }

    fn with_language(&self, language: &Language) -> Option<Self> {
        let by_default = self.by_configured_default(language);
        if by_default.is_some() && !self.is_named {
            return by_default;
        }
        if same(language.as_str(), self.language.as_str()) {
            return Some(self.clone());
        }
        if self.voice.speaks(language) {
            return Some(Self {
                language: spoken_tag(language),
                ..self.clone()
            });
        }
        by_default.or_else(|| {
            let spoken = languages::find(language.as_str())?;
            Some(Self {
                defaults: self.defaults.clone(),
                ..Self::by_default(spoken)
            })
        })
    }

    /// The configured default voice for the language.
    fn by_configured_default(&self, language: &Language) -> Option<Self> {
        Some(Self {
            voice: self.defaults.of(language)?.clone(),
            language: spoken_tag(language),
            is_named: false,
            defaults: self.defaults.clone(),
        })
    }

    fn by_default(spoken: &Spoken) -> Self {
        Self {
            voice: Voice(spoken.voice.to_owned()),
            language: Language(spoken.tag.to_owned()),
            is_named: false,
            defaults: Arc::default(),
        }
    }
}

/// The tag under which Twilio knows the language.
fn spoken_tag(language: &Language) -> Language {
    let spoken = languages::find(language.as_str());
    spoken.map_or_else(
        || language.clone(),
        |spoken| Language(spoken.tag.to_owned()),
    )
}

fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
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
    fn language_alone_gets_a_voice_that_speaks_it() {
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
    fn voice_alone_gets_a_language_that_it_speaks() {
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
            ("google.fr-ca-wavenet-b", "fr-CA"),
            ("Google.fil-ph-Neural2-A", "fil-PH"),
            ("Google.xx-YY-Standard-A", "xx-YY"),
            ("man", "en-US"),
            ("Polly.Nobody", "en-US"),
            ("ElevenLabs.abc", "en-US"),
        ] {
            assert_eq!(of(name), tag, "{name}");
        }
    }

    #[test]
    fn alice_speaks_more_languages_than_the_other_basic_voices() {
        let speech = |name: &str, tag: &str| Speech::configured(voice(name), language(tag));
        let configured = speech("alice", "ja-JP");
        assert_eq!(configured.voice.as_str(), "alice");
        for (tag, spoken) in [
            ("pt-BR", "alice"),
            ("sv", "alice"),
            ("tr-TR", "Polly.Filiz"),
        ] {
            let of_call = configured.of_call(None, Some(&language(tag))).unwrap();
            assert_eq!(of_call.voice.as_str(), spoken, "{tag}");
        }
        for (tag, spoken) in [("ja-JP", "ja-JP"), ("tr-TR", "en-US")] {
            let of_call = speech("Polly.Joanna", tag).of_call(Some(&voice("Alice")), None);
            assert_eq!(of_call.unwrap().language.as_str(), spoken);
        }
    }

    #[test]
    fn request_with_voice_and_language_gets_both() {
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
    fn basic_voice_is_replaced_if_it_does_not_speak_the_configured_language() {
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
    fn configured_default_voice_speaks_its_language_unless_the_request_names_a_voice() {
        let defaults = r#"{"en-US": "Polly.Joanna-Neural", "es-MX": "Polly.Mia-Neural", "hi": "Google.hi-IN-Neural2-A"}"#;
        let configured = Speech::configured(voice("woman"), language("en-US"));
        let configured = configured.with_defaults(defaults.parse().unwrap());
        let of = |base: &Speech, name: Option<&str>, tag: Option<&str>| {
            let (name, tag) = (name.map(voice), tag.map(language));
            base.of_call(name.as_ref(), tag.as_ref()).unwrap()
        };
        for (name, tag, spoken, in_language) in [
            (None, None, "Polly.Joanna-Neural", "en-US"),
            (None, Some("en"), "Polly.Joanna-Neural", "en-US"),
            (None, Some("es-MX"), "Polly.Mia-Neural", "es-MX"),
            (None, Some("ES-mx"), "Polly.Mia-Neural", "es-MX"),
            (None, Some("es"), "woman", "es-ES"),
            (None, Some("ja-JP"), "Polly.Mizuki", "ja-JP"),
            (Some("man"), Some("es-MX"), "man", "es-MX"),
            (Some("Polly.Andres"), None, "Polly.Andres", "es-MX"),
        ] {
            let speech = of(&configured, name, tag);
            let found = (speech.voice.as_str(), speech.language.as_str());
            assert_eq!(found, (spoken, in_language), "{name:?} {tag:?}");
        }
        let part = |base: &Speech, tag| of(base, None, Some(tag)).voice.as_str().to_owned();
        let kajal = of(&configured, Some("Polly.Kajal"), None);
        assert_eq!(kajal.language.as_str(), "en-IN");
        assert_eq!(
            part(&kajal, "hi-IN"),
            "Polly.Kajal",
            "a named voice speaks its languages"
        );
        assert_eq!(part(&kajal, "es-MX"), "Polly.Mia-Neural");
        let indian = of(&configured, None, Some("en-IN"));
        assert_eq!(part(&indian, "hi-IN"), "Google.hi-IN-Neural2-A");
        let japanese = of(&configured, None, Some("ja-JP"));
        assert_eq!(part(&japanese, "en-US"), "Polly.Joanna-Neural");
        assert!(configured.is_default(&voice("polly.MIA-neural")));
        assert!(!configured.is_default(&voice("Polly.Mia")));
    }
}
