//! JSON bodies, which are checked as a whole.

use std::ops::ControlFlow;

use axum::extract::{FromRequest, Request};
use deserr::{
    DeserializeError, Deserr, ErrorKind, IntoValue, MergeWithError, ValueKind, ValuePointerRef,
};
use http::header;

use super::{FieldError, Problem, read_body};
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
        if !is_json(&request) {
            return Err(Problem::unsupported_media_type("application/json"));
        }
        let body = read_body(request).await?;
        let value: serde_json::Value = serde_json::from_slice(&body).map_err(|error| {
            Problem::malformed_json(format!(
                "The body is not valid JSON: error at line {}, column {}.",
                error.line(),
                error.column()
            ))
        })?;
        if !value.is_object() {
            return Err(Problem::malformed_json("The body must be a JSON object."));
        }
        deserr::deserialize(value)
            .map(Self)
            .map_err(|FieldErrors(errors)| Problem::invalid_fields(errors))
    }
}

fn is_json(request: &Request) -> bool {
    request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|media| media.trim().eq_ignore_ascii_case("application/json"))
}

/// The invalid fields of a body.
#[derive(Debug)]
pub struct FieldErrors(Vec<FieldError>);

impl FieldErrors {
    fn and(so_far: Option<Self>, field: String, message: String) -> ControlFlow<Self, Self> {
        let mut errors = so_far.unwrap_or(Self(Vec::new()));
        errors.0.push(FieldError { field, message });
        ControlFlow::Continue(errors)
    }
}

impl MergeWithError<Self> for FieldErrors {
    fn merge(so_far: Option<Self>, other: Self, _: ValuePointerRef) -> ControlFlow<Self, Self> {
        let mut errors = so_far.unwrap_or(Self(Vec::new()));
        errors.0.extend(other.0);
        ControlFlow::Continue(errors)
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
                inside(key),
                format!(
                    "is not a known field; the fields are {}",
                    accepted.join(", ")
                ),
            ),
            ErrorKind::IncorrectValueKind { accepted, .. } => {
                (here, format!("must be {}", kinds(accepted)))
            }
            ErrorKind::UnknownValue { accepted, .. } => {
                (here, format!("must be one of {}", accepted.join(", ")))
            }
            ErrorKind::BadSequenceLen { expected, .. } => {
                (here, format!("must have {expected} elements"))
            }
            ErrorKind::Unexpected { msg } => (here, msg),
        };
        Self::and(so_far, field, message)
    }
}

fn name(location: ValuePointerRef) -> String {
    match location {
        ValuePointerRef::Origin => String::new(),
        ValuePointerRef::Key { key, prev } => match name(*prev) {
            outer if outer.is_empty() => key.to_owned(),
            outer => format!("{outer}.{key}"),
        },
        ValuePointerRef::Index { index, prev } => format!("{}[{index}]", name(*prev)),
    }
}

fn kinds(accepted: &[ValueKind]) -> String {
    let words: Vec<_> = accepted
        .iter()
        .map(|kind| match kind {
            ValueKind::Null => "null",
            ValueKind::Boolean => "true or false",
            ValueKind::Integer | ValueKind::NegativeInteger => "a whole number",
            ValueKind::Float => "a number",
            ValueKind::String => "a string",
            ValueKind::Sequence => "an array",
            ValueKind::Map => "an object",
        })
        .collect();
    words.join(" or ")
}
