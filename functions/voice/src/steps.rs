//! Requests of calls with steps: stores the keys, and answers with the next document.

use axum::response::Response;
use outdial::{
    domain::{CallId, CallSid, Place},
    service::steps,
    twilio::{self, PRESSED, form_pairs, step_retry},
    webhook::{SignedForm, twiml},
};

use crate::{
    apology::VoiceRequest,
    app::App,
    found::{call_to_play, hears_notice, speech_of},
    transfer::{self, LegForm},
};

/// A request at a place of a call's steps.
pub(crate) struct StepRequest {
    pub(crate) place: Place,
    /// The keys, which a redirect to the same place carries in its URL.
    pub(crate) keys: Option<String>,
    pub(crate) call_id: CallId,
    pub(crate) url: String,
    /// What the request says about a transfer.
    pub(crate) leg: LegForm,
}

impl StepRequest {
    /// Returns the request if its URL has a place. Such a URL has a `call_id`.
    pub(crate) fn of(form: &SignedForm) -> Option<Self> {
        let pairs = query_pairs(&form.url);
        let digits = form_pairs(&form.body).find(|(name, _)| name == "Digits");
        let pressed = pairs.iter().find(|(name, _)| name == PRESSED);
        let keys = digits
            .map(|(_, digits)| digits.into_owned())
            .or_else(|| pressed.map(|(_, digits)| digits.clone()));
        Some(Self {
            place: Place::of_pairs(&pairs)?,
            keys: keys.filter(|keys| !keys.is_empty()),
            call_id: form.call_id?,
            url: form.url.clone(),
            leg: LegForm::of(form, &pairs),
        })
    }

    /// Returns true if nothing is left to say.
    pub(crate) fn is_end(&self) -> bool {
        matches!(self.place, Place::End(_))
    }

    /// Returns true if the answer is a hang-up, whatever fails: nothing is left to say, or the other party of a transfer hears it.
    pub(crate) fn hangs_up(&self) -> bool {
        match &self.place {
            Place::Transfer(place) => place.moment.is_of_leg(),
            place => matches!(place, Place::End(_)),
        }
    }
}

/// Returns the place in the steps at which a request failed, if this one is for the fallback URL and Twilio names the other.
pub(crate) fn failed_at(form: &SignedForm) -> Option<Place> {
    let (_, url) = form_pairs(&form.body).find(|(name, _)| name == "ErrorUrl")?;
    Place::of_pairs(&query_pairs(&url))
}

/// The decoded query parameters of a URL.
pub(crate) fn query_pairs(url: &str) -> Vec<(String, String)> {
    let (_, query) = url.split_once('?').unwrap_or_default();
    let query = query.split('#').next().unwrap_or_default();
    form_pairs(query.as_bytes()).into_owned().collect()
}

/// Answers a request at a place of the steps.
pub(crate) async fn play(
    app: &App,
    request: &VoiceRequest,
    step: &StepRequest,
    sid: &CallSid,
) -> Response {
    let StepRequest {
        place, keys, url, ..
    } = step;
    if let Place::Transfer(place) = place {
        return transfer::play(app, request, step, place, sid).await;
    }
    let keys = keys.as_deref();
    let recorded = steps::record(&app.dao, step.call_id, sid, place, keys).await;
    let call = match recorded {
        Ok(found) => match call_to_play(app, found, sid) {
            Ok(call) => call,
            Err(response) => return response,
        },
        Err(error) => {
            // The end has nothing left to say, so a later answer would not help.
            if !step.is_end()
                && error.is_transient()
                && let Some(retry_url) = step_retry(url, keys)
            {
                tracing::warn!(%error, call_sid = %sid, "step not stored, redirected");
                return twiml(twilio::wait_and_redirect(&retry_url));
            }
            tracing::error!(%error, call_sid = %sid, "step not stored, apologized");
            return app.apologize(request).await;
        }
    };
    if call.hangup_requested || step.is_end() {
        return twiml(twilio::hangup());
    }
    let Some(playing) = steps::playing(&call, place, keys) else {
        tracing::error!(call_sid = %sid, "unknown step, apologized");
        return app.apologize(request).await;
    };
    let speech = speech_of(app, &call);
    let notice = hears_notice(app, &call, &speech).filter(|_| *place == Place::Start);
    twiml(steps::render(&playing, url, &speech, notice))
}
