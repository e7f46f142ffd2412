//! The API document (OpenAPI): merges the functions' parts, and adds what operations have in common.

mod operation;
mod problems;
mod responses;
mod schemas;
mod servers;

use utoipa::openapi::{
    Contact, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, RefOr, Schema,
    link::Link,
    path::{Operation, PathItem},
    schema::ComponentsBuilder,
    security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
};

use self::{operation::json_body, responses::GatewayMessage};
use super::{
    FieldError, ProblemBody,
    paging::{PAGE_SIZE_DEFAULT, RESULTS_DEFAULT},
};

/// Merges the functions' parts into one document.
///
/// Adds what many operations share: servers, security, and the error responses that follow from a body, an identifier in the
/// path, an API key, the service or the gateway.
pub fn document(functions: impl IntoIterator<Item = OpenApi>) -> OpenApi {
    let mut document = functions.into_iter().fold(head(), OpenApi::merge_from);
    let mut components = document.components.take().unwrap_or_default();
    let mut bodies = Vec::new();
    for (path, item) in &mut document.paths.paths {
        let is_behind_gateway = servers::is_behind_gateway(path);
        if !is_behind_gateway {
            item.servers = Some(servers::of_function());
        }
        for operation in operations(item) {
            // Without a list of its own, an operation would inherit the document's requirements.
            operation.security.get_or_insert_default();
            bodies.extend(json_body(operation));
            add_defaults(operation);
            responses::complete(operation, &components);
            if is_behind_gateway {
                responses::throttle(operation);
            }
            add_links(operation);
        }
        if let Some(read) = &mut item.get {
            responses::revalidate(read);
        }
    }
    schemas::complete(&mut components, &bodies);
    document.components = Some(components);
    document
}

fn head() -> OpenApi {
    // Each deployment has its own operator, so there is no common address.
    let mut contact = Contact::new();
    contact.name = Some("The operator of this deployment".to_owned());
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("outdial")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(
                    "Outbound voice calls: dial a person, speak a script, record the call, and keep a record of what happened.",
                ))
                .contact(Some(contact))
                .license(Some(LicenseBuilder::new().name("MIT").identifier(Some("MIT")).build())),
        )
        .servers(Some(servers::of_gateway()))
        .components(Some(
            ComponentsBuilder::new()
                .schema_from::<ProblemBody>()
                .schema_from::<FieldError>()
                .schema_from::<GatewayMessage>()
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

/// Adds the default of `page_size`.
fn add_defaults(operation: &mut Operation) {
    let default = match operation.operation_id.as_deref() {
        Some("list_batch_results") => RESULTS_DEFAULT,
        _ => PAGE_SIZE_DEFAULT,
    };
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter
            && parameter.name == "page_size"
            && let Some(RefOr::T(Schema::Object(schema))) = &mut parameter.schema
        {
            schema.default = Some(default.into());
        }
    }
}

/// Links: an operation, the operations that its response leads to, their parameter, and its value in the response.
const LINKS: [(&str, &[&str], &str, &str); 8] = [
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
        "create_batch",
        &[
            "get_batch",
            "add_batch_recipients",
            "start_batch",
            "pause_batch",
            "resume_batch",
            "cancel_batch",
            "list_batch_results",
        ],
        "batch_id",
        "$response.body#/batch_id",
    ),
    (
        "list_batches",
        &["list_batches"],
        "cursor",
        "$response.body#/next_cursor",
    ),
    (
        "list_batch_results",
        &["list_batch_results"],
        "cursor",
        "$response.body#/next_cursor",
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

/// Adds the links of an operation to its successful responses.
fn add_links(operation: &mut Operation) {
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
