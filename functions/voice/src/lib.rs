//! `POST /twilio/voice`: what a call says.
//!
//! A person is listening: but for a forged request, everything is answered 200 with TwiML.

use std::sync::Arc;

use axum::{
    Router,
    extract::{FromRef, State},
    response::{IntoResponse, Response},
    routing::post,
};
use http::header;
use outdial::{
    config::{Settings, SpeechConfig, WebhookKind},
    dao::{Applied, Dao, DaoError},
    domain::{Call, CallId, CallSid},
    http::{SignatureCheck, SignedForm, finish},
    twilio::{self, VoiceRequest},
};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;

/// What the handlers need.
#[derive(Clone)]
pub struct App {
    dao: Dao,
    check: SignatureCheck,
    speech: Arc<SpeechConfig>,
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
            check: SignatureCheck::from_settings(settings, WebhookKind::Voice)?,
            speech: settings.speech()?.into(),
            dao: Dao::begin(&settings.mongo()?)?,
        })
    }

    fn say(&self, text: &str) -> Response {
        let SpeechConfig {
            voice, language, ..
        } = &*self.speech;
        twiml(twilio::say_and_hang_up(
            text,
            voice.as_str(),
            language.as_str(),
        ))
    }
}

impl FromRef<App> for SignatureCheck {
    fn from_ref(app: &App) -> Self {
        app.check.clone()
    }
}

/// The function's routes.
pub fn router(app: App) -> Router {
    let apology = app.clone();
    let panic = CatchPanicLayer::custom(move |_| apology.say(&apology.speech.apology));
    finish(
        Router::new()
            .route("/twilio/voice", post(voice))
            .layer(panic)
            .with_state(app),
    )
}

#[derive(OpenApi)]
#[openapi(
    paths(voice),
    tags((name = "webhooks", description = "What Twilio calls; each request carries its signature"))
)]
struct Document;

/// The part of the API document that describes this function.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// Twilio asks what to say
#[utoipa::path(
    post, path = "/twilio/voice", tag = "webhooks", operation_id = "twilio_voice",
    params(
        ("call_id" = Option<String>, Query, description = "The call's `call_id`"),
        ("X-Twilio-Signature" = String, Header, description = "Twilio's signature of the URL and the form"),
    ),
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "Twilio's voice request"),
    responses(
        (status = 200, description = "TwiML", content_type = "text/xml", body = String),
        (status = 403, description = "The request is not signed by Twilio (`bad_signature`)"),
    )
)]
async fn voice(State(app): State<App>, form: SignedForm) -> Response {
    let request = match VoiceRequest::parse(&form.body) {
        Ok(request) => request,
        Err(error) => {
            tracing::error!(%error, "a signed voice request could not be read");
            return app.say(&app.speech.apology);
        }
    };
    match find(&app.dao, form.call_id, &request.call_sid).await {
        Ok(Some(call)) => answer(&app, &call, &request.call_sid),
        Ok(None) => {
            tracing::warn!(call_sid = %request.call_sid, "a call that is not known here asks what to say");
            app.say(GOODBYE)
        }
        Err(error) => {
            tracing::error!(%error, call_sid = %request.call_sid, "the script is out of reach");
            app.say(&app.speech.apology)
        }
    }
}

const GOODBYE: &str = "We are sorry, there is no message for you. Goodbye.";

/// The call that the URL names, else the one that Twilio names. Twilio's name is stored at the same time.
async fn find(dao: &Dao, id: Option<CallId>, sid: &CallSid) -> Result<Option<Call>, DaoError> {
    if let Some(id) = id {
        let (call, stored) = tokio::join!(dao.get_call(id), dao.record_call_sid(id, sid));
        if let Err(error) = stored {
            tracing::warn!(%error, "Twilio's name of the call was not stored; a status callback will bring it again");
        } else if matches!(stored, Ok(Applied::OtherCall)) {
            tracing::error!(call_sid = %sid, "suspected double dial: the call has another CallSid");
        }
        if let Some(call) = call? {
            return Ok(Some(call));
        }
    }
    dao.get_call_by_twilio_sid(sid).await
}

fn answer(app: &App, call: &Call, sid: &CallSid) -> Response {
    if call.twilio_sid.as_ref().is_some_and(|stored| stored != sid) {
        return app.say(GOODBYE);
    }
    if call.hangup_requested {
        return twiml(twilio::hangup());
    }
    let speech = &app.speech;
    let notice = speech
        .recording_notice
        .as_deref()
        .filter(|_| call.recording_enabled);
    twiml(twilio::generate_twiml_response(
        &call.script,
        call.voice.as_ref().unwrap_or(&speech.voice).as_str(),
        call.language.as_ref().unwrap_or(&speech.language).as_str(),
        notice,
    ))
}

fn twiml(document: String) -> Response {
    (
        [(header::CONTENT_TYPE, "text/xml; charset=utf-8")],
        document,
    )
        .into_response()
}
