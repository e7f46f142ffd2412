//! The apology that a person hears if the script can't be read. It is counted, and the queue takes `delivery: none` to the call's record.

use std::panic::AssertUnwindSafe;

use axum::response::Response;
use futures_util::FutureExt;
use outdial::{
    domain::{CallId, CallSid, Notice, Speech},
    telemetry::metrics::{self, Count},
    twilio::hangup,
    webhook::{QueuedWebhook, twiml},
};
use tracing::field;

use crate::app::App;

/// The call in a voice request.
pub(crate) struct VoiceRequest {
    /// The `call_id` in the signed URL.
    pub(crate) call_id: Option<CallId>,
    /// The `CallSid` in the form.
    pub(crate) call_sid: Option<CallSid>,
    /// The request's id in the logs.
    pub(crate) request_id: String,
    /// The speech of the call, as far as the URL knows it.
    pub(crate) speech: Speech,
    /// True if nothing is left to say, so that a failure ends the call without an apology.
    pub(crate) hangs_up: bool,
}

impl App {
    /// Returns the apology, and counts it.
    pub(crate) fn apology(&self, speech: &Speech) -> Response {
        metrics::count(Count::Apology);
        self.say_notice(Notice::Apology, speech)
    }

    /// Returns the apology, counts it, and queues `delivery: none` for the call's record.
    ///
    /// A request that names no call is not counted: it is from `outdial doctor`, because Twilio always names one.
    ///
    /// A call that has said everything only hangs up.
    pub(crate) async fn apologize(&self, request: &VoiceRequest) -> Response {
        if request.hangs_up {
            return twiml(hangup());
        }
        if request.call_id.is_none() && request.call_sid.is_none() {
            return self.say_notice(Notice::Apology, &request.speech);
        }
        self.queue_undelivered(request).await;
        self.apology(&request.speech)
    }

    /// Runs the handler, and apologizes if it panics.
    pub(crate) async fn guarded(
        &self,
        request: &VoiceRequest,
        handler: impl Future<Output = Response>,
    ) -> Response {
        match AssertUnwindSafe(handler).catch_unwind().await {
            Ok(response) => response,
            Err(_) => self.apologize(request).await,
        }
    }

    /// Queues `delivery: none`, within [`outdial::webhook::SEND_TIMEOUT`], because the person is waiting.
    async fn queue_undelivered(&self, request: &VoiceRequest) {
        let call_sid = request.call_sid.as_ref();
        let logged_sid = call_sid.map(field::display);
        let Some(queue) = &self.queue else {
            tracing::error!(
                call_sid = logged_sid,
                error = "WEBHOOK_QUEUE_URL is not set",
                "delivery none not queued"
            );
            return;
        };
        let message =
            QueuedWebhook::undelivered(request.call_id, call_sid, request.request_id.clone());
        match queue.send(&message).await {
            Ok(()) => {
                metrics::count(Count::SpilledWebhook);
                tracing::warn!(call_sid = logged_sid, "delivery none queued");
            }
            Err(error) => {
                tracing::error!(call_sid = logged_sid, %error, "delivery none not queued");
            }
        }
    }
}
