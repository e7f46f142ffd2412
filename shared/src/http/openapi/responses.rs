//! The responses that operations have in common.

use serde_json::{Value, json};
use utoipa::{
    ToSchema,
    openapi::{
        Components, ContentBuilder, HeaderBuilder, Ref, RefOr, Response, ResponseBuilder, Schema,
        path::{Operation, ParameterBuilder, ParameterIn},
        schema::{Object, Type},
        security::SecurityRequirement,
    },
};

use super::json_body;
use crate::http::{FieldError, ProblemBody};

/// The gateway's own answer to a request that it does not pass on.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the gateway writes it, and no function does")]
pub(super) struct GatewayMessage {
    /// Why the gateway turned the request away.
    #[schema(example = "Too Many Requests")]
    message: String,
}

/// The operation that a person listens to: it speaks an apology where another one would answer 5xx.
const SPEAKS: &str = "twilio_voice";

/// The operation that answers with a URL, which is another one each time.
const MEDIA: &str = "get_recording_media";

/// Whether no request without an API key is answered. An operation that takes a key and needs none lists an empty requirement.
fn needs_key(operation: &Operation) -> bool {
    let requirements = operation.security.iter().flatten();
    let mut requirements = requirements.peekable();
    requirements.peek().is_some() && requirements.all(|one| *one != SecurityRequirement::default())
}

/// Adds the refusals that the operation shares with others, and gives every refusal its document.
pub(super) fn complete(operation: &mut Operation, components: &Components) {
    let secured = needs_key(operation);
    let has_json = json_body(operation).is_some();
    let has_body = operation.request_body.is_some();
    let thing = thing(operation);
    let speaks = operation.operation_id.as_deref() == Some(SPEAKS);
    let not_found = format!(
        "There is no such {} (`not_found`)",
        thing.as_deref().unwrap_or_default()
    );
    let common = [
        (
            has_json,
            "400",
            "The body is not a JSON object (`malformed_json`)",
        ),
        (
            secured,
            "401",
            "The API key is missing or unknown (`unauthorized`)",
        ),
        (
            secured,
            "403",
            "The API key lacks the scope of this operation (`missing_scope`)",
        ),
        (thing.is_some(), "404", &not_found),
        (
            has_body,
            "413",
            "The body is larger than 64 kB (`payload_too_large`)",
        ),
        (
            has_json,
            "415",
            "The type of the body is not application/json (`unsupported_media_type`)",
        ),
        (
            has_json,
            "422",
            "Invalid fields or parameters, all of them listed (`validation_failed`)",
        ),
        (
            secured && !has_json,
            "422",
            "Unknown parameters, all of them listed (`validation_failed`)",
        ),
        (!speaks, "500", "An unexpected error (`internal`)"),
        (
            (secured || has_body) && !speaks,
            "503",
            "The database does not answer (`unavailable`): a change may or may not have been made",
        ),
    ];
    let fault = fault(operation, components);
    let responses = &mut operation.responses.responses;
    for (applies, status, description) in common {
        if applies && !responses.contains_key(status) {
            let response = ResponseBuilder::new().description(description);
            responses.insert(status.to_owned(), response.build().into());
        }
    }
    for (status, response) in responses {
        if let RefOr::T(response) = response
            && let Ok(status) = status.parse()
            && status >= 400
            && response.content.is_empty()
        {
            refuse(status, response, &fault);
        }
    }
}

/// What the parameter of the path names.
fn thing(operation: &Operation) -> Option<String> {
    let parameters = operation.parameters.iter().flatten();
    let mut names = parameters.filter_map(|parameter| match parameter {
        RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Path => Some(&parameter.name),
        _ => None,
    });
    let name = names.next()?;
    Some(match name.strip_suffix("_id") {
        Some(thing) => thing.to_owned(),
        None => "blocked number".to_owned(),
    })
}

/// A fault that a request of the operation may have.
fn fault(operation: &Operation, components: &Components) -> FieldError {
    let body = json_body(operation).and_then(|name| components.schemas.get(&name));
    let (field, message) = match body {
        Some(RefOr::T(Schema::Object(body))) => match body.required.first() {
            Some(field) => (field.as_str(), "is missing"),
            None => ("name", "must be a text"),
        },
        _ if has_query(operation, "page_size") => {
            ("page_size", "must be a whole number from 1 to 100")
        }
        _ if has_query(operation, "from") => ("from", "must be earlier than to"),
        _ => (
            "page_size",
            "is not a parameter of this route, which has none",
        ),
    };
    FieldError {
        field: field.to_owned(),
        message: message.to_owned(),
    }
}

fn has_query(operation: &Operation, name: &str) -> bool {
    operation.parameters.iter().flatten().any(|parameter| {
        matches!(parameter, RefOr::T(it) if it.parameter_in == ParameterIn::Query && it.name == name)
    })
}

/// Gives a refusal its document, with an example, and its headers.
fn refuse(status: u16, response: &mut Response, fault: &FieldError) {
    if status == 404 && !response.description.contains('`') {
        response.description.push_str(" (`not_found`)");
    }
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .example(Some(problem(status, &response.description, fault)))
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
            "Seconds to wait before another try",
        ),
        _ => return,
    };
    let header = HeaderBuilder::new()
        .schema(Some(Object::with_type(kind)))
        .description(Some(description))
        .build();
    response.headers.insert(name.to_owned(), header.into());
}

/// An example of a refusal: the first code that the description names, and what it says of that code.
fn problem(status: u16, description: &str, fault: &FieldError) -> Value {
    let code = description.split('`').nth(1).unwrap_or_default();
    let reason = http::StatusCode::from_u16(status).ok();
    let reason = reason.and_then(|status| status.canonical_reason());
    let said = description.split(" (`").next().unwrap_or_default();
    let is_invalid = code == "validation_failed";
    let is_twilios = code == "twilio_refused";
    let detail = match code {
        "validation_failed" => format!("Refused because of: {}.", fault.field),
        "twilio_refused" => format!("Twilio refused: {TWILIO_MESSAGE}"),
        _ => format!("{said}."),
    };
    json!(ProblemBody {
        kind: format!("about:blank#{code}"),
        title: reason.unwrap_or_default().to_owned(),
        status,
        code: code.to_owned(),
        detail,
        errors: is_invalid.then(|| fault.clone()).into_iter().collect(),
        twilio_code: is_twilios.then_some(TWILIO_CODE),
        twilio_message: is_twilios.then(|| TWILIO_MESSAGE.to_owned()),
        next_allowed_at: None,
        timestamp: "2026-01-02T03:04:05.678Z".to_owned(),
        request_id: "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned(),
    })
}

/// A refusal that the client cannot settle: a number of the operator's is at fault.
const TWILIO_CODE: i32 = 21210;
const TWILIO_MESSAGE: &str = "The number that calls is not verified.";

/// Adds the gateway's own answer to too many requests.
pub(super) fn throttle(operation: &mut Operation) {
    const DESCRIPTION: &str =
        "Too many requests a second: the gateway's own answer, and nothing was done";
    let responses = &mut operation.responses.responses;
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("GatewayMessage")))
        .example(Some(json!({"message": "Too Many Requests"})))
        .build();
    let throttled = responses
        .entry("429".to_owned())
        .or_insert_with(|| Response::new("").into());
    if let RefOr::T(response) = throttled {
        if !response.description.is_empty() {
            response.description.push_str(". ");
        }
        response.description.push_str(DESCRIPTION);
        response
            .content
            .insert("application/json".to_owned(), content.into());
    }
}

/// Says that what the callers read has a tag.
pub(super) fn revalidate(operation: &mut Operation) {
    if !needs_key(operation) {
        return;
    }
    let responses = &mut operation.responses.responses;
    let Some(RefOr::T(read)) = responses.get_mut("200") else {
        return;
    };
    let is_json = read.content.contains_key("application/json");
    if !is_json || operation.operation_id.as_deref() == Some(MEDIA) {
        return;
    }
    let header = HeaderBuilder::new().description(Some("The tag of this very document"));
    let header = header.build();
    read.headers
        .insert("ETag".to_owned(), header.clone().into());
    let unchanged = ResponseBuilder::new()
        .description("The document has not changed: `If-None-Match` names its tag")
        .header("ETag", header);
    responses.insert("304".to_owned(), unchanged.build().into());
    let known = ParameterBuilder::new()
        .name("If-None-Match")
        .parameter_in(ParameterIn::Header)
        .description(Some("The `ETag`s of the documents that the caller has"))
        .schema(Some(Object::with_type(Type::String)))
        .build();
    operation
        .parameters
        .get_or_insert_default()
        .push(known.into());
}
