//! `POST /twilio/recording`: receives recording callbacks, and asks for transcripts. `POST /twilio/transcript` hears of those.

mod transcript;

use axum::{
    Router,
    extract::{FromRef, State},
    response::Response,
    routing::post,
};
use outdial::{
    config::{Settings, WebhookKind},
    domain::RecordingStatus,
    http::{Problem, with_common_layers},
    webhook::{SignatureCheck, SignedForm, WebhookReceiver, WebhookTopic, parse_recording},
};
use transcript::Transcripts;
use utoipa::OpenApi;

/// The function's state.
#[derive(Clone)]
pub struct App {
    receiver: WebhookReceiver,
    transcripts: Transcripts,
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
        Ok(Self {
            receiver: WebhookReceiver::from_settings(settings, WebhookTopic::Recording, None)?,
            transcripts: Transcripts::from_settings(settings)?,
        })
    }
}

impl FromRef<App> for SignatureCheck {
    fn from_ref(app: &App) -> Self {
        Self::from_ref(&app.receiver)
    }
}

/// The function's routes.
pub fn router(app: App) -> Router {
    let heard = Router::new()
        .route(WebhookKind::Transcript.path(), post(transcript::transcript))
        .with_state(app.transcripts.clone());
    let router = Router::new()
        .route(WebhookKind::Recording.path(), post(recording))
        .with_state(app)
        .merge(heard);
    with_common_layers(router)
}

#[derive(OpenApi)]
#[openapi(paths(recording, transcript::transcript))]
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
async fn recording(State(app): State<App>, form: SignedForm) -> Result<Response, Problem> {
    let id = form.call_id;
    let update = parse_recording(&form.body).ok();
    let response = app.receiver.receive(form).await?;
    if let Some(update) = update.filter(|it| it.status == RecordingStatus::Completed) {
        app.transcripts.begin(id, &update.call_sid).await;
    }
    Ok(response)
}
