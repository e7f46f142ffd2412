//! `POST /twilio/voice`: what a call says.
//!
//! A person is listening: but for a forged request, everything is answered 200 with TwiML.

use std::sync::Arc;

use axum::{
    Router,
    extract::{FromRef, State},
    response::Response,
    routing::post,
};
use outdial::{
    config::{Settings, SpeechConfig, WebhookKind},
    dao::{Asking, Dao},
    domain::Call,
    http::{SignatureCheck, SignedForm, finish, twiml},
    metrics::{self, Count},
    twilio::{self, parse_voice},
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
            dao: Dao::begin(settings)?,
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
    let routes = Router::new()
        .route("/twilio/voice", post(voice))
        .with_state(app.clone());
    finish(apologizing(routes, app))
}

/// The routes, whose panics end in an apology.
fn apologizing(routes: Router, app: App) -> Router {
    let apologize = move |_| app.say(&app.speech.apology);
    routes.layer(CatchPanicLayer::custom(apologize))
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
    let sid = match parse_voice(&form.body) {
        Ok(sid) => sid,
        Err(error) => {
            tracing::error!(%error, "a signed voice request could not be read");
            return app.say(&app.speech.apology);
        }
    };
    match app.dao.ask_for_call(form.call_id, &sid).await {
        Ok(Asking::Call(call, not_named)) => {
            tracing::Span::current().record("call_id", tracing::field::display(call.call_id));
            if let Some(error) = not_named {
                tracing::warn!(%error, "Twilio's name of the call was not stored");
            }
            answer(&app, &call)
        }
        Ok(Asking::OtherCall) => {
            metrics::count(Count::SuspectedDoubleDial);
            tracing::error!(call_sid = %sid, "suspected double dial: the call has another CallSid");
            app.say(GOODBYE)
        }
        Ok(Asking::UnknownCall) => {
            metrics::count(Count::OrphanWebhook);
            tracing::warn!(call_sid = %sid, "a call that is not known here asks what to say");
            app.say(GOODBYE)
        }
        Err(error) => {
            tracing::error!(%error, call_sid = %sid, "the script is out of reach");
            app.say(&app.speech.apology)
        }
    }
}

const GOODBYE: &str = "We are sorry, there is no message for you. Goodbye.";

fn answer(app: &App, call: &Call) -> Response {
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

#[cfg(test)]
mod tests {
    use testkit::Request;

    use super::*;

    #[tokio::test]
    async fn a_panic_ends_in_an_apology_and_the_next_request_is_answered() {
        let settings = Settings::from_pairs([
            ("MONGO_URI", "mongodb://127.0.0.1:1"),
            ("TWILIO_AUTH_TOKEN", "token"),
            ("APOLOGY", "Sorry."),
        ]);
        let app = App::from_settings(&settings.unwrap()).unwrap();
        let broken = post(async || -> Response { panic!("a defect") });
        let routes = Router::new().route("/twilio/voice", broken);
        let router = finish(apologizing(routes, app));
        for _ in 0..2 {
            let answer = Request::new("POST", "/twilio/voice").send(&router).await;
            assert_eq!(answer.status, 200);
            assert_eq!(answer.header("content-type"), "text/xml; charset=utf-8");
            assert!(
                answer.text().contains(">Sorry.</Say><Hangup>"),
                "{}",
                answer.text()
            );
        }
    }
}
