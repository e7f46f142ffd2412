//! `/media`: streams the audio of recordings from Twilio, with our credentials, to holders of a signed URL.

mod app;
mod audio;
mod cors;
mod range;

use axum::{Router, middleware, routing::get};
use outdial::http::with_common_layers;
use utoipa::OpenApi;

pub use app::App;

/// The function's routes.
pub fn router(app: App) -> Router {
    let methods = get(audio::media).options(cors::preflight);
    let routes = Router::new().route("/media", methods);
    with_common_layers(
        routes
            .route_layer(middleware::from_fn(cors::readable_by_pages))
            .with_state(app),
    )
}

#[derive(OpenApi)]
#[openapi(paths(audio::media))]
struct Document;

/// The function's part of the API document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}
