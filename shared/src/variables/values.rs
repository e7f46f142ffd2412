//! Values by variable name: trimmed, and checked as they are read.

use std::{collections::HashMap, ops::RangeInclusive, str::FromStr};

use secrecy::{ExposeSecret, SecretString};

use super::{
    ConfigError,
    blanks::{check, trimmed},
};

/// Values by variable name, trimmed.
#[derive(Clone)]
pub struct Values(HashMap<String, SecretString>);

impl Values {
    pub(crate) fn new(values: HashMap<String, SecretString>) -> Self {
        let values = values.into_iter();
        Self(
            values
                .map(|(name, value)| (name, trimmed(value.expose_secret()).into()))
                .collect(),
        )
    }

    /// A copy in which the values of `secret` take precedence.
    pub(crate) fn overlaid_with(&self, secret: &HashMap<String, SecretString>) -> Self {
        let mut values = self.0.clone();
        for (name, value) in secret {
            values.insert(name.clone(), trimmed(value.expose_secret()).into());
        }
        Self(values)
    }

    /// The value of a variable, or `None` if it is not set or blank.
    ///
    /// # Errors
    ///
    /// When the value has blanks inside, and the variable is neither a spoken text nor a list.
    pub(crate) fn get(&self, name: &str) -> Result<Option<&str>, ConfigError> {
        let value = self.0.get(name).map(ExposeSecret::expose_secret);
        let value = value.filter(|value| !value.is_empty());
        value.map_or(Ok(()), |value| check(name, value))?;
        Ok(value)
    }

    /// The value of a variable that must be set. `expected` describes a valid value in the error.
    pub(crate) fn required(&self, name: &str, expected: &str) -> Result<&str, ConfigError> {
        self.get(name)?
            .ok_or_else(|| ConfigError::missing(name, expected))
    }

    /// The parsed value, or the parsed `default` if the variable is not set.
    pub(crate) fn parsed<T: FromStr>(
        &self,
        name: &str,
        default: &str,
        expected: &str,
    ) -> Result<T, ConfigError> {
        self.get(name)?
            .unwrap_or(default)
            .parse()
            .map_err(|_| ConfigError::malformed(name, expected))
    }

    /// A whole number in the range, or `default` if the variable is not set.
    pub(crate) fn number(
        &self,
        name: &str,
        default: u32,
        range: RangeInclusive<u32>,
    ) -> Result<u32, ConfigError> {
        let expected = || format!("a whole number from {} to {}", range.start(), range.end());
        let Some(text) = self.get(name)? else {
            return Ok(default);
        };
        text.parse()
            .ok()
            .filter(|number| range.contains(number))
            .ok_or_else(|| ConfigError::malformed(name, &expected()))
    }
}
