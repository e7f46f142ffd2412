//! `POST /twilio/recording`: what was recorded.

use axum::{
    Router,
    extract::{FromRef, State},
    response::Response,
    routing::post,
};
use outdial::{
    config::{Settings, WebhookKind},
    dao::Dao,
    http::{Problem, SignatureCheck, SignedForm, WebhookReceiver, with_common_layers},
    queue::WebhookTopic,
    webhooks::Webhooks,
};
use utoipa::OpenApi;

/// What the handlers need.
#[derive(Clone)]
pub struct App {
    check: SignatureCheck,
    receiver: WebhookReceiver,
}

impl App {
    /// Takes what the settings name, and makes no connection: a request is authenticated first.
    ///
    /// # Errors
    ///
    /// When a variable is missing or malformed.
    pub fn from_settings(
        settings: &Settings,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let check = SignatureCheck::from_settings(settings, WebhookKind::Recording)?;
        let webhooks = Webhooks::new(Dao::from_settings(settings)?, None);
        Ok(Self {
            check,
            receiver: WebhookReceiver::new(WebhookTopic::Recording, webhooks, settings)?,
        })
    }
}

impl FromRef<App> for SignatureCheck {
    fn from_ref(app: &App) -> Self {
        app.check.clone()
    }
}

/// The function's routes.
pub fn router(app: App) -> Router {
    with_common_layers(
        Router::new()
            .route("/twilio/recording", post(recording))
            .with_state(app),
    )
}

#[derive(OpenApi)]
#[openapi(paths(recording))]
struct Document;

/// The part of the API document that describes this function.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// Take Twilio's recording callback
///
/// Twilio sends each status that a recording takes. The request may come more than once and out of order.
#[utoipa::path(
    post, path = "/twilio/recording", tag = "webhooks", operation_id = "twilio_recording",
    params(
        ("call_id" = Option<String>, Query, description = "The call's `call_id`"),
        ("X-Twilio-Signature" = String, Header, description = "Twilio's signature of the URL and the form"),
    ),
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "Twilio's recording callback"),
    responses(
        (status = 200, description = "Applied, kept until it can be, known already, or of a call that is not known here; an empty TwiML document",
            content_type = "text/xml", body = String),
        (status = 400, description = "A signed form that is no recording callback (`malformed_form`)"),
        (status = 403, description = "The request is not signed by Twilio (`bad_signature`)"),
    )
)]
async fn recording(State(app): State<App>, form: SignedForm) -> Result<Response, Problem> {
    app.receiver.take(form).await
}
