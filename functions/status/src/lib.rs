//! `POST /twilio/status`: receives status callbacks. `POST /twilio/machine`: receives the results of machine detection.

use axum::{Router, extract::State, response::Response, routing::post};
use outdial::{
    config::Settings,
    http::{Problem, with_common_layers},
    twilio::TwilioClient,
    webhook::{SignedForm, WebhookReceiver, WebhookTopic},
};
use utoipa::OpenApi;

/// The function's state.
pub struct App {
    status: WebhookReceiver,
    machine: WebhookReceiver,
}

impl App {
    /// Reads the settings. Makes no connection: a request is authenticated first.
    ///
    /// # Errors
    ///
    /// If a variable is missing or malformed.
    pub fn from_settings(
        settings: &Settings,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        // A status callback may bring the CallSid that a requested hang-up waits for.
        let twilio = TwilioClient::new(settings.reloadable(Settings::twilio)?)?;
        let status = WebhookReceiver::from_settings(settings, WebhookTopic::Status, Some(twilio))?;
        Ok(Self {
            machine: status.of_topic(settings, WebhookTopic::Machine)?,
            status,
        })
    }
}

/// The function's routes.
pub fn router(app: App) -> Router {
    let routes = app.status.route(post(status));
    with_common_layers(routes.merge(app.machine.route(post(machine))))
}

#[derive(OpenApi)]
#[openapi(paths(status, machine))]
struct Document;

/// The part of the API document that describes this function.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// Receive a status callback
///
/// Twilio sends each status of the call. A callback may arrive more than once and out of order.
#[utoipa::path(
    post, path = "/twilio/status", tag = "webhooks", operation_id = "twilio_status",
    params(
        ("call_id" = Option<String>, Query, description = "The call's `call_id`"),
        ("X-Twilio-Signature" = String, Header, description = "Twilio's signature of the URL and the form"),
        ("I-Twilio-Idempotency-Token" = Option<String>, Header, description = "Identifies the callback: the same on each retry"),
    ),
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "Twilio's status callback"),
    responses(
        (status = 200, description = "The callback was applied or queued, was a duplicate, or belongs to an unknown call. The body is an empty TwiML document",
            content_type = "text/xml", body = String),
        (status = 400, description = "The form is not a status callback (`malformed_form`)"),
        (status = 403, description = "Twilio's signature is missing or wrong (`bad_signature`)"),
    )
)]
async fn status(
    State(receiver): State<WebhookReceiver>,
    form: SignedForm,
) -> Result<Response, Problem> {
    receiver.receive(form).await
}

/// Receive the result of machine detection
///
/// Twilio sends it while a call with `voicemail` goes on. If a machine has answered, outdial ends the call, or lets the machine record the message.
#[utoipa::path(
    post, path = "/twilio/machine", tag = "webhooks", operation_id = "twilio_machine",
    params(
        ("call_id" = Option<String>, Query, description = "The call's `call_id`"),
        ("X-Twilio-Signature" = String, Header, description = "Twilio's signature of the URL and the form"),
        ("I-Twilio-Idempotency-Token" = Option<String>, Header, description = "Identifies the callback: the same on each retry"),
    ),
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "Twilio's callback of `AsyncAmd`"),
    responses(
        (status = 200, description = "The result was applied or queued, was a duplicate, or belongs to an unknown call. The body is an empty TwiML document",
            content_type = "text/xml", body = String),
        (status = 400, description = "The form is not a result of machine detection (`malformed_form`)"),
        (status = 403, description = "Twilio's signature is missing or wrong (`bad_signature`)"),
    )
)]
async fn machine(
    State(receiver): State<WebhookReceiver>,
    form: SignedForm,
) -> Result<Response, Problem> {
    receiver.receive(form).await
}
