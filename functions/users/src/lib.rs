//! `/users`: the people who can be called, and their calls.

mod app;
mod calls;
mod create;
mod users;

use axum::{Router, routing::get};
use outdial::http::{with_common_layers, with_etags};
use utoipa::OpenApi;

pub use app::App;

/// The function's routes.
pub fn router(app: App) -> Router {
    let router = Router::new()
        .route("/users", get(users::list).post(create::create))
        .route(
            "/users/{user_id}",
            get(users::read).patch(users::update).delete(users::delete),
        )
        .route("/users/{user_id}/calls", get(calls::list))
        .with_state(app);
    with_common_layers(with_etags(router))
}

#[derive(OpenApi)]
#[openapi(
    paths(create::create, users::list, users::read, users::update, users::delete, calls::list),
    tags((name = "users", description = "The people who can be called"))
)]
struct Document;

/// The function's part of the API document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}
