//! Scripts.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{InvalidValue, from_json_string};

/// The text that a call speaks: 1 to 3,000 characters, all of which XML 1.0 allows.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Script(String);

/// The most characters in one `<Say>` with any voice. This is Polly's limit; basic voices allow 4,096.
pub const SCRIPT_MAX: usize = 3_000;

impl Script {
    /// The script of a call that says nothing.
    pub(super) fn silent() -> Self {
        Self(" ".to_owned())
    }

    /// A text that no version takes for a template: it has a statement.
    pub(super) fn no_template() -> Self {
        Self("{% steps %}".to_owned())
    }

    /// The text.
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
                "must have 1 to {SCRIPT_MAX} characters, and must not be blank"
            )));
        }
        if let Some(c) = text.chars().find(|&c| !is_xml_char(c)) {
            return Err(InvalidValue::new(format!(
                "must not contain U+{:04X}, which XML 1.0 forbids",
                u32::from(c)
            )));
        }
        Ok(Self(text.to_owned()))
    }
}

/// Returns whether XML 1.0 allows the character (production `Char`).
#[must_use]
pub fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..)
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Script({} characters)", self.0.chars().count())
    }
}

from_json_string!(Script);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn script_has_1_to_3000_characters() {
        assert!("a".parse::<Script>().is_ok());
        assert!("😀".repeat(3_000).parse::<Script>().is_ok());
        for bad in [String::new(), " \n".into(), "a".repeat(3_001)] {
            assert!(bad.parse::<Script>().is_err());
        }
    }

    #[test]
    fn script_has_no_character_that_xml_forbids() {
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
    fn script_is_never_printed() {
        let script: Script = "secret words".parse().unwrap();
        assert_eq!(format!("{script:?}"), "Script(12 characters)");
    }
}
