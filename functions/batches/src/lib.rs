//! `/batches`: calls with one script to many recipients.

mod app;
mod body;
mod changes;
mod counts;
mod create;
mod faults;
mod read;
mod recipients;
mod results;

use axum::{
    Router,
    routing::{get, post},
};
use outdial::http::{with_common_layers, with_etags};
use utoipa::OpenApi;

pub use app::App;

/// The function's routes.
pub fn router(app: App) -> Router {
    let router = Router::new()
        .route("/batches", get(read::list).post(create::create))
        .route("/batches/{batch_id}", get(read::read))
        .route("/batches/{batch_id}/recipients", post(recipients::add))
        .route("/batches/{batch_id}/start", post(changes::start))
        .route("/batches/{batch_id}/pause", post(changes::pause))
        .route("/batches/{batch_id}/resume", post(changes::resume))
        .route("/batches/{batch_id}/cancel", post(changes::cancel))
        .route("/batches/{batch_id}/results", get(results::list))
        .with_state(app);
    with_common_layers(with_etags(router))
}

#[derive(OpenApi)]
#[openapi(
    paths(
        create::create, read::list, read::read, recipients::add, changes::start, changes::pause,
        changes::resume, changes::cancel, results::list
    ),
    tags((name = "batches", description = "Calls with one script to many recipients"))
)]
struct Document;

/// The function's part of the API document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}
