//! The names of voices and languages, as in the attributes of `<Say>`.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{InvalidValue, from_json_string};

macro_rules! token {
    ($(#[$doc:meta])* $name:ident, $allowed:expr, $message:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub(super) String);

        impl $name {
            /// The name.
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
    /// A voice for `<Say>`, such as `woman` or `Polly.Joanna-Neural`.
    Voice,
    |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'),
    "must be the name of a Twilio voice, for example woman or Polly.Joanna-Neural"
);
token!(
    /// A language for `<Say>`: a BCP 47 tag such as `en-US`.
    Language,
    |b: u8| b.is_ascii_alphanumeric() || b == b'-',
    "must be a language tag, for example en-US"
);

from_json_string!(Voice, Language);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn voice_and_language_allow_few_characters() {
        assert!("Polly.Joanna-Neural".parse::<Voice>().is_ok());
        assert!("Google.en-US-Standard-A".parse::<Voice>().is_ok());
        assert!("\"><Hangup/>".parse::<Voice>().is_err());
        assert!("".parse::<Voice>().is_err());
        assert!("en-US".parse::<Language>().is_ok());
        assert!("en_US".parse::<Language>().is_err());
    }
}
