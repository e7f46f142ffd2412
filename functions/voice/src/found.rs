//! The call of a voice request: whether there is one, and how it is spoken.

use axum::response::Response;
use outdial::{
    dao::VoiceLookup,
    domain::{Call, CallSid, Notice, Speech},
    service::double_dial::{DoubleDial, report_double_dial},
    telemetry::metrics::{self, Count},
};
use tracing::field;

use crate::app::App;

/// Spoken to a call that is unknown, or that may be a double dial.
pub(crate) const GOODBYE: &str = "We are sorry, there is no message for you. Goodbye.";

/// Returns the call, or the response if there is no call to play.
pub(crate) fn call_to_play(
    app: &App,
    found: VoiceLookup,
    sid: &CallSid,
) -> Result<Box<Call>, Response> {
    match found {
        VoiceLookup::Call(call, sid_error) => {
            tracing::Span::current().record("call_id", field::display(call.call_id));
            if call.is_wordless() {
                tracing::error!(call_sid = %sid, "voice request after the words were erased, apologized");
                return Err(app.apology(&speech_of(app, &call)));
            }
            if let Some(error) = sid_error {
                tracing::warn!(%error, call_sid = %sid, "CallSid not stored");
            }
            Ok(call)
        }
        VoiceLookup::OtherCall => {
            report_double_dial(DoubleDial::OtherCallSid, Some(sid));
            Err(app.say(GOODBYE))
        }
        VoiceLookup::UnknownCall => {
            metrics::count(Count::OrphanWebhook);
            tracing::warn!(call_sid = %sid, "voice request of an unknown call");
            Err(app.say(GOODBYE))
        }
    }
}

/// The recording notice, if the person must hear one.
pub(crate) fn hears_notice<'a>(app: &'a App, call: &Call, speech: &'a Speech) -> Option<&'a str> {
    let notice = app.speech.notice(Notice::Recording, speech);
    let notice = notice.filter(|_| call.recording_enabled);
    notice.map(|(text, _)| text)
}

/// The voice and the language of a call.
pub(crate) fn speech_of(app: &App, call: &Call) -> Speech {
    let (voice, language) = (call.voice.as_ref(), call.language.as_ref());
    app.speech.speech.of_stored(voice, language)
}
