//! The error of parsing a value, and what the parsers share.

/// Why a value is invalid, as a sentence without its subject: `must be …`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidValue(pub String);

impl InvalidValue {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// Parses a text of one line, and trims it. The length limit includes the blanks at the ends.
pub(super) fn one_line(text: &str, max_characters: usize) -> Result<String, InvalidValue> {
    let line = text.trim();
    if line.is_empty() || text.chars().count() > max_characters {
        return Err(InvalidValue::new(format!(
            "must have 1 to {max_characters} characters, and must not be blank"
        )));
    }
    if text.chars().any(char::is_control) {
        return Err(InvalidValue::new("must not contain control characters"));
    }
    Ok(line.to_owned())
}

/// Implements `Deserr` for types that parse from a string, so that an invalid field of a JSON body is reported with the others.
macro_rules! from_json_string {
    ($($name:ty),+) => {$(
        impl<E: deserr::DeserializeError + deserr::MergeWithError<crate::domain::InvalidValue>> deserr::Deserr<E> for $name {
            fn deserialize_from_value<V: deserr::IntoValue>(
                value: deserr::Value<V>,
                location: deserr::ValuePointerRef,
            ) -> Result<Self, E> {
                let text = String::deserialize_from_value(value, location)?;
                text.parse()
                    .map_err(|error| deserr::take_cf_content(E::merge(None, error, location)))
            }
        }
    )+};
}
pub(super) use from_json_string;
