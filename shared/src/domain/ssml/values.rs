//! The values of SSML's attributes.

use crate::domain::{Language, is_xml_char};

/// The values that an attribute may have.
#[derive(Debug, Clone, Copy)]
pub(super) enum Values {
    /// One of these words.
    Words(&'static [&'static str]),
    /// A time: at most `10s` or `10000ms`.
    Time,
    /// A volume: a word, or a difference in `dB`.
    Volume,
    /// A rate: a word, or a percentage.
    Rate,
    /// A pitch: a word, or a difference in percent.
    Pitch,
    /// A language tag.
    Language,
    /// The format of a date or time.
    Format,
    /// Any text of 1 to 200 characters.
    Text,
}

const VOLUMES: [&str; 7] = [
    "default", "silent", "x-soft", "soft", "medium", "loud", "x-loud",
];
const RATES: [&str; 5] = ["x-slow", "slow", "medium", "fast", "x-fast"];
const PITCHES: [&str; 6] = ["default", "x-low", "low", "medium", "high", "x-high"];
const MAX_TEXT: usize = 200;

impl Values {
    /// Returns true if an attribute may have this value.
    pub(super) fn contain(self, value: &str) -> bool {
        match self {
            Self::Words(words) => words.contains(&value),
            Self::Time => match value.strip_suffix("ms") {
                Some(number) => is_within(number, 0.0, 10_000.0),
                None => unit(value, "s").is_some_and(|number| is_within(number, 0.0, 10.0)),
            },
            Self::Volume => {
                VOLUMES.contains(&value)
                    || difference(value, "dB").is_some_and(|number| is_within(number, 0.0, 30.0))
            }
            Self::Rate => {
                RATES.contains(&value)
                    || unit(value, "%").is_some_and(|number| is_within(number, 20.0, 200.0))
            }
            Self::Pitch => {
                PITCHES.contains(&value)
                    || difference(value, "%").is_some_and(|number| is_within(number, 0.0, 50.0))
            }
            Self::Language => value.parse::<Language>().is_ok(),
            Self::Format => {
                let is_part = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'?';
                (1..=12).contains(&value.len()) && value.bytes().all(is_part)
            }
            Self::Text => {
                let length = value.chars().count();
                length <= MAX_TEXT
                    && !value.trim().is_empty()
                    && value.chars().all(|c| is_xml_char(c) && !c.is_control())
            }
        }
    }

    /// Describes the values: `must be …`.
    pub(super) fn described(self) -> String {
        let words = |words: &[&str], other: &str| format!("one of {}{other}", words.join(", "));
        match self {
            Self::Words(known) => words(known, ""),
            Self::Time => "a time of at most 10 s, such as 1.5s or 300ms".to_owned(),
            Self::Volume => words(&VOLUMES, ", or a difference of at most 30 dB, such as +6dB"),
            Self::Rate => words(&RATES, ", or 20% to 200%"),
            Self::Pitch => words(&PITCHES, ", or a difference of at most 50%, such as -10%"),
            Self::Language => "a language tag, such as es-MX".to_owned(),
            Self::Format => "a format, such as mdy".to_owned(),
            Self::Text => {
                format!("a text of 1 to {MAX_TEXT} characters, without control characters")
            }
        }
    }
}

fn unit<'a>(value: &'a str, unit: &str) -> Option<&'a str> {
    value.strip_suffix(unit)
}

/// The number of a difference, which has a sign: `6` in `+6dB`.
fn difference<'a>(value: &'a str, of: &str) -> Option<&'a str> {
    unit(value, of)?.strip_prefix(['+', '-'])
}

fn is_within(number: &str, least: f64, most: f64) -> bool {
    let is_digit = |b: u8| b.is_ascii_digit() || b == b'.';
    let is_number = (1..=8).contains(&number.len()) && number.bytes().all(is_digit);
    is_number
        && number
            .parse()
            .is_ok_and(|it: f64| (least..=most).contains(&it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_within_their_bounds() {
        let long = "a".repeat(201);
        for (values, good, bad) in [
            (
                Values::Time,
                &["0s", "1.5s", "10s", "10000ms", ".5s"][..],
                &[
                    "", "1", "s", "11s", "-1s", "10001ms", "1e1s", "1 s", "infs", "NaNs", "1.2.3s",
                ][..],
            ),
            (
                Values::Volume,
                &["loud", "+6dB", "-0.5dB"],
                &["6dB", "+31dB", "+dB", "LOUD", "++6dB"],
            ),
            (
                Values::Rate,
                &["slow", "20%", "200%"],
                &["19%", "201%", "+20%", "x"],
            ),
            (
                Values::Pitch,
                &["x-low", "+50%", "-5%"],
                &["5%", "+51%", "+1st"],
            ),
            (Values::Language, &["es-MX"], &["", "es MX", "\"x"]),
            (Values::Format, &["mdy", "yyyymmdd"], &["", "MDY", "m y"]),
            (
                Values::Text,
                &["World Wide Web", "pɪˈkɑːn", "\"'&<"],
                &["", " ", "a\u{0}", "a\nb", "\u{FFFE}", &long],
            ),
        ] {
            for value in good {
                assert!(values.contain(value), "{values:?} {value:?}");
            }
            for value in bad {
                assert!(!values.contain(value), "{values:?} {value:?}");
            }
        }
    }
}
