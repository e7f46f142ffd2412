//! Notices: the sentences that the service itself speaks in calls, by language.

use std::{collections::BTreeMap, iter, str::FromStr};

use serde_json::{Map, Value};

use super::{InvalidValue, Language, Script, languages};

/// A sentence that the service itself speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Notice {
    /// Who is calling.
    Identity,
    /// How to get no further calls.
    OptOut,
    /// That the call is recorded.
    Recording,
    /// That something went wrong.
    Apology,
    /// That the person has to wait a moment.
    Moment,
    /// That an answer was received.
    Thanks,
    /// The number to call for no further calls, in a message for a machine. It has [`Notices::NUMBER`].
    Callback,
    /// To a person who has called back: that there will be no further calls.
    OptedOut,
    /// To a person who has called back: that we can't see the number.
    Withheld,
}

impl Notice {
    /// All notices.
    pub const ALL: [Self; 9] = [
        Self::Identity,
        Self::OptOut,
        Self::Recording,
        Self::Apology,
        Self::Moment,
        Self::Thanks,
        Self::Callback,
        Self::OptedOut,
        Self::Withheld,
    ];

    /// The name in `NOTICES`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::OptOut => "opt_out",
            Self::Recording => "recording",
            Self::Apology => "apology",
            Self::Moment => "moment",
            Self::Thanks => "thanks",
            Self::Callback => "callback",
            Self::OptedOut => "opted_out",
            Self::Withheld => "withheld",
        }
    }
}

/// Notices by language.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notices(BTreeMap<String, BTreeMap<Notice, Script>>);

impl Notices {
    /// The most languages.
    pub const MAX_LANGUAGES: usize = 100;
    /// The most characters of a notice.
    pub const MAX_CHARACTERS: usize = 500;
    /// The place of `CALLBACK_NUMBER` in [`Notice::Callback`].
    pub const NUMBER: &str = "{number}";

    /// Returns the notice in this language, or in its longest prefix that has one: `es` for `es-MX`.
    ///
    /// Never returns another region's notice, such as that of `es-ES`.
    #[must_use]
    pub fn find(&self, language: &Language, notice: Notice) -> Option<&str> {
        let prefixes =
            iter::successors(Some(language.as_str()), |tag| Some(tag.rsplit_once('-')?.0));
        let mut found = prefixes.filter_map(|tag| self.0.get(&key(tag))?.get(&notice));
        found.next().map(Script::as_str)
    }
}

/// The tag that all spellings and aliases of a language share.
fn key(tag: &str) -> String {
    let tag = languages::named(tag).map_or(tag, |spoken| spoken.tag);
    tag.to_ascii_lowercase()
}

/// Parses a JSON object: `{"en-US": {"identity": "…", "opt_out": "…"}, "es": {…}}`. Errors are whole sentences.
impl FromStr for Notices {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let Ok(languages) = serde_json::from_str::<Map<String, Value>>(text) else {
            return Err(InvalidValue::new(
                "it must be a JSON object whose fields are language tags, such as {\"en-US\": {\"identity\": \"…\"}}",
            ));
        };
        if languages.len() > Self::MAX_LANGUAGES {
            let message = format!("it must have at most {} languages", Self::MAX_LANGUAGES);
            return Err(InvalidValue::new(message));
        }
        let mut notices = BTreeMap::new();
        for (tag, texts) in &languages {
            if tag.parse::<Language>().is_err() {
                return Err(InvalidValue::new(
                    "each field must be a language tag, such as en-US or es",
                ));
            }
            if notices.insert(key(tag), of_language(tag, texts)?).is_some() {
                let message = format!("{tag} is another name of a language that it has already");
                return Err(InvalidValue::new(message));
            }
        }
        Ok(Self(notices))
    }
}

fn of_language(tag: &str, texts: &Value) -> Result<BTreeMap<Notice, Script>, InvalidValue> {
    let names = || Notice::ALL.map(Notice::as_str).join(", ");
    let Some(texts) = texts.as_object() else {
        let message = format!("{tag} must be an object with some of {}", names());
        return Err(InvalidValue::new(message));
    };
    let mut notices = BTreeMap::new();
    for (name, text) in texts {
        let Some(notice) = Notice::ALL.into_iter().find(|it| it.as_str() == name) else {
            let message = format!("{tag} has an unknown field: it may have {}", names());
            return Err(InvalidValue::new(message));
        };
        let text = text
            .as_str()
            .filter(|text| text.chars().count() <= Notices::MAX_CHARACTERS);
        let Some(Ok(text)) = text.map(str::parse) else {
            let most = Notices::MAX_CHARACTERS;
            return Err(InvalidValue::new(format!(
                "{tag}.{name} must be a text of 1 to {most} characters that XML 1.0 allows"
            )));
        };
        if notice == Notice::Callback && !Script::as_str(&text).contains(Notices::NUMBER) {
            let number = Notices::NUMBER;
            let message = format!("{tag}.{name} must contain {number}, where the number is said");
            return Err(InvalidValue::new(message));
        }
        notices.insert(notice, text);
    }
    Ok(notices)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(notices: &str, tag: &str, notice: Notice) -> Option<String> {
        let notices: Notices = notices.parse().unwrap();
        let found = notices.find(&tag.parse().unwrap(), notice);
        found.map(str::to_owned)
    }

    #[test]
    fn language_has_the_notice_of_its_longest_prefix() {
        let notices = r#"{
            "es": {"identity": "es", "thanks": "gracias"},
            "es-MX": {"identity": "mx"},
            "EN-us": {"identity": "us"},
            "zh-TW": {"identity": "tw"}
        }"#;
        for (tag, expected) in [
            ("es-MX", Some("mx")),
            ("ES-mx", Some("mx")),
            ("es-ES", Some("es")),
            ("es-MX-x-formal", Some("mx")),
            ("es", Some("es")),
            ("en-US", Some("us")),
            ("en-GB", None),
            ("en", None),
            ("cmn-TW", Some("tw")),
            ("zh-CN", None),
        ] {
            let identity = found(notices, tag, Notice::Identity);
            assert_eq!(identity.as_deref(), expected, "{tag}");
        }
        let thanks = found(notices, "es-MX", Notice::Thanks);
        assert_eq!(thanks.as_deref(), Some("gracias"), "the shorter tag has it");
    }

    #[test]
    fn malformed_notices_are_refused_by_place() {
        let long = format!(r#"{{"en": {{"moment": "{}"}}}}"#, "a".repeat(501));
        let many: Vec<_> = (0..101).map(|n| format!(r#""x-{n}": {{}}"#)).collect();
        for (text, expected) in [
            ("", "a JSON object"),
            ("[]", "a JSON object"),
            ("{", "a JSON object"),
            (r#"{"en US": {}}"#, "each field"),
            (r#"{"en": "Hello."}"#, "en must be an object"),
            (r#"{"en": {"identiti": "Hello."}}"#, "en has an unknown"),
            (r#"{"en": {"identity": 1}}"#, "en.identity must be"),
            (r#"{"en": {"identity": " "}}"#, "en.identity must be"),
            (r#"{"en": {"thanks": "a\u0007"}}"#, "en.thanks must be"),
            (&long, "en.moment must be"),
            (
                r#"{"en": {"callback": "Call us."}}"#,
                "en.callback must contain {number}",
            ),
            (r#"{"zh-TW": {}, "cmn-tw": {}}"#, "is another name"),
            (&format!("{{{}}}", many.join(",")), "at most 100"),
        ] {
            let error = text.parse::<Notices>().unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert!("{}".parse::<Notices>().is_ok());
    }
}
