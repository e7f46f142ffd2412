//! `/calls`, `/stats`, `/recordings` and `/blocked-numbers`: places calls, reads and ends them, and keeps the block list.

mod app;
mod blocked;
mod calls;
mod change;
mod create;
mod end;
mod recordings;
mod stats;

use axum::{
    Router, middleware,
    routing::{get, post},
};
use outdial::http::{on_own_route, with_common_layers, with_etags};
use utoipa::OpenApi;

pub use app::App;

/// The function's routes.
pub fn router(app: App) -> Router {
    let router = Router::new()
        .route("/blocked-numbers", get(blocked::list).post(blocked::create))
        .route(
            "/blocked-numbers/{phone_number}",
            get(blocked::read).delete(blocked::delete),
        )
        .route("/calls", get(calls::list))
        .route(
            "/calls/outbound",
            post(create::create).layer(middleware::from_fn(on_own_route)),
        )
        .route("/calls/{call_id}", get(calls::read).patch(change::update))
        .route("/calls/{call_id}/cancel", post(end::cancel))
        .route("/calls/{call_id}/hangup", post(end::hang_up))
        .route("/calls/{call_id}/recordings", get(recordings::list))
        .route(
            "/recordings/{recording_id}",
            get(recordings::read).delete(recordings::delete),
        )
        .route("/recordings/{recording_id}/media", get(recordings::media))
        .route(
            "/recordings/{recording_id}/transcript",
            get(recordings::transcript),
        )
        .route("/stats", get(stats::read))
        .with_state(app);
    with_common_layers(with_etags(router))
}

#[derive(OpenApi)]
#[openapi(
    paths(
        create::create, calls::list, calls::read, change::update, end::cancel, end::hang_up,
        recordings::list, recordings::read, recordings::delete, recordings::media,
        recordings::transcript,
        stats::read,
        blocked::create, blocked::list, blocked::read, blocked::delete
    ),
    tags(
        (name = "calls", description = "Place, read, change and end calls"),
        (name = "recordings", description = "Read and delete the recordings of calls"),
        (name = "blocked numbers", description = "Numbers that must not be called")
    )
)]
struct Document;

/// The part of the API document that describes this function.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}
