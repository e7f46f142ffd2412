//! What follows if a machine answers: the live call ends, or gets the message for the machine.

use std::time::Duration;

use tokio::time::timeout;

use super::hang_up::end_call;
use crate::{
    domain::{Call, CallSid, MachineVerdict, Place, VoicemailAction},
    twilio::{CALL_NOT_IN_PROGRESS, TwilioClient, TwilioError, live_step},
};

/// Does what follows from a result of machine detection that has taken the call over, within `limit`.
///
/// Logs a failure and returns. A call that waits for its message gets it from `voice` then.
pub async fn redirect_machine(
    twilio: &TwilioClient,
    voice_url: Option<&str>,
    call: &Call,
    verdict: &MachineVerdict,
    limit: Duration,
) {
    let sid = &verdict.call_sid;
    let leaves_message = call.on_machine() == VoicemailAction::LeaveMessage && verdict.may_record();
    let acting = async {
        match voice_url.filter(|_| leaves_message) {
            Some(url) => {
                let language = call.language.as_ref();
                let url = live_step(url, call.call_id, language, &Place::Voicemail);
                twilio.redirect_call(sid, &url).await
            }
            None => end_call(twilio, sid).await.map(drop),
        }
    };
    let failure = match timeout(limit, acting).await {
        Ok(Ok(())) => return report(sid, verdict, leaves_message),
        Ok(Err(failure)) => failure,
        Err(_) => TwilioError::Unavailable("timeout".to_owned()),
    };
    match &failure {
        TwilioError::Refused(refusal)
            if refusal.code == Some(CALL_NOT_IN_PROGRESS) || refusal.http_status == Some(404) =>
        {
            tracing::info!(call_sid = %sid, "call ended before the voicemail");
        }
        _ => {
            tracing::warn!(call_sid = %sid, error = %failure, "voicemail not begun");
        }
    }
}

fn report(sid: &CallSid, verdict: &MachineVerdict, leaves_message: bool) {
    let answered_by = verdict.answered_by.as_str();
    if leaves_message {
        tracing::info!(call_sid = %sid, answered_by, "voicemail begun");
    } else {
        tracing::info!(call_sid = %sid, answered_by, "hung up on a machine");
    }
}
