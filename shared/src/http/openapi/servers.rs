//! The servers of the operations.

use utoipa::openapi::{Server, ServerBuilder, ServerVariableBuilder};

/// Returns whether the API's gateway serves the path. Otherwise it belongs to a function with its own URL.
pub(super) fn is_behind_gateway(path: &str) -> bool {
    path != "/media" && !path.starts_with("/twilio/")
}

/// The server of the whole API. Its URL is relative to the document's, because the document is built into the binary.
pub(super) fn of_gateway() -> Vec<Server> {
    let server = ServerBuilder::new()
        .url("/")
        .description(Some("The API that serves this document"));
    vec![server.build()]
}

/// The servers of a path whose function has its own URL.
pub(super) fn of_function() -> Vec<Server> {
    let same = ServerBuilder::new()
        .url("/")
        .description(Some("The API's own host, if one host serves every route"));
    let host = ServerVariableBuilder::new()
        .default_value("function-url-id.lambda-url.us-east-1.on.aws")
        .description(Some(
            "Host of the function's URL, from the outputs of the stack",
        ));
    let own = ServerBuilder::new()
        .url("https://{host}")
        .description(Some(
            "The function's own URL, as deployed by the SAM template",
        ))
        .parameter("host", host);
    vec![same.build(), own.build()]
}
