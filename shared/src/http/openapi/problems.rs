//! The bodies of error responses, with examples.

use serde_json::{Value, json};
use utoipa::openapi::{
    Components, ContentBuilder, HeaderBuilder, Ref, RefOr, Response, Schema,
    path::Operation,
    schema::{Object, Type},
};

use super::operation::{has_query, json_body};
use crate::http::{FieldError, ProblemBody};

/// An example of an invalid field or parameter of the operation.
pub(super) fn example_error(operation: &Operation, components: &Components) -> FieldError {
    let body = json_body(operation).and_then(|name| components.schemas.get(&name));
    let (field, message) = match body {
        Some(RefOr::T(Schema::Object(body))) => match body.required.first() {
            Some(field) => (field.as_str(), "is missing"),
            None => ("name", "must be a string"),
        },
        _ if has_query(operation, "page_size") => {
            ("page_size", "must be a whole number from 1 to 100")
        }
        _ if has_query(operation, "from") => ("from", "must be earlier than to"),
        _ => ("page_size", "is unknown: this route has no parameters"),
    };
    FieldError {
        field: field.to_owned(),
        message: message.to_owned(),
    }
}

/// Adds the body, an example and the headers to an error response.
pub(super) fn add_problem(status: u16, response: &mut Response, field_error: &FieldError) {
    if status == 404 && code_in(&response.description).is_none() {
        response.description.push_str(" (`not_found`)");
    }
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .example(Some(problem(status, &response.description, field_error)))
        .build();
    response
        .content
        .insert("application/problem+json".to_owned(), content.into());
    let (name, kind, description) = match status {
        401 => (
            "WWW-Authenticate",
            Type::String,
            "The authentication scheme",
        ),
        503 => (
            "Retry-After",
            Type::Integer,
            "Seconds to wait before retrying",
        ),
        _ => return,
    };
    let header = HeaderBuilder::new()
        .schema(Some(Object::with_type(kind)))
        .description(Some(description))
        .build();
    response.headers.insert(name.to_owned(), header.into());
}

/// An example body: the first code in the description, and the text before it as the detail.
fn problem(status: u16, description: &str, field_error: &FieldError) -> Value {
    let code = code_in(description).unwrap_or_default();
    let reason = http::StatusCode::from_u16(status).ok();
    let reason = reason.and_then(|status| status.canonical_reason());
    let text = description.split(" (`").next().unwrap_or_default();
    let is_invalid = code == "validation_failed";
    let is_twilios = code == "twilio_refused";
    let detail = match code {
        "validation_failed" => format!("Invalid: {}.", field_error.field),
        "twilio_refused" => format!("Twilio refused: {TWILIO_MESSAGE}"),
        _ => format!("{}.", text.replace('`', "")),
    };
    json!(ProblemBody {
        kind: format!("about:blank#{code}"),
        title: reason.unwrap_or_default().to_owned(),
        status,
        code: code.to_owned(),
        detail,
        errors: is_invalid
            .then(|| field_error.clone())
            .into_iter()
            .collect(),
        twilio_code: is_twilios.then_some(TWILIO_CODE),
        twilio_message: is_twilios.then(|| TWILIO_MESSAGE.to_owned()),
        next_allowed_at: None,
        timestamp: "2026-01-02T03:04:05.678Z".to_owned(),
        request_id: "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned(),
    })
}

/// The first error code in a description, such as `not_found` in "No such user exists (`not_found`)".
fn code_in(description: &str) -> Option<&str> {
    let (_, rest) = description.split_once("(`")?;
    Some(rest.split_once('`')?.0)
}

/// Twilio's error for a caller ID that is not verified, as an example.
const TWILIO_CODE: i32 = 21210;
const TWILIO_MESSAGE: &str = "The caller ID is not verified.";
