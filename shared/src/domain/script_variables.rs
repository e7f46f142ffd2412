//! The values of a template's variables.

use std::{collections::BTreeMap, fmt};

use deserr::{DeserializeError, Deserr, IntoValue, MergeWithError, Value, ValuePointerRef};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::openapi::schema::{Object, Type};

use super::{InvalidValue, is_xml_char, string_map};

/// The values that fill in a [`ScriptTemplate`](super::ScriptTemplate): at most 64, each of at most 1,000 characters.
///
/// A name has 1 to 64 characters: ASCII letters, digits and `_`, and does not begin with a digit.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ScriptVariables(BTreeMap<String, String>);

const VALUE_MAX_CHARACTERS: usize = 1_000;

impl ScriptVariables {
    /// The most variables of one call.
    pub const COUNT_MAX: usize = 64;
    /// The longest name of a variable, in letters.
    pub const NAME_MAX: usize = 64;

    /// The values by their names.
    #[must_use]
    pub fn entries(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// Returns whether there are no variables.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a variable, or replaces its value.
    ///
    /// # Errors
    ///
    /// If the name or the value is invalid, or there would be too many variables.
    pub fn insert(&mut self, name: String, value: String) -> Result<(), InvalidValue> {
        if !Self::is_name(&name) {
            return Err(InvalidValue::new(format!(
                "must have a name of 1 to {} ASCII letters, digits and _, which does not begin with a digit",
                Self::NAME_MAX
            )));
        }
        if value.chars().count() > VALUE_MAX_CHARACTERS {
            return Err(InvalidValue::new(format!(
                "must have at most {VALUE_MAX_CHARACTERS} characters"
            )));
        }
        if let Some(c) = value.chars().find(|&c| !is_xml_char(c)) {
            return Err(InvalidValue::new(format!(
                "must not contain U+{:04X}, which XML 1.0 forbids",
                u32::from(c)
            )));
        }
        if self.0.len() == Self::COUNT_MAX && !self.0.contains_key(&name) {
            return Err(InvalidValue::new(format!(
                "is one variable too many: a call has at most {}",
                Self::COUNT_MAX
            )));
        }
        self.0.insert(name, value);
        Ok(())
    }

    /// Returns whether a variable may have this name.
    #[must_use]
    pub fn is_name(text: &str) -> bool {
        (1..=Self::NAME_MAX).contains(&text.len())
            && !text.starts_with(|c: char| c.is_ascii_digit())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    }
}

impl fmt::Debug for ScriptVariables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScriptVariables({} entries)", self.0.len())
    }
}

impl<E: DeserializeError + MergeWithError<InvalidValue>> Deserr<E> for ScriptVariables {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef,
    ) -> Result<Self, E> {
        let mut variables = Self::default();
        string_map(value, location, |name, value| variables.insert(name, value))?;
        Ok(variables)
    }
}

/// The schema of a body's variables.
pub(super) fn schema() -> Object {
    let name = Object::builder()
        .schema_type(Type::String)
        .pattern(Some("^[A-Za-z_][A-Za-z0-9_]{0,63}$"));
    let value = Object::builder()
        .schema_type(Type::String)
        .max_length(Some(VALUE_MAX_CHARACTERS));
    Object::builder()
        .schema_type(Type::Object)
        .additional_properties(Some(value))
        .property_names(Some(name))
        .max_properties(Some(ScriptVariables::COUNT_MAX))
        .description(Some("Values of the script's variables."))
        .examples([json!({"first_name": "Ada"})])
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_have_bounds() {
        let mut variables = ScriptVariables::default();
        let mut insert = |name: &str, value: String| variables.insert(name.to_owned(), value);
        for name in ["a", "_", "first_name", "A1", &"a".repeat(64)] {
            assert_eq!(insert(name, "é".repeat(1_000)), Ok(()), "{name}");
        }
        for name in ["", "1a", "a b", "a-b", "ä", "a.b", &"a".repeat(65)] {
            assert!(insert(name, String::new()).is_err(), "{name}");
        }
        for value in ["é".repeat(1_001), "a\0".to_owned(), "\u{FFFF}".to_owned()] {
            assert!(insert("a", value).is_err());
        }
        for number in 5..64 {
            assert_eq!(insert(&format!("v{number}"), String::new()), Ok(()));
        }
        assert!(insert("one_more", String::new()).is_err());
        assert_eq!(insert("a", "changed".to_owned()), Ok(()));
        assert_eq!(variables.entries()["a"], "changed");
    }
}
