//! `GET /openapi.json`, and `GET /docs` with its files.

use axum::response::{IntoResponse, Response};
use http::header;

/// The API document. `cargo xtask openapi` generates it.
const DOCUMENT: &str = include_str!("../openapi.json");

const PAGE: &str = include_str!("../viewer/index.html");

/// The content security policy: the page loads from this host only. The viewer writes style attributes, so these are allowed.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Get the API document
///
/// Public. The document describes the deployed version.
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

/// Show the API document
///
/// Public. The page shows `/openapi.json`, and can send requests with an API key that you enter.
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

/// The files that the page loads.
pub(crate) const FILES: [File; 3] = [
    File {
        path: "/docs/start.js",
        media: "text/javascript; charset=utf-8",
        text: include_str!("../viewer/start.js"),
    },
    File {
        path: "/docs/swagger-ui-bundle.js",
        media: "text/javascript; charset=utf-8",
        text: include_str!("../viewer/swagger-ui-bundle.js"),
    },
    File {
        path: "/docs/swagger-ui.css",
        media: "text/css; charset=utf-8",
        text: include_str!("../viewer/swagger-ui.css"),
    },
];

/// A file of the viewer (Swagger UI).
#[derive(Clone, Copy)]
pub(crate) struct File {
    pub path: &'static str,
    media: &'static str,
    text: &'static str,
}

impl IntoResponse for File {
    fn into_response(self) -> Response {
        (
            [
                (header::CONTENT_TYPE, self.media),
                (header::CACHE_CONTROL, "public, max-age=86400"),
            ],
            self.text,
        )
            .into_response()
    }
}
