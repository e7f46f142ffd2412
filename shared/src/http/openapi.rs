//! The API document: the functions' parts, and what all operations have in common.

use serde_json::json;
use utoipa::openapi::{
    ContentBuilder, HeaderBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Ref,
    RefOr, Response, ResponseBuilder, Schema,
    link::Link,
    path::{Operation, ParameterBuilder, ParameterIn, PathItem},
    schema::{AdditionalProperties, ComponentsBuilder, Object, Type},
    security::{
        ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
    },
};

use super::{FieldError, ProblemBody};

/// One document of the functions' parts.
///
/// What holds for every operation is said here once: the refusals that a body, a name in the path, or an API key
/// brings with it, and those that are our own fault.
pub fn document(functions: impl IntoIterator<Item = OpenApi>) -> OpenApi {
    let mut document = functions.into_iter().fold(head(), OpenApi::merge_from);
    let mut bodies = Vec::new();
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            bodies.extend(json_body(operation));
            complete(operation);
            link(operation);
        }
        if let Some(read) = &mut item.get {
            revalidate(read);
        }
    }
    if let Some(components) = &mut document.components {
        for name in bodies {
            if let Some(RefOr::T(Schema::Object(object))) = components.schemas.get_mut(&name) {
                object.additional_properties =
                    Some(Box::new(AdditionalProperties::FreeForm(false)));
            }
        }
    }
    document
}

fn head() -> OpenApi {
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("outdial")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(
                    "Outbound voice calls: dial a person, speak a script, record the call, and tell what became of it.",
                ))
                .license(Some(LicenseBuilder::new().name("MIT").identifier(Some("MIT")).build())),
        )
        .components(Some(
            ComponentsBuilder::new()
                .schema_from::<ProblemBody>()
                .schema_from::<FieldError>()
                .security_scheme(
                    "bearer",
                    SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build()),
                )
                .security_scheme(
                    "api_key",
                    SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-API-Key"))),
                )
                .build(),
        ))
        .build()
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.post,
        &mut item.patch,
        &mut item.delete,
    ]
    .into_iter()
    .flatten()
}

/// Whether no request without an API key is answered. An operation that takes a key and needs none lists an empty requirement.
fn needs_key(operation: &Operation) -> bool {
    let requirements = operation.security.as_ref();
    requirements.is_some_and(|all| !all.contains(&SecurityRequirement::default()))
}

/// The schema of the operation's JSON body.
fn json_body(operation: &Operation) -> Option<String> {
    let RefOr::T(body) = operation.request_body.as_ref()? else {
        return None;
    };
    let RefOr::T(content) = body.content.get("application/json")? else {
        return None;
    };
    match content.schema.as_ref()? {
        RefOr::Ref(reference) => reference.ref_location.rsplit('/').next().map(str::to_owned),
        RefOr::T(_) => None,
    }
}

/// The operation that a person listens to: it speaks an apology where another one would answer 5xx.
const SPEAKS: &str = "twilio_voice";

fn complete(operation: &mut Operation) {
    let secured = needs_key(operation);
    let has_json = json_body(operation).is_some();
    let has_body = operation.request_body.is_some();
    let named = operation.parameters.iter().flatten().any(|parameter| {
        matches!(parameter, RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Path)
    });
    let speaks = operation.operation_id.as_deref() == Some(SPEAKS);
    let common = [
        (
            has_json,
            "400",
            "The body is no JSON object (`malformed_json`)",
        ),
        (
            secured,
            "401",
            "No API key, or one that is not known (`unauthorized`)",
        ),
        (
            secured,
            "403",
            "The API key lacks a scope (`missing_scope`)",
        ),
        (named, "404", "There is no such thing (`not_found`)"),
        (
            has_body,
            "413",
            "The body has more than 64 kB (`payload_too_large`)",
        ),
        (
            has_json,
            "415",
            "The body is not said to be JSON (`unsupported_media_type`)",
        ),
        (
            has_json,
            "422",
            "Fields at fault, all of them (`validation_failed`)",
        ),
        (!speaks, "500", "Our fault (`internal`)"),
        (
            (secured || has_body) && !speaks,
            "503",
            "The database is away (`unavailable`): what was to change may or may not have changed",
        ),
    ];
    let responses = &mut operation.responses.responses;
    for (applies, status, description) in common {
        if applies && !responses.contains_key(status) {
            let response = ResponseBuilder::new().description(description);
            responses.insert(status.to_owned(), response.build().into());
        }
    }
    for (status, response) in responses {
        if let RefOr::T(response) = response
            && status.as_str() >= "400"
            && response.content.is_empty()
        {
            refuse(status, response);
        }
    }
}

/// Says that what the callers read has a tag.
fn revalidate(operation: &mut Operation) {
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
    let header = HeaderBuilder::new().description(Some("Names this very document"));
    let header = header.build();
    read.headers
        .insert("ETag".to_owned(), header.clone().into());
    let unchanged = ResponseBuilder::new()
        .description("`If-None-Match` names the document as it is")
        .header("ETag", header);
    responses.insert("304".to_owned(), unchanged.build().into());
    let known = ParameterBuilder::new()
        .name("If-None-Match")
        .parameter_in(ParameterIn::Header)
        .description(Some("The `ETag`s of what the caller has"))
        .schema(Some(Object::with_type(Type::String)))
        .build();
    operation
        .parameters
        .get_or_insert_default()
        .push(known.into());
}

/// The operation that tells a URL, which is another one each time.
const MEDIA: &str = "get_recording_media";

/// What an answer names, and which parameter of which operation takes the name.
const LINKS: [(&str, &[&str], &str, &str); 5] = [
    (
        "create_user",
        &["get_user", "update_user", "delete_user", "list_user_calls"],
        "user_id",
        "$response.body#/id",
    ),
    (
        "create_outbound_call",
        &["get_call", "hang_up_call", "list_call_recordings"],
        "call_id",
        "$response.body#/call_id",
    ),
    (
        "list_users",
        &["list_users"],
        "cursor",
        "$response.body#/next_cursor",
    ),
    (
        "list_calls",
        &["list_calls"],
        "cursor",
        "$response.body#/next_cursor",
    ),
    (
        "list_user_calls",
        &["list_user_calls"],
        "cursor",
        "$response.body#/next_cursor",
    ),
];

/// Says how to go on from an answer.
fn link(operation: &mut Operation) {
    let id = operation.operation_id.as_deref().unwrap_or_default();
    let links = LINKS.into_iter().filter(|(from, ..)| *from == id);
    for (_, targets, parameter, expression) in links {
        for (status, response) in &mut operation.responses.responses {
            let RefOr::T(response) = response else {
                continue;
            };
            for target in targets.iter().filter(|_| status.starts_with('2')) {
                let link = Link::builder()
                    .operation_id(*target)
                    .parameter(parameter, expression)
                    .build();
                response.links.insert((*target).to_owned(), link.into());
            }
        }
    }
}

/// Gives a refusal its document, with an example, and its headers.
fn refuse(status: &str, response: &mut Response) {
    if status == "404" && !response.description.contains('`') {
        response.description.push_str(" (`not_found`)");
    }
    let code = response.description.split('`').nth(1).unwrap_or_default();
    let reason = status
        .parse()
        .ok()
        .and_then(|status: u16| http::StatusCode::from_u16(status).ok())
        .and_then(|status| status.canonical_reason());
    let errors = match code {
        "validation_failed" => json!([{"field": "name", "message": "is missing"}]),
        _ => json!([]),
    };
    let example = json!({
        "type": format!("about:blank#{code}"),
        "title": reason,
        "status": status.parse::<u16>().unwrap_or_default(),
        "code": code,
        "detail": response.description,
        "errors": errors,
        "timestamp": "2026-01-02T03:04:05.678Z",
        "request_id": "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
    });
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .example(Some(example))
        .build();
    response
        .content
        .insert("application/problem+json".to_owned(), content.into());
    let header = match status {
        "401" => Some(("WWW-Authenticate", "How to authenticate")),
        "503" => Some(("Retry-After", "Seconds")),
        _ => None,
    };
    if let Some((name, description)) = header {
        let header = HeaderBuilder::new().description(Some(description)).build();
        response.headers.insert(name.to_owned(), header.into());
    }
}
