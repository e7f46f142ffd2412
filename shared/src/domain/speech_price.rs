//! Prices of speech.

use std::{fmt, str::FromStr};

use super::InvalidValue;

/// An amount in US dollars, exact to a millionth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SpeechPrice(u64);

/// The decimals of an amount.
const DECIMALS: usize = 6;
const MICROS_PER_DOLLAR: u64 = 1_000_000;

impl SpeechPrice {
    /// The largest amount of `MAX_SPEECH_PRICE`.
    const MAX: Self = Self(1_000 * MICROS_PER_DOLLAR);

    /// An amount in millionths of a dollar.
    #[must_use]
    pub fn of_micros(micros: u64) -> Self {
        Self(micros)
    }
}

/// Parses `MAX_SPEECH_PRICE`: dollars from 0 to 1,000, with at most six decimals.
impl FromStr for SpeechPrice {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let malformed = || InvalidValue::new("must be an amount in US dollars, such as 0.25");
        let (dollars, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let is_number = |digits: &str, most| {
            (1..=most).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
        };
        if !is_number(dollars, 4) || !is_number(decimals, DECIMALS) {
            return Err(malformed());
        }
        let dollars: u64 = dollars.parse().map_err(|_| malformed())?;
        let micros: u64 = format!("{decimals:0<DECIMALS$}")
            .parse()
            .map_err(|_| malformed())?;
        let price = Self(dollars * MICROS_PER_DOLLAR + micros);
        Some(price)
            .filter(|it| *it <= Self::MAX)
            .ok_or_else(malformed)
    }
}

/// Shows dollars, with at least two decimals.
impl fmt::Display for SpeechPrice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = format!("{:06}", self.0 % MICROS_PER_DOLLAR);
        let decimals = decimals.trim_end_matches('0');
        write!(f, "${}.{decimals:0<2}", self.0 / MICROS_PER_DOLLAR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amount_is_read_and_shown_in_dollars() {
        for (text, shown) in [
            ("0", "$0.00"),
            ("0.25", "$0.25"),
            ("0.000008", "$0.000008"),
            ("1.5", "$1.50"),
            ("1000", "$1000.00"),
        ] {
            assert_eq!(text.parse::<SpeechPrice>().unwrap().to_string(), shown);
        }
        for bad in [
            "",
            ".",
            "1.",
            ".5",
            "-1",
            "+1",
            "1e3",
            "0.0000001",
            "1000.000001",
            "$1",
            "1,5",
            "00001",
        ] {
            assert!(bad.parse::<SpeechPrice>().is_err(), "{bad}");
        }
    }
}
