//! The names in steps: ids of steps, and outcomes.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::domain::{InvalidValue, from_json_string};

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The name.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidValue;

            fn from_str(text: &str) -> Result<Self, InvalidValue> {
                if is_name(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(InvalidValue::new(
                        "must start with a lower-case letter, and have at most 32 lower-case letters, digits and underscores",
                    ))
                }
            }
        }
    };
}

name!(
    /// The id of a step, and the target of a `goto`.
    StepId
);
name!(
    /// The client's own name for a result, such as `confirmed`.
    Outcome
);

from_json_string!(StepId, Outcome);

fn is_name(text: &str) -> bool {
    text.len() <= 32
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_lower_case_words() {
        for good in ["a", "confirm_2", &"a".repeat(32)] {
            assert!(good.parse::<StepId>().is_ok(), "{good}");
        }
        for bad in ["", "A", "1a", "_a", "a-b", "a b", "é", &"a".repeat(33)] {
            assert!(bad.parse::<Outcome>().is_err(), "{bad}");
        }
    }
}
