//! The handler of the voice request: reads the call, and answers with its script as TwiML.

use axum::{extract::State, response::Response};
use outdial::{
    dao::StepEvent,
    domain::{Call, CallSid, Place},
    service::steps::render,
    twilio::{self, voice_retry},
    webhook::{SignedForm, StepRequest, parse_voice, twiml},
};

use crate::{
    apology::VoiceRequest,
    app::App,
    found::{GOODBYE, call_to_play, hears_notice, speech_of},
    steps::{self, FailedUrl, document},
};

/// Answer a voice request
///
/// Twilio requests TwiML, the instructions for a call that was answered. The status is 200 even if something fails: then the TwiML speaks an apology.
#[utoipa::path(
    post, path = "/twilio/voice", tag = "webhooks", operation_id = "twilio_voice",
    params(
        ("call_id" = Option<String>, Query, description = "The call's `call_id`"),
        ("lang" = Option<String>, Query, description = "The call's language, for sentences that outdial speaks if the database does not respond"),
        ("retry" = Option<u32>, Query, description = "How many times this request was redirected to its own URL because the database did not respond", minimum = 1, maximum = 3),
        ("step" = Option<String>, Query, description = "The place of a call with steps: `start`, `end` or the `id` of an ask. Further parameters describe the play of the ask"),
        ("opt_out" = Option<String>, Query, description = "The key with which the person can ask for no further calls"),
        ("leg" = Option<String>, Query, description = "The moment of a transfer: `dial`, `whisper`, `accept` or `ended`. Then `step` is the `id` of the transfer"),
        ("dialled" = Option<String>, Query, description = "How the transfer ended, from the request before a redirect"),
        ("pressed" = Option<String>, Query, description = "The keys of the request before a redirect"),
        ("fallback" = Option<u32>, Query, description = "1 if Twilio requests the fallback URL. Such a request is never redirected"),
        ("X-Twilio-Signature" = String, Header, description = "Twilio's signature of the URL and the form"),
    ),
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "Twilio's voice request"),
    responses(
        (status = 200, description = "TwiML", content_type = "text/xml", body = String),
        (status = 403, description = "Twilio's signature is missing or wrong (`bad_signature`)"),
    )
)]
pub(crate) async fn voice(State(app): State<App>, form: SignedForm) -> Response {
    let call_sid = parse_voice(&form.body);
    let failed = FailedUrl::of(&form);
    let failed_at = failed.as_ref().and_then(FailedUrl::place);
    let is_at_end = failed_at.as_ref().is_some_and(Place::is_after_last_word);
    let step = StepRequest::of(&form.url, &form.body);
    let request = VoiceRequest {
        call_id: form.call_id,
        call_sid: call_sid.as_ref().ok().cloned(),
        request_id: form.request_id,
        speech: app.speech_in(&form.url),
        heard_nothing: failed.as_ref().is_some_and(FailedUrl::repeats_start)
            || step.as_ref().is_some_and(StepRequest::repeats_start),
        hangs_up: is_at_end || step.as_ref().is_some_and(StepRequest::hangs_up),
        step,
    };
    let response = async {
        match (&call_sid, &request.step) {
            (Ok(sid), Some(step)) => steps::play(&app, &request, step, sid).await,
            (Ok(_), None) if is_at_end => twiml(twilio::hangup()),
            (Ok(sid), None) => look_up(&app, &request, sid, &form.url, failed).await,
            (Err(error), _) => {
                tracing::error!(%error, "malformed voice request");
                app.apologize(&request).await
            }
        }
    };
    app.guarded(&request, response).await
}

async fn look_up(
    app: &App,
    request: &VoiceRequest,
    sid: &CallSid,
    url: &str,
    failed: Option<FailedUrl>,
) -> Response {
    let failed_at = failed.as_ref().and_then(FailedUrl::place);
    match app.dao.look_up_for_voice(request.call_id, sid).await {
        Ok(found) => match call_to_play(app, found, sid) {
            Ok(call) => {
                let words = failed.and_then(|failed| words_instead(app, &call, &failed, url));
                match words {
                    Some(words) => words,
                    None if has_begun(&call, failed_at) => {
                        tracing::error!(call_sid = %sid, "steps failed, apologized");
                        // The person has heard something, so this is no `delivery: none`.
                        for event in [StepEvent::Started, StepEvent::CutOff] {
                            let recording = app.dao.record_step(call.call_id, sid, &event);
                            if let Err(error) = recording.await {
                                tracing::error!(%error, call_sid = %sid, "apology not stored");
                            }
                        }
                        app.apology(&speech_of(app, &call))
                    }
                    None => {
                        if call.has_flow() {
                            note_start(app, &call, sid).await;
                        }
                        instructions(app, &call, url)
                    }
                }
            }
            Err(response) => response,
        },
        Err(error) => {
            if error.is_transient()
                && let Some(retry_url) = voice_retry(url)
            {
                tracing::warn!(%error, call_sid = %sid, "script unavailable, redirected");
                return app.one_moment(&request.speech, &retry_url);
            }
            tracing::error!(%error, call_sid = %sid, "script unavailable, apologized");
            app.apologize(request).await
        }
    }
}

/// Stores that the person hears the first words. The call goes on without that, because later events store it too.
async fn note_start(app: &App, call: &Call, sid: &CallSid) {
    let started = app.dao.record_step(call.call_id, sid, &StepEvent::Started);
    if let Err(error) = started.await {
        tracing::warn!(%error, call_sid = %sid, "start of the steps not stored");
    }
}

/// Returns the document that failed with words instead of its audio, or `None` if it had no audio.
fn words_instead(app: &App, call: &Call, failed: &FailedUrl, url: &str) -> Option<Response> {
    let playing = failed.without_audio(call);
    let playing = playing.filter(|_| !call.hangup_requested && !call.opted_out)?;
    tracing::warn!("audio failed, words spoken");
    let url = twilio::without_audio(url);
    if failed.place().is_none() {
        return document(app, call, &Place::Start, None, &url).map(twiml);
    }
    let url = steps::with_key(app, call, &url);
    Some(twiml(render(&playing, &url, &speech_of(app, call), None)))
}

/// Returns true if a request after the start of the steps failed. Otherwise the person would hear them again, perhaps for ever.
fn has_begun(call: &Call, failed_at: Option<Place>) -> bool {
    call.has_flow()
        && match failed_at {
            Some(place) => place != Place::Start,
            None => call.delivery.is_some(),
        }
}

/// Returns the TwiML of a call from its start: it speaks the recording notice and the script or the first steps, or hangs up if
/// that was requested.
fn instructions(app: &App, call: &Call, url: &str) -> Response {
    if call.hangup_requested || call.opted_out {
        return twiml(twilio::hangup());
    }
    if call.has_flow() {
        // This is not the first step's own URL: something has failed, perhaps audio.
        let url = twilio::without_audio(url);
        let document = document(app, call, &Place::Start, None, &url);
        return twiml(document.unwrap_or_else(twilio::hangup));
    }
    let speech = speech_of(app, call);
    let notice = hears_notice(app, call, &speech);
    let Some(script) = call.own_script() else {
        tracing::error!("call without script and steps");
        return app.say(GOODBYE);
    };
    twiml(twilio::generate_twiml_response(
        script,
        speech.voice.as_str(),
        speech.language.as_str(),
        notice,
    ))
}
