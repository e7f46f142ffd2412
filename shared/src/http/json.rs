//! JSON bodies, which are checked as a whole.

use std::ops::ControlFlow;

use axum::extract::{FromRequest, Request};
use deserr::{
    DeserializeError, Deserr, ErrorKind, IntoValue, MergeWithError, ValueKind, ValuePointerRef,
};
use http::header;
use serde_json::Value;

use super::{BODY_MAX_BYTES, FieldError, Problem, read_body};
use crate::domain::InvalidValue;

/// A JSON body. If it is invalid, the response lists every invalid field at once.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T, S> FromRequest<S> for Json<T>
where
    T: Deserr<FieldErrors>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if !has_media_type(&request, "application/json") {
            return Err(Problem::unsupported_media_type("application/json"));
        }
        let body = read_body(request, BODY_MAX_BYTES).await?;
        Ok(Self(read_value(parse_object(&body)?)?))
    }
}

/// Returns whether the `Content-Type` is this one, with any parameters.
#[must_use]
pub fn has_media_type(request: &Request, expected: &str) -> bool {
    request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|media| media.trim().eq_ignore_ascii_case(expected))
}

/// Parses a body as a JSON object.
///
/// # Errors
///
/// 400 when it is not one.
pub fn parse_object(body: &[u8]) -> Result<Value, Problem> {
    let value: Value = serde_json::from_slice(body).map_err(|error| {
        Problem::malformed_json(format!(
            "The body is not valid JSON: error at line {}, column {}.",
            error.line(),
            error.column()
        ))
    })?;
    if value.is_object() {
        return Ok(value);
    }
    Err(Problem::malformed_json("The body must be a JSON object."))
}

/// Reads a body, or a part of it, from its JSON value.
///
/// # Errors
///
/// The invalid fields.
pub fn read_value<T: Deserr<FieldErrors>>(value: Value) -> Result<T, FieldErrors> {
    deserr::deserialize(value)
}

/// Reads the element at this place of the body's field `list`.
///
/// # Errors
///
/// The invalid fields, with their place: `recipients[3].to_number`.
pub fn read_element<T: Deserr<FieldErrors>>(
    value: Value,
    list: &str,
    index: usize,
) -> Result<T, FieldErrors> {
    let list = ValuePointerRef::Origin.push_key(list);
    T::deserialize_from_value(value.into_value(), list.push_index(index))
}

/// The invalid fields of a body: the first 1,000, and the number of all.
#[derive(Debug, Default)]
pub struct FieldErrors {
    errors: Vec<FieldError>,
    count: usize,
}

impl FieldErrors {
    /// The most fields in a response. A larger one would exceed Lambda's limit.
    pub const MAX: usize = 1_000;

    /// Takes the first errors, and the number of all.
    #[must_use]
    pub fn new(mut errors: Vec<FieldError>, count: usize) -> Self {
        errors.truncate(Self::MAX);
        Self { errors, count }
    }

    /// Returns the first 1,000 errors, and the number of all.
    #[must_use]
    pub fn into_parts(self) -> (Vec<FieldError>, usize) {
        (self.errors, self.count)
    }

    fn and(so_far: Option<Self>, field: String, message: String) -> ControlFlow<Self, Self> {
        let mut errors = so_far.unwrap_or_default();
        errors.count += 1;
        if errors.errors.len() < Self::MAX {
            errors.errors.push(FieldError { field, message });
        }
        ControlFlow::Continue(errors)
    }
}

impl MergeWithError<Self> for FieldErrors {
    fn merge(so_far: Option<Self>, other: Self, _: ValuePointerRef) -> ControlFlow<Self, Self> {
        let mut errors = so_far.unwrap_or_default();
        let left = Self::MAX.saturating_sub(errors.errors.len());
        errors.count += other.count;
        errors.errors.extend(other.errors.into_iter().take(left));
        ControlFlow::Continue(errors)
    }
}

impl From<FieldErrors> for Problem {
    fn from(FieldErrors { errors, count }: FieldErrors) -> Self {
        Self::first_invalid_fields(errors, count)
    }
}

impl MergeWithError<InvalidValue> for FieldErrors {
    fn merge(
        so_far: Option<Self>,
        other: InvalidValue,
        location: ValuePointerRef,
    ) -> ControlFlow<Self, Self> {
        Self::and(so_far, name(location), other.to_string())
    }
}

impl DeserializeError for FieldErrors {
    fn error<V: IntoValue>(
        so_far: Option<Self>,
        error: ErrorKind<V>,
        location: ValuePointerRef,
    ) -> ControlFlow<Self, Self> {
        let here = name(location);
        let inside = |field: &str| match here.as_str() {
            "" => field.to_owned(),
            here => format!("{here}.{field}"),
        };
        let (field, message) = match error {
            ErrorKind::MissingField { field } => (inside(field), "is missing".to_owned()),
            ErrorKind::UnknownKey { key, accepted } => (
                inside(shown(key)),
                format!(
                    "is not a known field; the fields are {}",
                    accepted.join(", ")
                ),
            ),
            ErrorKind::IncorrectValueKind {
                actual: deserr::Value::NegativeInteger(_),
                accepted: [ValueKind::Integer],
            } => (here, "must not be negative".to_owned()),
            ErrorKind::IncorrectValueKind { accepted, .. } => {
                (here, format!("must be {}", kinds(accepted)))
            }
            ErrorKind::UnknownValue { accepted, .. } => {
                (here, format!("must be one of {}", accepted.join(", ")))
            }
            ErrorKind::BadSequenceLen { expected, .. } => {
                (here, format!("must have {expected} elements"))
            }
            // The type of the field holds only smaller numbers. The message tells its limit, not the field's.
            ErrorKind::Unexpected { .. } => (here, "must be a smaller number".to_owned()),
        };
        Self::and(so_far, field, message)
    }
}

fn name(location: ValuePointerRef) -> String {
    match location {
        ValuePointerRef::Origin => String::new(),
        ValuePointerRef::Key { key, prev } => match name(*prev) {
            outer if outer.is_empty() => shown(key).to_owned(),
            outer => format!("{outer}.{}", shown(key)),
        },
        ValuePointerRef::Index { index, prev } => format!("{}[{index}]", name(*prev)),
    }
}

/// The beginning of a key, which a client may choose.
fn shown(key: &str) -> &str {
    const LONGEST: usize = 100;
    key.char_indices()
        .nth(LONGEST)
        .map_or(key, |(end, _)| &key[..end])
}

fn kinds(accepted: &[ValueKind]) -> String {
    // deserr names each kind of number for itself, in any order.
    let is_any_number = accepted.contains(&ValueKind::Float);
    let mut words: Vec<_> = accepted
        .iter()
        .map(|kind| match kind {
            ValueKind::Null => "null",
            ValueKind::Boolean => "true or false",
            ValueKind::Float => "a number",
            ValueKind::Integer | ValueKind::NegativeInteger if is_any_number => "a number",
            ValueKind::Integer | ValueKind::NegativeInteger => "a whole number",
            ValueKind::String => "a string",
            ValueKind::Sequence => "an array",
            ValueKind::Map => "an object",
        })
        .collect();
    words.dedup();
    words.join(" or ")
}
