//! `/health`, `/openapi.json` and `/docs`, and 404 for every path that no other function serves.

mod app;
mod checks;
mod docs;
mod health;

use axum::{Router, routing::get};
use outdial::http::with_common_layers;
use utoipa::OpenApi;

pub use app::App;

/// The function's routes.
pub fn router(app: App) -> Router {
    let routes = Router::new()
        .route("/health", get(health::health))
        .route("/openapi.json", get(docs::document))
        .route("/docs", get(docs::page));
    let with_files = docs::FILES.into_iter().fold(routes, |routes, file| {
        routes.route(file.path, get(async move || file))
    });
    with_common_layers(with_files.with_state(app))
}

#[derive(OpenApi)]
#[openapi(
    paths(health::health, docs::document, docs::page),
    tags((name = "service", description = "The service itself"))
)]
struct Document;

/// The function's part of the API document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}
