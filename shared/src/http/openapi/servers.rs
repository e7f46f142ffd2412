//! Where the operations are served.

use utoipa::openapi::{Server, ServerBuilder, ServerVariableBuilder};

/// Whether the API's gateway serves the path. The others are the functions that have URLs of their own.
pub(super) fn is_behind_gateway(path: &str) -> bool {
    path != "/media" && !path.starts_with("/twilio/")
}

/// The server of the whole API. The document is part of the binary, so the URL is relative to the document's own.
pub(super) fn of_gateway() -> Vec<Server> {
    let server = ServerBuilder::new()
        .url("/")
        .description(Some("The API that serves this document"));
    vec![server.build()]
}

/// The servers of a path whose function has a URL of its own.
pub(super) fn of_function() -> Vec<Server> {
    let same = ServerBuilder::new().url("/").description(Some(
        "The API's own host, where one host serves every route",
    ));
    let host = ServerVariableBuilder::new()
        .default_value("function-url-id.lambda-url.us-east-1.on.aws")
        .description(Some(
            "The host of the function's URL: see the outputs of the stack",
        ));
    let own = ServerBuilder::new()
        .url("https://{host}")
        .description(Some(
            "The function's own URL, as the SAM template deploys it",
        ))
        .parameter("host", host);
    vec![same.build(), own.build()]
}
