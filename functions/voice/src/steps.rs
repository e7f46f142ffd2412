//! Requests of calls with steps: stores the keys, and answers with the next document.

use axum::response::Response;
use outdial::{
    domain::{Call, CallId, CallSid, Place},
    service::steps,
    twilio::{self, PRESSED, answer_time, form_pairs, step_retry, with_answer_time},
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
        let place = leg.completed(Place::of_pairs(&pairs)?);
        let keys = keys
            .filter(|keys| !keys.is_empty())
            .map(|keys| match &place {
                Place::Ask(ask) => ask.without_finishing_key(&keys).to_owned(),
                _ => keys,
            });
        Some(Self {
            place,
            keys,
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

    /// Returns true if nothing is left to say to a person: if something fails for good, the call ends without an apology.
    pub(crate) fn is_after_last_word(&self) -> bool {
        self.place.is_after_last_word()
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
            place => place.is_after_last_word(),
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
            Err(_) if step.is_after_last_word() => return twiml(twilio::hangup()),
            Err(response) => return response,
        },
        Err(error) => {
            // The end has nothing left to say, so a later answer would not help.
            if !matches!(place, Place::End(_))
                && error.is_transient()
                && let Some(retry_url) = step_retry(url, keys)
            {
                tracing::warn!(%error, call_sid = %sid, "step not stored, redirected");
                // A machine may record.
                if step.is_after_last_word() {
                    return twiml(twilio::wait_and_redirect(&retry_url));
                }
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
    match document(app, &call, place, keys, url) {
        Some(document) => twiml(document),
        None => {
            tracing::error!(call_sid = %sid, "unknown step, apologized");
            app.apologize(request).await
        }
    }
}

/// Returns the document for a place of the call, or `None` if it has no such place.
pub(crate) fn document(
    app: &App,
    call: &Call,
    place: &Place,
    keys: Option<&str>,
    url: &str,
) -> Option<String> {
    if call.hangup_requested {
        return Some(twilio::hangup());
    }
    let flow = call.flow();
    let steps = flow.as_deref()?;
    let speech = speech_of(app, call);
    let held = match place {
        Place::End(_) => Some(0),
        Place::Hold(held) => Some(*held),
        _ => None,
    };
    if let Some(held) = held {
        if !steps::holds(call, held, answer_time(url)) {
            return Some(twilio::hangup());
        }
        if !steps::plays_message(call) {
            return Some(steps::render_hold(url, held));
        }
    }
    if *place == Place::VoicemailDone {
        return Some(twilio::hangup());
    }
    if let Some(playing) = steps::playing(call, steps, place, keys) {
        let is_start = *place == Place::Start;
        let notice = hears_notice(app, call, &speech).filter(|_| is_start);
        let url = match call.voicemail_to_leave() {
            Some(_) => &with_answer_time(url),
            None => url,
        };
        return Some(steps::render(&playing, url, &speech, notice));
    }
    if held.is_none() && *place != Place::Voicemail {
        return None;
    }
    Some(match steps::message(call, steps) {
        Some(message) => steps::render_message(&message, url, &speech),
        None => twilio::hangup(),
    })
}
