//! The error for a missing or malformed variable.

/// Why the configuration is invalid: one line that names the variable and says what to set it to.
///
/// It never shows the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl ConfigError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// The error for a variable that is not set. `expected` says what to set it to.
    pub(crate) fn missing(name: &str, expected: &str) -> Self {
        Self(format!("{name} is missing: set it to {expected}"))
    }

    /// The error for a variable with an invalid value. `expected` describes a valid one.
    #[must_use]
    pub fn malformed(name: &str, expected: &str) -> Self {
        Self(format!("{name} is malformed: it must be {expected}"))
    }
}
