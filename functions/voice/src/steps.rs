//! Requests of calls with steps: stores the keys, and answers with the next document.

use axum::response::Response;
use outdial::{
    domain::{Call, CallSid, Notice, OptOutKey, Place, Playing, Speech, Steps},
    service::steps,
    twilio::{
        self, answer_time, form_pairs, opt_out_key, query_pairs, step_retry, with_answer_time,
        with_opt_out,
    },
    webhook::{SignedForm, StepRequest, repeats_start, twiml},
};

use crate::{
    apology::VoiceRequest,
    app::App,
    found::{call_to_play, hears_notice, speech_of},
    transfer,
};

/// The URL that failed, if the request is for the fallback URL and Twilio names the other.
pub(crate) struct FailedUrl(String);

impl FailedUrl {
    /// Reads it from the form.
    pub(crate) fn of(form: &SignedForm) -> Option<Self> {
        let (_, url) = form_pairs(&form.body).find(|(name, _)| name == "ErrorUrl")?;
        Some(Self(url.into_owned()))
    }

    /// Returns true if it is that of a repeated request for the first words.
    pub(crate) fn repeats_start(&self) -> bool {
        repeats_start(&self.0)
    }

    /// The place in the steps. `None`: the URL has none, like that of audio.
    pub(crate) fn place(&self) -> Option<Place> {
        Place::of_pairs(&query_pairs(&self.0))
    }

    /// Returns the document to play again with words instead of audio, which may be what failed. `None` if there was no audio, or
    /// if the place is not known and the person has answered before.
    pub(crate) fn without_audio<'a>(&self, call: &'a Call) -> Option<Playing<'a>> {
        let may_be_audio = call.steps.as_ref().is_some_and(Steps::has_audio);
        if !may_be_audio || !twilio::plays_audio(&self.0) {
            return None;
        }
        match self.place() {
            Some(Place::Ask(ask)) => steps::playing_again(call, &ask),
            None if call.answers.is_empty() && call.unanswered.is_empty() => {
                steps::playing(call, call.steps.as_ref()?, &Place::Start, None)
            }
            _ => None,
        }
    }
}

/// Answers a request at a place of the steps.
pub(crate) async fn play(
    app: &App,
    request: &VoiceRequest,
    step: &StepRequest,
    sid: &CallSid,
) -> Response {
    let StepRequest {
        place,
        keys,
        url,
        opts_out,
        ..
    } = step;
    if let Place::Transfer(place) = place {
        return transfer::play(app, request, step, place, sid).await;
    }
    let keys = keys.as_deref();
    let recorded = steps::record(&app.dao, step.call_id, sid, place, keys, *opts_out).await;
    let call = match recorded {
        Ok(found) => match call_to_play(app, found, sid) {
            Ok(call) => call,
            Err(_) if step.place.is_after_last_word() => return twiml(twilio::hangup()),
            Err(response) => return response,
        },
        Err(error) => {
            // The end has nothing left to say, so a later answer would not help.
            if !matches!(place, Place::End(_))
                && error.is_transient()
                && let Some(retry_url) = step_retry(url, keys)
            {
                tracing::warn!(%error, call_sid = %sid, "step not stored, redirected");
                // The person may hang up before the redirect.
                if !step.is_retry && (step.is_answer() || step.opts_out) {
                    app.queue_keys(step, sid, &request.request_id).await;
                }
                // A machine may record.
                if step.place.is_after_last_word() {
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
        None if matches!(place, Place::Said(_)) => twiml(twilio::hangup()),
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
    if call.hangup_requested || call.opted_out {
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
        if *place != Place::Start {
            return Some(steps::render(&playing, url, &speech, None));
        }
        let url = with_key(app, call, url);
        let url = match call.voicemail_to_leave() {
            Some(_) => with_answer_time(&url),
            None => url,
        };
        let notices = opening(app, call, &speech);
        return Some(steps::render(&playing, &url, &speech, notices));
    }
    if held.is_none() && *place != Place::Voicemail {
        return None;
    }
    Some(match steps::message(call, steps) {
        Some(message) => {
            let callback = app.speech.callback_notice(&speech);
            let url = with_key(app, call, url);
            steps::render_message(&message, &url, &speech, callback.as_deref())
        }
        None => twilio::hangup(),
    })
}

/// The first words of a call: who calls, how to opt out, and that the call is recorded. A call with a script has only the last one.
fn opening<'a>(
    app: &'a App,
    call: &Call,
    speech: &'a Speech,
) -> impl Iterator<Item = &'a str> + use<'a> {
    let notice = |notice| app.speech.notice(notice, speech).map(|(text, _)| text);
    let steps = call.steps.as_ref();
    let key = steps.and_then(|steps| opt_out_key_of(app, steps));
    let notices = [
        steps.and_then(|_| notice(Notice::Identity)),
        key.and_then(|_| notice(Notice::OptOut)),
        hears_notice(app, call, speech),
    ];
    notices.into_iter().flatten()
}

/// Returns the URL with the opt-out key that the call offers.
pub(crate) fn with_key(app: &App, call: &Call, url: &str) -> String {
    let steps = call.steps.as_ref();
    let key = steps
        .and_then(|steps| opt_out_key_of(app, steps))
        .filter(|_| opt_out_key(url).is_none());
    key.map_or_else(|| url.to_owned(), |key| with_opt_out(url, key))
}

/// A key that has become an option since the call was placed must not opt out.
fn opt_out_key_of(app: &App, steps: &Steps) -> Option<OptOutKey> {
    app.speech.opt_out_key.filter(|key| !steps.has_option(*key))
}
