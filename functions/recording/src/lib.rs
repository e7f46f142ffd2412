//! `POST /twilio/recording`: what was recorded.

use axum::{
    Router,
    extract::{FromRef, State},
    response::Response,
    routing::post,
};
use outdial::{
    config::{Settings, WebhookKind},
    dao::{Applied, Dao},
    http::{Problem, SignatureCheck, SignedForm, finish, twiml},
    metrics::{self, Count},
    twilio::{self, parse_recording},
};
use utoipa::OpenApi;

/// What the handlers need.
#[derive(Clone)]
pub struct App {
    dao: Dao,
    check: SignatureCheck,
}

impl App {
    /// Connects what the settings name; the database is greeted in the background.
    ///
    /// # Errors
    ///
    /// When a variable is missing or malformed.
    pub fn from_settings(
        settings: &Settings,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self {
            check: SignatureCheck::from_settings(settings, WebhookKind::Recording)?,
            dao: Dao::begin(&settings.mongo()?)?,
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
    finish(
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

/// Twilio tells what was recorded
#[utoipa::path(
    post, path = "/twilio/recording", tag = "webhooks", operation_id = "twilio_recording",
    params(
        ("call_id" = Option<String>, Query, description = "The call's `call_id`"),
        ("X-Twilio-Signature" = String, Header, description = "Twilio's signature of the URL and the form"),
    ),
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "Twilio's recording callback"),
    responses(
        (status = 200, description = "Applied, known already, or of a call that is not known here; an empty TwiML document",
            content_type = "text/xml", body = String),
        (status = 400, description = "A signed form that is no recording callback (`malformed_form`)"),
        (status = 403, description = "The request is not signed by Twilio (`bad_signature`)"),
    )
)]
async fn recording(State(app): State<App>, form: SignedForm) -> Result<Response, Problem> {
    let update = parse_recording(&form.body).map_err(|error| {
        Problem::malformed_form(format!("The form is no recording callback: {error}."))
    })?;
    match app.dao.apply_recording(form.call_id, &update).await? {
        Applied::Changed | Applied::Duplicate => {}
        Applied::UnknownCall => {
            metrics::count(Count::OrphanWebhook);
            tracing::warn!(call_sid = %update.call_sid, "orphan: a recording of a call that is not known here");
        }
        Applied::OtherCall => {
            metrics::count(Count::SuspectedDoubleDial);
            tracing::error!(call_sid = %update.call_sid, "suspected double dial: the call has another CallSid");
        }
    }
    Ok(twiml(twilio::empty()))
}
