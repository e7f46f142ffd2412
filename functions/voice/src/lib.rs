//! `POST /twilio/voice`: what a call says.
//!
//! A person is listening: but for a forged request, everything is answered 200 with TwiML. If the database does not
//! answer, Twilio is redirected to the same URL up to three times, a second apart; then it speaks an apology.

use std::sync::Arc;

use axum::{
    Router,
    extract::{FromRef, State},
    response::Response,
    routing::post,
};
use outdial::{
    config::{Settings, SpeechConfig, WebhookKind},
    dao::{Dao, VoiceLookup},
    domain::{Call, CallSid, Speech},
    http::{SignatureCheck, SignedForm, twiml, with_common_layers},
    metrics::{self, Count},
    queue::WebhookQueue,
    twilio::{self, parse_voice, voice_retry},
};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;

use apology::VoiceRequest;

mod apology;

/// What the handlers need.
#[derive(Clone)]
pub struct App {
    dao: Dao,
    check: SignatureCheck,
    speech: Arc<SpeechConfig>,
    queue: Option<WebhookQueue>,
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
        Ok(Self {
            check: SignatureCheck::from_settings(settings, WebhookKind::Voice)?,
            speech: settings.speech()?.into(),
            queue: WebhookQueue::from_settings(settings)?,
            dao: Dao::from_settings(settings)?,
        })
    }

    fn say(&self, text: &str) -> Response {
        let Speech { voice, language } = &self.speech.speech;
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
    with_common_layers(apologizing(routes, app))
}

/// The routes, whose panics end in an apology, also those before a handler knows which call it is.
fn apologizing(routes: Router, app: App) -> Router {
    routes.layer(CatchPanicLayer::custom(move |_| app.apology()))
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

/// Answer Twilio's voice request
///
/// Twilio requests the TwiML of a call that was answered: what to say. The answer is 200 even if something fails; then an apology is spoken.
#[utoipa::path(
    post, path = "/twilio/voice", tag = "webhooks", operation_id = "twilio_voice",
    params(
        ("call_id" = Option<String>, Query, description = "The call's `call_id`"),
        ("retry" = Option<u32>, Query, description = "How often this request was redirected to its own URL because the database did not answer", minimum = 1, maximum = 3),
        ("fallback" = Option<u32>, Query, description = "1 if Twilio requests the fallback URL: there is no redirect then"),
        ("X-Twilio-Signature" = String, Header, description = "Twilio's signature of the URL and the form"),
    ),
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "Twilio's voice request"),
    responses(
        (status = 200, description = "TwiML", content_type = "text/xml", body = String),
        (status = 403, description = "The request is not signed by Twilio (`bad_signature`)"),
    )
)]
async fn voice(State(app): State<App>, form: SignedForm) -> Response {
    let named = parse_voice(&form.body);
    let request = VoiceRequest {
        call_id: form.call_id,
        call_sid: named.as_ref().ok().cloned(),
        request_id: form.request_id,
    };
    let answer = async {
        match &named {
            Ok(sid) => look_up(&app, &request, sid, &form.url).await,
            Err(error) => {
                tracing::error!(%error, "a signed voice request could not be read");
                app.apologize(&request).await
            }
        }
    };
    app.guarded(&request, answer).await
}

async fn look_up(app: &App, request: &VoiceRequest, sid: &CallSid, url: &str) -> Response {
    match app.dao.ask_for_call(request.call_id, sid).await {
        Ok(VoiceLookup::Call(call, not_named)) => {
            tracing::Span::current().record("call_id", tracing::field::display(call.call_id));
            if let Some(error) = not_named {
                tracing::warn!(%error, "Twilio's name of the call was not stored");
            }
            answer(app, &call)
        }
        Ok(VoiceLookup::OtherCall) => {
            metrics::count(Count::SuspectedDoubleDial);
            tracing::error!(call_sid = %sid, "suspected double dial: the call has another CallSid");
            app.say(GOODBYE)
        }
        Ok(VoiceLookup::UnknownCall) => {
            metrics::count(Count::OrphanWebhook);
            tracing::warn!(call_sid = %sid, "a call that is not known here asks what to say");
            app.say(GOODBYE)
        }
        Err(error) => {
            if error.is_passing()
                && let Some(again) = voice_retry(url)
            {
                tracing::warn!(%error, call_sid = %sid, "the script is out of reach; redirected to try again");
                return twiml(twilio::wait_and_redirect(&again));
            }
            tracing::error!(%error, call_sid = %sid, "the script is out of reach");
            app.apologize(request).await
        }
    }
}

const GOODBYE: &str = "We are sorry, there is no message for you. Goodbye.";

fn answer(app: &App, call: &Call) -> Response {
    if call.hangup_requested {
        return twiml(twilio::hangup());
    }
    let config = &app.speech;
    let notice = config
        .recording_notice
        .as_deref()
        .filter(|_| call.recording_enabled);
    let (voice, language) = (call.voice.as_ref(), call.language.as_ref());
    // Only a call that an earlier version stored names a language that no voice is known to speak.
    let speech = config.speech.of_call(voice, language).unwrap_or(Speech {
        voice: config.speech.voice.clone(),
        language: language.unwrap_or(&config.speech.language).clone(),
    });
    twiml(twilio::generate_twiml_response(
        &call.script,
        speech.voice.as_str(),
        speech.language.as_str(),
        notice,
    ))
}

#[cfg(test)]
mod tests {
    use testkit::{Queue, Request, Stage};

    use super::*;

    #[tokio::test]
    async fn a_panic_ends_in_an_apology_and_the_next_request_is_answered() {
        let settings = Settings::from_pairs([
            ("ENVIRONMENT", "development"),
            ("MONGO_URI", "mongodb://127.0.0.1:1"),
            ("TWILIO_AUTH_TOKEN", "token"),
            ("APOLOGY", "Sorry."),
        ]);
        let app = App::from_settings(&settings.unwrap()).unwrap();
        let broken = post(async || -> Response { panic!("a defect") });
        let routes = Router::new().route("/twilio/voice", broken);
        let router = with_common_layers(apologizing(routes, app));
        for _ in 0..2 {
            assert_apology(&Request::new("POST", "/twilio/voice").send(&router).await);
        }
    }

    #[tokio::test]
    async fn a_panic_of_a_known_call_is_told_to_its_record_by_way_of_the_queue() {
        let queue = Queue::new().await;
        let stage = Stage::new().await.spilling_into(&queue);
        let app = App::from_settings(&stage.set("APOLOGY", "Sorry.").settings()).unwrap();
        let broken = post(async |State(app): State<App>, form: SignedForm| {
            let request = VoiceRequest {
                call_id: form.call_id,
                call_sid: parse_voice(&form.body).ok(),
                request_id: form.request_id,
            };
            app.guarded(&request, async { panic!("a defect") }).await
        });
        let routes = Router::new().route("/twilio/voice", broken);
        let router = with_common_layers(apologizing(routes.with_state(app.clone()), app));
        let id = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";
        let sid = testkit::new_sid();
        let path = format!("/twilio/voice?call_id={id}");
        let request = Request::webhook(&path, &[("CallSid", sid.as_str())]);
        let forged = request.clone().header("x-twilio-signature", "AAAA");
        assert_eq!(forged.send(&router).await.status, 403);
        assert_apology(&request.send(&router).await);
        let messages = queue.messages().await;
        assert_eq!(messages.len(), 1, "{messages:?}");
        assert_eq!(messages[0]["topic"], "undelivered");
        assert_eq!(messages[0]["call_id"], id);
        assert_eq!(messages[0]["form"], format!("CallSid={sid}"));
    }

    #[track_caller]
    fn assert_apology(answer: &testkit::Answer) {
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), "text/xml; charset=utf-8");
        let text = answer.text();
        assert!(text.contains(">Sorry.</Say><Hangup>"), "{text}");
    }
}
