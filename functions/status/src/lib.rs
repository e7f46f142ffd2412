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
    dao::{Applied, Dao},
    domain::{CallId, CallSid},
    http::{Problem, SignatureCheck, SignedForm, finish, twiml},
    metrics::{self, Count},
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
    let told = app.dao.apply_status(form.call_id, &update).await?;
    match told.applied {
        Applied::Changed => {}
        Applied::Duplicate => metrics::count(Count::DuplicateWebhook),
        Applied::UnknownCall => {
            metrics::count(Count::OrphanWebhook);
            tracing::warn!(call_sid = %update.call_sid, "orphan: a status of a call that is not known here");
        }
        Applied::OtherCall => {
            metrics::count(Count::SuspectedDoubleDial);
            tracing::error!(call_sid = %update.call_sid, "suspected double dial: the call has another CallSid");
        }
    }
    if told.hangup_waits
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

/// What is left of the time that Twilio waits for the answer.
const HANGING_UP: Duration = Duration::from_secs(2);

/// Ends the call, and records it: for one that is canceled while it is queued no callback will.
async fn end(app: &App, id: Option<CallId>, sid: &CallSid) {
    let ended = match app.twilio.hangup_call(sid).await {
        Ok(details) if details.status.is_terminal() => {
            let update = details.to_status_update(DateTime::now());
            app.dao.apply_status(id, &update).await.map(|_| ())
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
