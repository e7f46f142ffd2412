use std::{collections::BTreeMap, fmt, str::FromStr};

use deserr::{
    DeserializeError, Deserr, ErrorKind, IntoValue, Map, MergeWithError, Value, ValueKind,
    ValuePointerRef, take_cf_content,
};
use serde::{Deserialize, Serialize};

use super::{InvalidValue, from_json_string};

/// What is spoken on a call: 1–3,000 characters, none of which XML 1.0 forbids.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Script(String);

/// The longest `<Say>` that every voice of Twilio's takes (Polly's limit; basic voices take 4,096).
pub const SCRIPT_MAX: usize = 3_000;

impl Script {
    /// The text to speak.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Script {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        if text.trim().is_empty() || text.chars().count() > SCRIPT_MAX {
            return Err(InvalidValue::new(format!(
                "must have 1 to {SCRIPT_MAX} characters, not all of them blank"
            )));
        }
        if let Some(c) = text.chars().find(|&c| !is_xml_char(c)) {
            return Err(InvalidValue::new(format!(
                "contains U+{:04X}, which XML 1.0 forbids and Twilio could not speak",
                u32::from(c)
            )));
        }
        Ok(Self(text.to_owned()))
    }
}

/// Whether XML 1.0 allows the character (production `Char`).
#[must_use]
pub fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..)
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Script({} characters)", self.0.chars().count())
    }
}

macro_rules! token {
    ($(#[$doc:meta])* $name:ident, $allowed:expr, $message:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub(super) String);

        impl $name {
            /// The value as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidValue;

            fn from_str(text: &str) -> Result<Self, InvalidValue> {
                if (1..=64).contains(&text.len()) && text.bytes().all($allowed) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(InvalidValue::new($message))
                }
            }
        }
    };
}

token!(
    /// A voice of Twilio's `<Say>`, such as `woman` or `Polly.Joanna-Neural`.
    Voice,
    |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'),
    "must be the name of a Twilio voice, such as woman or Polly.Joanna-Neural"
);
token!(
    /// A language of Twilio's `<Say>`: a BCP 47 tag such as `en-US`.
    Language,
    |b: u8| b.is_ascii_alphanumeric() || b == b'-',
    "must be a language tag, such as en-US"
);

/// The caller's own notes on a call: a flat JSON object of strings, at most 2 kB in all.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Metadata(BTreeMap<String, String>);

const METADATA_MAX_BYTES: usize = 2_048;

impl Metadata {
    /// The notes by name.
    #[must_use]
    pub fn into_entries(self) -> BTreeMap<String, String> {
        self.0
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl TryFrom<BTreeMap<String, String>> for Metadata {
    type Error = InvalidValue;

    fn try_from(entries: BTreeMap<String, String>) -> Result<Self, InvalidValue> {
        let bytes: usize = entries
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        if bytes > METADATA_MAX_BYTES {
            return Err(InvalidValue::new(format!(
                "must have at most {METADATA_MAX_BYTES} bytes of names and values, and has {bytes}"
            )));
        }
        if entries
            .keys()
            .any(|name| name.is_empty() || name.contains('\0'))
        {
            return Err(InvalidValue::new(
                "must not have an empty name, nor one with U+0000",
            ));
        }
        Ok(Self(entries))
    }
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Metadata({} entries)", self.0.len())
    }
}

impl<E: DeserializeError + MergeWithError<InvalidValue>> Deserr<E> for Metadata {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef,
    ) -> Result<Self, E> {
        let Value::Map(map) = value else {
            return Err(take_cf_content(E::error(
                None,
                ErrorKind::IncorrectValueKind {
                    actual: value,
                    accepted: &[ValueKind::Map],
                },
                location,
            )));
        };
        // deserr's own reader of maps drops the entries that it refuses, and says nothing.
        let (mut entries, mut refused) = (BTreeMap::new(), None);
        for (name, value) in map.into_iter() {
            let here = location.push_key(&name);
            match <String as Deserr<E>>::deserialize_from_value(value.into_value(), here) {
                Ok(value) => {
                    entries.insert(name, value);
                }
                Err(error) => refused = Some(take_cf_content(E::merge(refused, error, here))),
            }
        }
        match refused {
            Some(error) => Err(error),
            None => Self::try_from(entries)
                .map_err(|error| take_cf_content(E::merge(None, error, location))),
        }
    }
}

from_json_string!(Script, Voice, Language);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_has_1_to_3000_characters() {
        assert!("a".parse::<Script>().is_ok());
        assert!("😀".repeat(3_000).parse::<Script>().is_ok());
        for bad in [String::new(), " \n".into(), "a".repeat(3_001)] {
            assert!(bad.parse::<Script>().is_err());
        }
    }

    #[test]
    fn a_script_holds_no_character_that_xml_forbids() {
        for bad in [
            "a\u{0}",
            "a\u{7}",
            "a\u{b}",
            "\u{1b}[1m",
            "a\u{FFFE}",
            "a\u{FFFF}b",
        ] {
            let error = bad.parse::<Script>().unwrap_err().to_string();
            assert!(error.contains("U+"), "{error}");
        }
        for good in [
            "a\tb\r\nc",
            "a\u{85}",
            "\u{FFFD}",
            "👨‍👩‍👧",
            "a\u{feff}b",
            "<Say>&]]>",
        ] {
            assert!(good.parse::<Script>().is_ok(), "{good:?}");
        }
    }

    #[test]
    fn a_script_never_prints() {
        let script: Script = "secret words".parse().unwrap();
        assert_eq!(format!("{script:?}"), "Script(12 characters)");
    }

    #[test]
    fn a_voice_is_a_name_and_a_language_a_tag() {
        assert!("Polly.Joanna-Neural".parse::<Voice>().is_ok());
        assert!("Google.en-US-Standard-A".parse::<Voice>().is_ok());
        assert!("\"><Hangup/>".parse::<Voice>().is_err());
        assert!("".parse::<Voice>().is_err());
        assert!("en-US".parse::<Language>().is_ok());
        assert!("en_US".parse::<Language>().is_err());
    }

    #[test]
    fn metadata_is_bounded_as_a_whole() {
        let of = |bytes: usize| BTreeMap::from([("k".to_owned(), "v".repeat(bytes - 1))]);
        assert!(Metadata::try_from(of(2_048)).is_ok());
        assert!(Metadata::try_from(of(2_049)).is_err());
    }
}
