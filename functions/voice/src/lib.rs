//! `POST /twilio/voice`: answers Twilio's voice request with what the call says. `POST /twilio/inbound`: answers people who call back.
//!
//! A person is listening, so the answer to every signed request is 200 with TwiML. If the database does not respond, Twilio is
//! redirected to the same URL up to three times, a second apart. Then the queue takes an answer, or the person hears an apology.

use axum::{Router, middleware, routing::post};
use outdial::{config::WebhookKind, http::with_common_layers};
use utoipa::OpenApi;

pub use app::App;

mod apology;
mod app;
mod found;
mod inbound;
mod instructions;
mod spill;
mod steps;
#[cfg(test)]
mod tests;
mod transfer;

/// The function's routes.
pub fn router(app: App) -> Router {
    let routes = Router::new()
        .route(WebhookKind::Voice.path(), post(instructions::voice))
        .with_state(app.clone());
    let inbound = Router::new()
        .route(WebhookKind::Inbound.path(), post(inbound::inbound))
        .with_state(app.for_inbound());
    let routes = routes.merge(inbound);
    with_common_layers(with_apology(routes, app))
}

/// Answers a panic with the apology, even before the handler knows the call.
fn with_apology(routes: Router, app: App) -> Router {
    routes.layer(middleware::from_fn_with_state(app, apology::survive_panic))
}

#[derive(OpenApi)]
#[openapi(
    paths(instructions::voice, inbound::inbound),
    tags((name = "webhooks", description = "Requests from Twilio. Each carries Twilio's signature"))
)]
struct Document;

/// The part of the API document that describes this function.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}
