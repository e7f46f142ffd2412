//! The end of a call that can't go on: an apology, or general thanks if the queue has taken the answer.

use std::panic::AssertUnwindSafe;

use axum::{extract::State, middleware::Next, response::Response};
use futures_util::FutureExt;
use outdial::{
    domain::{CallId, CallSid, Notice, Speech},
    telemetry::metrics::{self, Count},
    twilio::hangup,
    webhook::{StepRequest, twiml},
};

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
    /// The place in the steps, if the call has some.
    pub(crate) step: Option<StepRequest>,
    /// True if the person has heard nothing of the steps: all responses before were redirects to their start.
    pub(crate) heard_nothing: bool,
    /// True if nothing is left to say, so that a failure ends the call without an apology.
    pub(crate) hangs_up: bool,
}

impl App {
    /// Returns the apology, and counts it.
    pub(crate) fn apology(&self, speech: &Speech) -> Response {
        metrics::count(Count::Apology);
        self.say_notice(Notice::Apology, speech)
    }

    /// Ends a call that can't go on, with an apology. Queues that for the call's record, with the event of the request.
    ///
    /// A request that names no call is not counted: it is from `outdial doctor`, because Twilio always names one.
    ///
    /// A call that has said everything only hangs up.
    pub(crate) async fn apologize(&self, request: &VoiceRequest) -> Response {
        if request.call_id.is_none() && request.call_sid.is_none() && !request.hangs_up {
            return self.say_notice(Notice::Apology, &request.speech);
        }
        self.queue_end(request).await;
        if request.hangs_up {
            return twiml(hangup());
        }
        self.apology(&request.speech)
    }

    /// Ends a call that can't go on because the database is unavailable. If the request brings an answer, and the queue has taken
    /// it, the person hears general thanks; after an opt-out, the call just ends. Otherwise as [`App::apologize`].
    pub(crate) async fn thank_or_apologize(&self, request: &VoiceRequest) -> Response {
        let opts_out = request.step.as_ref().is_some_and(|step| step.opts_out);
        let answers = request.step.as_ref().is_some_and(StepRequest::is_answer);
        if !(answers || opts_out) || request.hangs_up {
            return self.apologize(request).await;
        }
        if self.queue_end(request).await {
            if opts_out {
                return twiml(hangup());
            }
            return self.say_notice(Notice::Thanks, &request.speech);
        }
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
}

/// Answers a panic before the handler knows the call: with a hang-up at the end of the steps, otherwise with the apology.
pub(crate) async fn survive_panic(
    State(app): State<App>,
    request: axum::extract::Request,
    next: Next,
) -> Response {
    let url = request.uri().to_string();
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(_) => match StepRequest::of(&url, &[]) {
            Some(step) if step.hangs_up() => twiml(hangup()),
            _ => app.apology(&app.speech_in(&url)),
        },
    }
}
