use axum::{
    extract::Path,
    response::{IntoResponse, Response},
};
use http::header;
use outdial::http::Problem;

/// Written by `cargo xtask openapi`.
const DOCUMENT: &str = include_str!("../openapi.json");

const PAGE: &str = include_str!("../viewer/index.html");

/// The page may load from this host alone. The viewer writes style attributes, so these are allowed.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The API document
#[utoipa::path(
    get, path = "/openapi.json", tag = "service", operation_id = "openapi",
    responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json", body = serde_json::Value))
)]
pub(crate) async fn document() -> Response {
    (
        [
            (header::CONTENT_TYPE, "application/json"),
            (header::CACHE_CONTROL, "no-cache"),
        ],
        DOCUMENT,
    )
        .into_response()
}

/// The API document, for people
#[utoipa::path(
    get, path = "/docs", tag = "service", operation_id = "docs",
    responses((status = 200, description = "A page that shows the API document", content_type = "text/html", body = String))
)]
pub(crate) async fn page() -> Response {
    (
        [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CACHE_CONTROL, "no-cache"),
            (header::CONTENT_SECURITY_POLICY, POLICY),
        ],
        PAGE,
    )
        .into_response()
}

pub(crate) async fn file(
    file: Result<Path<String>, axum::extract::rejection::PathRejection>,
) -> Response {
    let name = file.map(|Path(name)| name).unwrap_or_default();
    let (media, text) = match name.as_str() {
        "start.js" => (
            "text/javascript; charset=utf-8",
            include_str!("../viewer/start.js"),
        ),
        "swagger-ui-bundle.js" => (
            "text/javascript; charset=utf-8",
            include_str!("../viewer/swagger-ui-bundle.js"),
        ),
        "swagger-ui.css" => (
            "text/css; charset=utf-8",
            include_str!("../viewer/swagger-ui.css"),
        ),
        _ => return Problem::not_found("path").into_response(),
    };
    (
        [
            (header::CONTENT_TYPE, media),
            (header::CACHE_CONTROL, "public, max-age=86400"),
        ],
        text,
    )
        .into_response()
}
