//! `POST /twilio/status`: what becomes of a call.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{FromRef, State},
    response::Response,
    routing::post,
};
use mongodb::bson::DateTime;
use outdial::{
    config::{Settings, WebhookKind},
    dao::{self, Applied, Dao, DaoError},
    domain::{CallId, CallSid, CallStatus, StatusUpdate},
    http::{Problem, SignatureCheck, SignedForm, finish, twiml},
    twilio::{self, TwilioClient, parse_status},
};
use utoipa::OpenApi;

/// What the handlers need.
#[derive(Clone)]
pub struct App {
    dao: Dao,
    check: SignatureCheck,
    twilio: Arc<TwilioClient>,
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
            check: SignatureCheck::from_settings(settings, WebhookKind::Status)?,
            twilio: TwilioClient::new(&settings.twilio()?)?.into(),
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
            .route("/twilio/status", post(status))
            .with_state(app),
    )
}

#[derive(OpenApi)]
#[openapi(paths(status))]
struct Document;

/// The part of the API document that describes this function.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// Twilio tells what becomes of a call
#[utoipa::path(
    post, path = "/twilio/status", tag = "webhooks", operation_id = "twilio_status",
    params(
        ("call_id" = Option<String>, Query, description = "The call's `call_id`"),
        ("X-Twilio-Signature" = String, Header, description = "Twilio's signature of the URL and the form"),
        ("I-Twilio-Idempotency-Token" = Option<String>, Header, description = "The same on each retry"),
    ),
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "Twilio's status callback"),
    responses(
        (status = 200, description = "Applied, known already, or of a call that is not known here; an empty TwiML document",
            content_type = "text/xml", body = String),
        (status = 400, description = "A signed form that is no status callback (`malformed_form`)"),
        (status = 403, description = "The request is not signed by Twilio (`bad_signature`)"),
    )
)]
async fn status(State(app): State<App>, form: SignedForm) -> Result<Response, Problem> {
    let update =
        parse_status(&form.body, form.token.as_deref(), DateTime::now()).map_err(|error| {
            Problem::malformed_form(format!("The form is no status callback: {error}."))
        })?;
    let (applied, hang_up) = dao::together(async {
        let applied = apply(&app.dao, form.call_id, &update).await?;
        let hang_up = match applied {
            Applied::Changed | Applied::Duplicate => {
                hangup_waits(&app.dao, form.call_id, update.status).await
            }
            Applied::UnknownCall | Applied::OtherCall => false,
        };
        Ok::<_, DaoError>((applied, hang_up))
    })
    .await?;
    match applied {
        Applied::Changed | Applied::Duplicate => {}
        Applied::UnknownCall => {
            tracing::warn!(call_sid = %update.call_sid, "orphan: a status of a call that is not known here");
        }
        Applied::OtherCall => {
            tracing::error!(call_sid = %update.call_sid, "suspected double dial: the call has another CallSid");
        }
    }
    if hang_up
        && tokio::time::timeout(HANGING_UP, end(&app, form.call_id, &update.call_sid))
            .await
            .is_err()
    {
        tracing::warn!(
            "a requested hang-up took too long; voice ends the call once it is answered"
        );
    }
    Ok(twiml(twilio::empty()))
}

/// To the call that the URL names, else to the one that Twilio names.
async fn apply(dao: &Dao, id: Option<CallId>, update: &StatusUpdate) -> Result<Applied, DaoError> {
    if let Some(id) = id {
        let applied = dao.update_call(id, update).await?;
        if applied != Applied::UnknownCall {
            return Ok(applied);
        }
    }
    dao.update_call_by_twilio_sid(&update.call_sid, update)
        .await
}

/// What is left of the time that Twilio waits for the answer.
const HANGING_UP: Duration = Duration::from_secs(2);

/// Ends the call, and records it: for one that is canceled while it is queued no callback will.
async fn end(app: &App, id: Option<CallId>, sid: &CallSid) {
    let ended = match app.twilio.hangup_call(sid).await {
        Ok(details) if details.status.is_terminal() => {
            let update = details.to_status_update(DateTime::now());
            apply(&app.dao, id, &update).await.map(|_| ())
        }
        Ok(_) => Ok(()),
        Err(error) => {
            tracing::warn!(%error, "a requested hang-up failed; voice ends the call once it is answered");
            Ok(())
        }
    };
    if let Err(error) = ended {
        tracing::warn!(%error, "the end of a call was not stored");
    }
}

/// Whether the call was to be ended as soon as Twilio had named it, which it has by now. Once it is answered, voice
/// ends it.
async fn hangup_waits(dao: &Dao, id: Option<CallId>, status: CallStatus) -> bool {
    match id {
        Some(id) if status.rank() < CallStatus::InProgress.rank() => {
            dao.hangup_waits(id).await.unwrap_or(false)
        }
        _ => false,
    }
}
