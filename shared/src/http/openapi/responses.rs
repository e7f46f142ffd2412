//! The responses that operations share.

use serde_json::json;
use utoipa::{
    ToSchema,
    openapi::{
        Components, ContentBuilder, HeaderBuilder, Ref, RefOr, Response, ResponseBuilder,
        path::{Operation, ParameterBuilder, ParameterIn},
        schema::{Object, Type},
    },
};

use super::{
    operation::{json_body, needs_key, resource},
    problems::{add_problem, example_error},
};

/// A response of API Gateway itself, to a request that it rejects.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only the gateway writes it")]
pub(super) struct GatewayMessage {
    /// Why the gateway rejected the request.
    #[schema(example = "Too Many Requests")]
    message: String,
}

/// The operation that returns TwiML. Instead of a 5xx, it speaks an apology.
const SPEAKS: &str = "twilio_voice";

/// The operation that returns a new URL each time, and so has no `ETag`.
const MEDIA: &str = "get_recording_media";

/// Adds the error responses that the operation shares with others, and a body to every error response.
pub(super) fn complete(operation: &mut Operation, components: &Components) {
    let secured = needs_key(operation);
    let has_json = json_body(operation).is_some();
    let has_body = operation.request_body.is_some();
    let resource = resource(operation);
    let speaks = operation.operation_id.as_deref() == Some(SPEAKS);
    let not_found = format!(
        "No such {} exists (`not_found`)",
        resource.as_deref().unwrap_or_default()
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
        (resource.is_some(), "404", &not_found),
        (
            has_body,
            "413",
            "The body is larger than 64 KiB (`payload_too_large`)",
        ),
        (
            has_json,
            "415",
            "The Content-Type is not application/json (`unsupported_media_type`)",
        ),
        (
            has_json,
            "422",
            "Fields or parameters are invalid; the response lists all of them (`validation_failed`)",
        ),
        (
            secured && !has_json,
            "422",
            "Parameters are unknown; the response lists all of them (`validation_failed`)",
        ),
        (!speaks, "500", "An internal error occurred (`internal`)"),
        (
            (secured || has_body) && !speaks,
            "503",
            "The database does not respond (`unavailable`). A change may or may not have been made",
        ),
    ];
    let field_error = example_error(operation, components);
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
            add_problem(status, response, &field_error);
        }
    }
}

/// Adds the gateway's response to too many requests.
pub(super) fn throttle(operation: &mut Operation) {
    const DESCRIPTION: &str = "Too many requests per second: the gateway rejected the request";
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

/// Adds the `ETag` of responses to reads, and the 304.
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
    let header = HeaderBuilder::new().description(Some("Tag of this version of the document"));
    let header = header.build();
    read.headers
        .insert("ETag".to_owned(), header.clone().into());
    let unchanged = ResponseBuilder::new()
        .description("The document has not changed since the `ETag` in `If-None-Match`")
        .header("ETag", header);
    responses.insert("304".to_owned(), unchanged.build().into());
    let known = ParameterBuilder::new()
        .name("If-None-Match")
        .parameter_in(ParameterIn::Header)
        .description(Some("`ETag`s of the versions that the client has"))
        .schema(Some(Object::with_type(Type::String)))
        .build();
    operation
        .parameters
        .get_or_insert_default()
        .push(known.into());
}
