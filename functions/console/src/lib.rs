//! `/console`: a page that shows an operator what happened to every call. It asks the API as any other client does, with
//! the key that the person enters; this function holds files and nothing else.

mod files;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing::get,
};
use http::HeaderMap;
use outdial::{
    config::{ConfigError, Settings, WebhookKind, webhook_url},
    http::{Problem, with_common_layers},
};
use url::Url;

use self::files::Files;

/// The function's routes.
///
/// # Errors
///
/// When `MEDIA_URL` or `BASE_URL` is malformed.
pub fn router(settings: &Settings) -> Result<Router, ConfigError> {
    let media = webhook_url(settings, WebhookKind::Media)?
        .and_then(|url| Url::parse(&url).ok())
        .map(|url| url.origin().ascii_serialization());
    let files = Arc::new(Files::new(media.as_deref()));
    let routes = Router::new()
        .route("/console", get(page))
        .route("/console/", get(page))
        .route("/console/{version}/{file}", get(file));
    Ok(with_common_layers(routes.with_state(files)))
}

async fn page(State(files): State<Arc<Files>>, headers: HeaderMap) -> Response {
    files.page(&headers)
}

async fn file(
    State(files): State<Arc<Files>>,
    Path((version, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    files
        .file(&version, &name, &headers)
        .ok_or_else(|| Problem::not_found("path"))
}
