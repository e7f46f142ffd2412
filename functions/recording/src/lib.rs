//! `POST /twilio/recording`: what was recorded.

use axum::{
    Router,
    extract::{FromRef, State},
    response::Response,
    routing::post,
};
use outdial::{
    config::{Settings, WebhookKind},
    dao::{self, Applied, Dao, DaoError},
    domain::{Call, CallId, CallSid, RecordingUpdate},
    http::{Problem, SignatureCheck, SignedForm, finish, twiml},
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
    match dao::together(apply(&app.dao, form.call_id, &update)).await? {
        Applied::Changed | Applied::Duplicate => {}
        Applied::UnknownCall => {
            tracing::warn!(call_sid = %update.call_sid, "orphan: a recording of a call that is not known here");
        }
        Applied::OtherCall => {
            tracing::error!(call_sid = %update.call_sid, "suspected double dial: the call has another CallSid");
        }
    }
    Ok(twiml(twilio::empty()))
}

/// To the call that the URL names, else to the one that Twilio names. Whoever comes first brings Twilio's name.
async fn apply(
    dao: &Dao,
    id: Option<CallId>,
    update: &RecordingUpdate,
) -> Result<Applied, DaoError> {
    let Some(call) = find(dao, id, &update.call_sid).await? else {
        return Ok(Applied::UnknownCall);
    };
    let goes_by = match &call.twilio_sid {
        Some(sid) if *sid == update.call_sid => Applied::Duplicate,
        Some(_) => Applied::OtherCall,
        None => dao.record_call_sid(call.call_id, &update.call_sid).await?,
    };
    if matches!(goes_by, Applied::Changed | Applied::Duplicate) {
        dao.create_recording(&call, update).await?;
    }
    Ok(goes_by)
}

async fn find(dao: &Dao, id: Option<CallId>, sid: &CallSid) -> Result<Option<Call>, DaoError> {
    if let Some(id) = id
        && let Some(call) = dao.get_call(id).await?
    {
        return Ok(Some(call));
    }
    dao.get_call_by_twilio_sid(sid).await
}
