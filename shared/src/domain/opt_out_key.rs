//! The key with which a person asks for no further calls.

use std::{fmt, str::FromStr};

use super::InvalidValue;

/// The key with which a person asks for no further calls: a digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptOutKey(char);

impl OptOutKey {
    /// Returns true if these keys are this one, alone.
    #[must_use]
    pub fn is(self, keys: &str) -> bool {
        let mut pressed = keys.chars();
        pressed.next() == Some(self.0) && pressed.next().is_none()
    }
}

impl FromStr for OptOutKey {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match text.as_bytes() {
            [key @ b'0'..=b'9'] => Ok(Self(char::from(*key))),
            _ => Err(InvalidValue::new("must be one digit, 0 to 9")),
        }
    }
}

impl fmt::Display for OptOutKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
