//! `POST /twilio/fallback`: speaks an apology if `voice` fails.
//!
//! It works while everything else fails, so it has neither a database nor a secret. Without a secret it can't check Twilio's signature.
//! So it answers everybody, with public words, and changes no record: `replay` checks the signature of the message that it queues.

use std::{sync::Arc, time::Duration};

use axum::{Router, extract::State, response::Response, routing::post};
use outdial::{
    config::{Settings, SpeechConfig},
    domain::Notice,
    http::with_common_layers,
    telemetry::metrics::{self, Count},
    twilio::hangup,
    webhook::{FallbackRequest, WebhookQueue, say_notice, speech_in, twiml},
};
use tokio::time::timeout;
use tracing::field;
use utoipa::OpenApi;

/// The time limit of the queue: the person has waited for `voice` already.
const SEND_TIMEOUT: Duration = Duration::from_millis(1_500);

/// The function's state.
#[derive(Clone)]
pub struct App {
    speech: Arc<SpeechConfig>,
    queue: Option<WebhookQueue>,
}

impl App {
    /// Reads the settings. A malformed variable is logged and ignored.
    #[must_use]
    pub fn from_settings(settings: &Settings) -> Self {
        let queue = WebhookQueue::from_settings(settings).unwrap_or_else(|error| {
            tracing::error!(%error, "variable ignored");
            None
        });
        Self {
            speech: settings.speech_or_default().into(),
            queue,
        }
    }

    /// Queues the request for the call's record, if that works in time.
    async fn queue(&self, request: FallbackRequest) {
        let call_sid = request.call_sid();
        let call_sid = call_sid.as_ref().map(field::display);
        let Some((queue, message)) = self.queue.as_ref().zip(request.into_message()) else {
            return;
        };
        match timeout(SEND_TIMEOUT, queue.send(&message)).await {
            Ok(Ok(())) => metrics::count(Count::SpilledWebhook),
            Ok(Err(error)) => tracing::error!(call_sid, %error, "fallback request not queued"),
            Err(_) => tracing::error!(call_sid, error = "timeout", "fallback request not queued"),
        }
    }
}

/// The function's routes.
pub fn router(app: App) -> Router {
    let routes = Router::new()
        .route("/twilio/fallback", post(fallback))
        .with_state(app);
    with_common_layers(routes)
}

#[derive(OpenApi)]
#[openapi(paths(fallback))]
struct Document;

/// The part of the API document that describes this function.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// Apologize if the voice URL failed
///
/// Twilio requests TwiML here if it could not fetch or execute the instructions of a call. The answer is an apology or, if everything was said, a hang-up. It does not depend on the signature, and nothing is read.
#[utoipa::path(
    post, path = "/twilio/fallback", tag = "webhooks", operation_id = "twilio_fallback",
    params(
        ("call_id" = Option<String>, Query, description = "The call's `call_id`"),
        ("lang" = Option<String>, Query, description = "The call's language, for the apology"),
        ("X-Twilio-Signature" = Option<String>, Header, description = "Twilio's signature of the URL and the form. Without a valid one, the call's record does not change"),
    ),
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "Twilio's request, with `ErrorUrl` and `ErrorCode`"),
    responses(
        (status = 200, description = "TwiML", content_type = "text/xml", body = String),
    )
)]
async fn fallback(State(app): State<App>, request: FallbackRequest) -> Response {
    let response = if request.hangs_up() {
        twiml(hangup())
    } else {
        let urls = request.urls();
        let of_call = urls.iter().find_map(|url| speech_in(&app.speech, url));
        let speech = of_call.as_ref().unwrap_or(&app.speech.speech);
        say_notice(&app.speech, Notice::Apology, speech)
    };
    // Twilio always names the call; `outdial doctor` does not.
    if let Some(call_sid) = request.call_sid() {
        let error_code = request.error_code();
        tracing::error!(%call_sid, error_code, "voice failed, fallback answered");
        metrics::count(Count::Fallback);
        app.queue(request).await;
    }
    response
}
