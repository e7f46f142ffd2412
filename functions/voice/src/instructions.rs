//! The handler of the voice request: reads the call, and answers with its script as TwiML.

use axum::{extract::State, response::Response};
use outdial::{
    dao::VoiceLookup,
    domain::{Call, CallSid, Speech},
    service::double_dial::{DoubleDial, report_double_dial},
    telemetry::metrics::{self, Count},
    twilio::{self, voice_retry},
    webhook::{SignedForm, parse_voice, twiml},
};
use tracing::field;

use crate::{apology::VoiceRequest, app::App};

/// Spoken to a call that is unknown, or that may be a double dial.
const GOODBYE: &str = "We are sorry, there is no message for you. Goodbye.";

/// Answer a voice request
///
/// Twilio requests TwiML, the instructions for a call that was answered. The status is 200 even if something fails: then the TwiML speaks an apology.
#[utoipa::path(
    post, path = "/twilio/voice", tag = "webhooks", operation_id = "twilio_voice",
    params(
        ("call_id" = Option<String>, Query, description = "The call's `call_id`"),
        ("retry" = Option<u32>, Query, description = "How many times this request was redirected to its own URL because the database did not respond", minimum = 1, maximum = 3),
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
    let request = VoiceRequest {
        call_id: form.call_id,
        call_sid: call_sid.as_ref().ok().cloned(),
        request_id: form.request_id,
    };
    let response = async {
        match &call_sid {
            Ok(sid) => look_up(&app, &request, sid, &form.url).await,
            Err(error) => {
                tracing::error!(%error, "malformed voice request");
                app.apologize(&request).await
            }
        }
    };
    app.guarded(&request, response).await
}

async fn look_up(app: &App, request: &VoiceRequest, sid: &CallSid, url: &str) -> Response {
    match app.dao.look_up_for_voice(request.call_id, sid).await {
        Ok(VoiceLookup::Call(call, sid_error)) => {
            tracing::Span::current().record("call_id", field::display(call.call_id));
            if let Some(error) = sid_error {
                tracing::warn!(%error, call_sid = %sid, "CallSid not stored");
            }
            instructions(app, &call)
        }
        Ok(VoiceLookup::OtherCall) => {
            report_double_dial(DoubleDial::OtherCallSid, Some(sid));
            app.say(GOODBYE)
        }
        Ok(VoiceLookup::UnknownCall) => {
            metrics::count(Count::OrphanWebhook);
            tracing::warn!(call_sid = %sid, "voice request of an unknown call");
            app.say(GOODBYE)
        }
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

/// Returns the TwiML of a call: it speaks the recording notice and the script, or hangs up if that was requested.
fn instructions(app: &App, call: &Call) -> Response {
    if call.hangup_requested {
        return twiml(twilio::hangup());
    }
    let config = &app.speech;
    let notice = config
        .recording_notice
        .as_deref()
        .filter(|_| call.recording_enabled);
    let (voice, language) = (call.voice.as_ref(), call.language.as_ref());
    // Only calls of earlier versions have a language that no known voice speaks.
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
