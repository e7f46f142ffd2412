//! `POST /twilio/recording`: receives recording callbacks.

use axum::{Router, extract::State, response::Response, routing::post};
use outdial::{
    config::Settings,
    http::Problem,
    webhook::{SignedForm, WebhookReceiver, WebhookTopic},
};
use utoipa::OpenApi;

/// The function's state.
pub struct App(WebhookReceiver);

impl App {
    /// Reads the settings. Makes no connection: a request is authenticated first.
    ///
    /// # Errors
    ///
    /// If a variable is missing or malformed.
    pub fn from_settings(
        settings: &Settings,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        WebhookReceiver::from_settings(settings, WebhookTopic::Recording, None).map(Self)
    }
}

/// The function's routes.
pub fn router(app: App) -> Router {
    app.0.router(post(recording))
}

#[derive(OpenApi)]
#[openapi(paths(recording))]
struct Document;

/// The part of the API document that describes this function.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// Receive a recording callback
///
/// Twilio sends each status of the recording. A callback may arrive more than once and out of order.
#[utoipa::path(
    post, path = "/twilio/recording", tag = "webhooks", operation_id = "twilio_recording",
    params(
        ("call_id" = Option<String>, Query, description = "The call's `call_id`"),
        ("X-Twilio-Signature" = String, Header, description = "Twilio's signature of the URL and the form"),
    ),
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "Twilio's recording callback"),
    responses(
        (status = 200, description = "The callback was applied or queued, was a duplicate, or belongs to an unknown call. The body is an empty TwiML document",
            content_type = "text/xml", body = String),
        (status = 400, description = "The form is not a recording callback (`malformed_form`)"),
        (status = 403, description = "Twilio's signature is missing or wrong (`bad_signature`)"),
    )
)]
async fn recording(
    State(receiver): State<WebhookReceiver>,
    form: SignedForm,
) -> Result<Response, Problem> {
    receiver.receive(form).await
}
