//! `/console`: a page for operators. It uses the public API with the key that the operator enters; this function only serves
//! files.

mod app;
mod files;

use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing::get,
};
use http::HeaderMap;
use outdial::{
    config::{ConfigError, Settings},
    http::{Problem, with_common_layers},
};

use self::app::App;

/// The function's routes.
///
/// # Errors
///
/// When `MEDIA_URL` or `BASE_URL` is malformed.
pub fn router(settings: &Settings) -> Result<Router, ConfigError> {
    let routes = Router::new()
        .route("/console", get(page))
        .route("/console/", get(page))
        .route("/console/{version}/{file}", get(file));
    let app = App::from_settings(settings)?;
    Ok(with_common_layers(routes.with_state(app)))
}

async fn page(State(app): State<App>, headers: HeaderMap) -> Response {
    app.files.page(&headers)
}

async fn file(
    State(app): State<App>,
    Path((version, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    app.files
        .file(&version, &name, &headers)
        .ok_or_else(|| Problem::not_found("path"))
}
