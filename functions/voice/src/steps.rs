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
        let leg = LegForm::of(form);
        Some(Self {
            place: leg.completed(Place::of_pairs(&pairs)?),
            keys: keys.filter(|keys| !keys.is_empty()),
            call_id: form.call_id?,
            url: form.url.clone(),
            leg,
        })
    }

    /// The place.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// The keys, if the person pressed some.
    pub(crate) fn keys(&self) -> Option<&str> {
        self.keys.as_deref()
    }

    /// Returns true if the keys are an answer, as far as the URL knows.
    pub(crate) fn is_answer(&self) -> bool {
        match (&self.place, &self.keys) {
            (Place::Ask(ask), Some(keys)) => ask.accepts(keys),
            _ => false,
        }
    }

    /// Returns true if nothing is left to say.
    pub(crate) fn is_end(&self) -> bool {
        matches!(self.place, Place::End(_))
    }

    /// Returns true if the leg of a transfer makes the request, not the call.
    pub(crate) fn is_of_leg(&self) -> bool {
        matches!(&self.place, Place::Transfer(place) if place.moment.is_of_leg())
    }

    /// Returns true if the answer is a hang-up, whatever fails: nothing is left to say, or nobody hears it but the other party of a
    /// transfer.
    pub(crate) fn hangs_up(&self) -> bool {
        match &self.place {
            Place::Transfer(place) => self.is_of_leg() || place.was_connected() || self.leg.is_over,
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
            Err(_) if step.is_end() => return twiml(twilio::hangup()),
            Err(response) => return response,
        },
        Err(error) => {
            // The end has nothing left to say, so a later answer would not help.
            if !step.is_end()
                && error.is_transient()
                && let Some(retry_url) = step_retry(url, keys)
            {
                tracing::warn!(%error, call_sid = %sid, "step not stored, redirected");
                return app.one_moment(&request.speech, &retry_url);
            }
            tracing::error!(%error, call_sid = %sid, "step not stored, call ended");
            // The queue would not help with a call that can't be read.
            if error.is_transient() {
                return app.thank_or_apologize(request).await;
            }
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
