//! Speech: voice, language, and the sentences that the service itself speaks.

use std::collections::HashMap;

use super::{ConfigError, Settings};
use crate::{
    domain::{DefaultVoices, Notice, Notices, OptOutKey, PhoneNumber, Script, Speech, Spelled},
    variables::Values,
};

/// The default of `APOLOGY`.
pub const DEFAULT_APOLOGY: &str = "We are sorry, something went wrong on our side. Goodbye.";
/// The default of the notice `moment`.
const DEFAULT_MOMENT: &str = "One moment, please.";
/// The default of the notice `thanks`.
const DEFAULT_THANKS: &str = "Thank you. Your answer was received. Goodbye.";
/// The default of the notice `opted_out`.
const DEFAULT_OPTED_OUT: &str = "You will get no further calls from us. Goodbye.";
/// The default of the notice `withheld`.
const DEFAULT_WITHHELD: &str =
    "We can't see your number. Please call again without hiding it. Goodbye.";

/// Voice, language, and the texts other than scripts that `voice` speaks.
#[derive(Debug, Clone)]
pub struct SpeechConfig {
    /// `VOICE`, `LANGUAGE` and `DEFAULT_VOICES`: the defaults for calls.
    pub speech: Speech,
    /// `APOLOGY`: spoken if the script can't be read.
    pub apology: String,
    /// `RECORDING_NOTICE`: spoken before the script of a recorded call.
    pub recording_notice: Option<String>,
    /// `NOTICES`: sentences by language.
    pub notices: Notices,
    /// `OPT_OUT_KEY`: the key with which a person asks for no further calls.
    pub opt_out_key: Option<OptOutKey>,
    /// `CALLBACK_NUMBER`: the number to call for no further calls.
    pub callback_number: Option<PhoneNumber>,
}

/// The notices that a call must say if a person can opt out of it.
#[derive(Debug, Clone)]
pub struct OpeningConfig {
    /// `OPT_OUT_KEY`.
    pub opt_out_key: Option<OptOutKey>,
    /// `NOTICES`.
    pub notices: Notices,
    /// True if there is a `RECORDING_NOTICE`, which goes for all languages.
    pub has_recording_notice: bool,
    /// True if there is a `CALLBACK_NUMBER`.
    pub has_callback_number: bool,
}

impl SpeechConfig {
    /// Returns a notice for a call with this speech, and the speech to say it with. `None` if there is none in its language.
    ///
    /// A recording notice without a translation is `RECORDING_NOTICE`. Notices with a built-in text are said in the default
    /// language if they have no translation. Without the notice `callback`, only the number is said.
    #[must_use]
    pub fn notice<'a>(&'a self, notice: Notice, call: &'a Speech) -> Option<(&'a str, &'a Speech)> {
        if let Some(text) = self.notices.find(&call.language, notice) {
            return Some((text, call));
        }
        let by_default = match notice {
            Notice::Identity | Notice::OptOut => return None,
            Notice::Callback => return Some((Notices::NUMBER, call)),
            Notice::Recording => return Some((self.recording_notice.as_deref()?, call)),
            Notice::Apology => &self.apology,
            Notice::Moment => DEFAULT_MOMENT,
            Notice::Thanks => DEFAULT_THANKS,
            Notice::OptedOut => DEFAULT_OPTED_OUT,
            Notice::Withheld => DEFAULT_WITHHELD,
        };
        let own = self.notices.find(&self.speech.language, notice);
        Some((own.unwrap_or(by_default), &self.speech))
    }

    /// Returns the sentence with `CALLBACK_NUMBER` that follows a message for a machine, in the call's language. `None` if the
    /// person can't opt out, or if there is no number.
    #[must_use]
    pub fn callback_notice(&self, call: &Speech) -> Option<String> {
        let number = self
            .callback_number
            .as_ref()
            .filter(|_| self.opt_out_key.is_some())?;
        let (text, _) = self.notice(Notice::Callback, call)?;
        let digits: Spelled = number.as_str().trim_start_matches('+').parse().ok()?;
        Some(text.replace(Notices::NUMBER, &digits.to_speech()))
    }
}

impl Settings {
    /// Parses `VOICE`, `LANGUAGE`, `DEFAULT_VOICES`, `APOLOGY`, `RECORDING_NOTICE`, `NOTICES`, `OPT_OUT_KEY` and `CALLBACK_NUMBER`.
    ///
    /// # Errors
    ///
    /// When a variable is malformed.
    pub fn speech(&self) -> Result<SpeechConfig, ConfigError> {
        Ok(SpeechConfig {
            speech: self.default_speech()?,
            apology: self.apology()?,
            recording_notice: self.spoken_text("RECORDING_NOTICE")?,
            notices: self.notices()?,
            opt_out_key: self.opt_out_key()?,
            callback_number: self.callback_number()?,
        })
    }

    /// Parses `VOICE`, `LANGUAGE`, `DEFAULT_VOICES`, `APOLOGY` and `NOTICES`, for a function that must speak whatever they are. A
    /// malformed one is logged, and the defaults count.
    #[must_use]
    pub fn speech_or_default(&self) -> SpeechConfig {
        SpeechConfig {
            speech: self.or_default(Self::default_speech),
            apology: self.or_default(Self::apology),
            recording_notice: None,
            notices: self.or_default(Self::notices),
            opt_out_key: None,
            callback_number: None,
        }
    }

    fn or_default<T>(&self, parse: fn(&Self) -> Result<T, ConfigError>) -> T {
        parse(self).unwrap_or_else(|error| {
            tracing::error!(%error, "variable ignored");
            let unset = self.with_values(Values::new(HashMap::new()).into());
            parse(&unset).expect("a variable of speech has a default")
        })
    }

    /// Parses `APOLOGY`.
    fn apology(&self) -> Result<String, ConfigError> {
        let own = self.spoken_text("APOLOGY")?;
        Ok(own.unwrap_or_else(|| DEFAULT_APOLOGY.to_owned()))
    }

    fn spoken_text(&self, name: &str) -> Result<Option<String>, ConfigError> {
        match self.values.get(name)? {
            Some(text) if text.parse::<Script>().is_err() => Err(ConfigError::malformed(
                name,
                "a text of at most 3,000 characters that XML 1.0 allows",
            )),
            text => Ok(text.map(str::to_owned)),
        }
    }

    /// Parses `OPT_OUT_KEY`, `NOTICES`, `RECORDING_NOTICE` and `CALLBACK_NUMBER`.
    pub(super) fn opening(&self) -> Result<OpeningConfig, ConfigError> {
        Ok(OpeningConfig {
            opt_out_key: self.opt_out_key()?,
            notices: self.notices()?,
            has_recording_notice: self.values.get("RECORDING_NOTICE")?.is_some(),
            has_callback_number: self.callback_number()?.is_some(),
        })
    }

    fn opt_out_key(&self) -> Result<Option<OptOutKey>, ConfigError> {
        let key = self.values.get("OPT_OUT_KEY")?;
        key.map(str::parse)
            .transpose()
            .map_err(|_| ConfigError::malformed("OPT_OUT_KEY", "one digit, such as 9"))
    }

    /// Parses `NOTICES`.
    fn notices(&self) -> Result<Notices, ConfigError> {
        let text = self.values.get("NOTICES")?;
        text.map_or(Ok(Notices::default()), str::parse)
            .map_err(|fault| ConfigError::new(format!("NOTICES is malformed: {fault}")))
    }

    /// Parses `VOICE`, `LANGUAGE` and `DEFAULT_VOICES`.
    pub(super) fn default_speech(&self) -> Result<Speech, ConfigError> {
        let speech = Speech::configured(
            self.values.parsed(
                "VOICE",
                "woman",
                "the name of a Twilio voice, such as woman or Polly.Joanna-Neural",
            )?,
            self.values
                .parsed("LANGUAGE", "en-US", "a language tag, such as en-US")?,
        );
        let Some(voices) = self.values.get("DEFAULT_VOICES")? else {
            return Ok(speech);
        };
        let voices: DefaultVoices = voices
            .parse()
            .map_err(|fault| ConfigError::new(format!("DEFAULT_VOICES is malformed: {fault}")))?;
        Ok(speech.with_defaults(voices))
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
        let Speech {
            voice, language, ..
        } = &config.speech;
        assert_eq!((voice.as_str(), language.as_str()), ("woman", "en-US"));
        assert!(!config.apology.is_empty());
        assert_eq!(config.recording_notice, None);
        assert!(settings([("APOLOGY", "a\u{7}")]).speech().is_err());
        assert!(settings([("VOICE", "a b")]).speech().is_err());
    }

    #[test]
    fn notice_without_a_translation_is_said_in_the_default_language_if_at_all() {
        let config = settings([
            ("LANGUAGE", "fr-FR"),
            ("APOLOGY", "Pardon."),
            ("RECORDING_NOTICE", "Recorded."),
            (
                "NOTICES",
                "{\n\"es\": {\"apology\": \"Perdon.\"}, \"fr\": {\"thanks\": \"Merci.\"}}",
            ),
        ]);
        let config = config.speech().unwrap();
        let of = |notice, language: &str| {
            let call = config
                .speech
                .of_stored(None, Some(&language.parse().unwrap()));
            let (text, speech) = config.notice(notice, &call)?;
            Some((text.to_owned(), speech.language.as_str().to_owned()))
        };
        for (notice, language, expected) in [
            (Notice::Apology, "es-MX", Some(("Perdon.", "es-MX"))),
            (Notice::Apology, "de-DE", Some(("Pardon.", "fr-FR"))),
            (Notice::Thanks, "es-MX", Some(("Merci.", "fr-FR"))),
            (Notice::Moment, "es-MX", Some((DEFAULT_MOMENT, "fr-FR"))),
            (Notice::Recording, "de-DE", Some(("Recorded.", "de-DE"))),
            (Notice::Identity, "fr-FR", None),
        ] {
            let expected = expected.map(|(text, tag)| (text.to_owned(), tag.to_owned()));
            assert_eq!(of(notice, language), expected, "{notice:?} {language}");
        }
    }

    #[test]
    fn callback_notice_says_each_digit_of_the_number() {
        let notices = r#"{"en": {"callback": "Call {number}, day or night."}}"#;
        let of = |notices, key, number| {
            let pairs = [
                ("NOTICES", notices),
                ("OPT_OUT_KEY", key),
                ("CALLBACK_NUMBER", number),
            ];
            let config = settings(pairs).speech().unwrap();
            config.callback_notice(&config.speech)
        };
        assert_eq!(
            of(notices, "9", "+12125550100").as_deref(),
            Some("Call 1, 2, 1, 2, 5, 5, 5, 0, 1, 0, 0, day or night.")
        );
        assert_eq!(
            of(r#"{"es": {}}"#, "9", "+12125550100").as_deref(),
            Some("1, 2, 1, 2, 5, 5, 5, 0, 1, 0, 0")
        );
        assert_eq!(of(notices, "", "+12125550100"), None);
        assert_eq!(of(notices, "9", ""), None);
    }

    #[test]
    fn malformed_variable_has_its_default_where_something_must_be_spoken() {
        let good = [
            ("VOICE", "Polly.Mia"),
            ("LANGUAGE", "es-MX"),
            ("APOLOGY", "Perdón."),
            ("NOTICES", r#"{"fr": {"apology": "Pardon."}}"#),
        ];
        let spoken = |changed: &str, bad: &str| {
            let config = settings(good.map(|(name, value)| {
                let value = if name == changed { bad } else { value };
                (name, value)
            }));
            let config = config.speech_or_default();
            let french = config
                .speech
                .of_stored(None, Some(&"fr-FR".parse().unwrap()));
            let (french, _) = config.notice(Notice::Apology, &french).unwrap();
            [
                config.speech.voice.as_str(),
                config.speech.language.as_str(),
                config.apology.as_str(),
                french,
            ]
            .map(str::to_owned)
        };
        let all = ["Polly.Mia", "es-MX", "Perdón.", "Pardon."];
        let default = DEFAULT_APOLOGY;
        for (changed, bad, expected) in [
            ("", "", all),
            ("VOICE", "a b", ["woman", "en-US", all[2], all[3]]),
            ("LANGUAGE", "e s", ["woman", "en-US", all[2], all[3]]),
            ("APOLOGY", "a\u{7}", [all[0], all[1], default, all[3]]),
            ("NOTICES", "{", [all[0], all[1], all[2], all[2]]),
        ] {
            assert_eq!(spoken(changed, bad), expected, "{changed}");
        }
    }

    #[test]
    fn malformed_notices_are_refused_by_place() {
        let error = settings([("NOTICES", r#"{"en": {"identity": ""}}"#)]).speech();
        assert_eq!(
            error.unwrap_err().to_string(),
            "NOTICES is malformed: en.identity must be a text of 1 to 500 characters that XML 1.0 allows"
        );
    }
}
