//! The handler of the voice request: reads the call, and answers with its script as TwiML.

use axum::{extract::State, response::Response};
use outdial::{
    domain::{Call, CallSid, Place},
    service::steps::{playing, render},
    twilio::{self, voice_retry},
    webhook::{SignedForm, parse_voice, twiml},
};

use crate::{
    apology::VoiceRequest,
    app::App,
    found::{GOODBYE, call_to_play, hears_notice, speech_of},
    steps::{self, StepRequest, failed_at},
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
    let failed_at = failed_at(&form);
    let is_at_end = matches!(failed_at, Some(Place::End(_)));
    let step = StepRequest::of(&form);
    let request = VoiceRequest {
        call_id: form.call_id,
        call_sid: call_sid.as_ref().ok().cloned(),
        request_id: form.request_id,
        speech: app.speech_in(&form.url),
        hangs_up: is_at_end || step.as_ref().is_some_and(StepRequest::hangs_up),
        step,
    };
    let response = async {
        match (&call_sid, &request.step) {
            (Ok(sid), Some(step)) => steps::play(&app, &request, step, sid).await,
            (Ok(_), None) if is_at_end => twiml(twilio::hangup()),
            (Ok(sid), None) => look_up(&app, &request, sid, &form.url, failed_at).await,
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
    failed_at: Option<Place>,
) -> Response {
    match app.dao.look_up_for_voice(request.call_id, sid).await {
        Ok(found) => match call_to_play(app, found, sid) {
            Ok(call) if has_begun(&call, failed_at) => {
                tracing::error!(call_sid = %sid, "steps failed, apologized");
                app.apologize(request).await
            }
            Ok(call) => instructions(app, &call, url),
            Err(response) => response,
        },
        Err(error) => {
            if error.is_transient()
                && let Some(retry_url) = voice_retry(url)
            {
                tracing::warn!(%error, call_sid = %sid, "script unavailable, redirected");
                return twiml(twilio::wait_and_redirect(&retry_url));
            }
            tracing::error!(%error, call_sid = %sid, "script unavailable, apologized");
            app.apologize(request).await
        }
    }
}

/// Returns true if a request after the start of the steps failed. Otherwise the person would hear them again, perhaps for ever.
fn has_begun(call: &Call, failed_at: Option<Place>) -> bool {
    call.steps.is_some()
        && match failed_at {
            Some(place) => place != Place::Start,
            None => call.delivery.is_some(),
        }
}

/// Returns the TwiML of a call from its start: it speaks the recording notice and the script or the first steps, or hangs up if
/// that was requested.
fn instructions(app: &App, call: &Call, url: &str) -> Response {
    if call.hangup_requested {
        return twiml(twilio::hangup());
    }
    let speech = speech_of(app, call);
    let notice = hears_notice(app, call, &speech);
    if let Some(playing) = playing(call, &Place::Start, None) {
        return twiml(render(&playing, url, &speech, notice));
    }
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
