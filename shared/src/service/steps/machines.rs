//! Answering machines: whether a call waits for the result of machine detection, and what a machine records.

use std::time::Duration;

use bson::DateTime;

use super::render::Message;
use crate::domain::{Call, Steps};

/// The seconds of silence between two requests of a call that waits.
pub(super) const HOLD_SECONDS: u32 = 5;
/// The longest wait for the result, from the answer. Twilio's detection takes 59 seconds at most.
const LONGEST: Duration = Duration::from_secs(65);
/// The most requests while a call waits: the same time, by the pauses alone.
const MOST: u32 = 13;
/// Time after which a claim has reached Twilio, or never will: longer than the request may take.
const CLAIM_TAKES: Duration = Duration::from_secs(8);

/// Returns true if a call that has said everything waits for the result of machine detection, or for what follows from it.
///
/// `held` is the number of requests since it began to wait.
#[must_use]
pub fn holds(call: &Call, held: u32, answered_at: Option<DateTime>) -> bool {
    let is_late = |at: DateTime| DateTime::now() >= at.saturating_add_duration(LONGEST);
    let is_person = !call.answers.is_empty() || !call.transfers.is_empty();
    if call.voicemail_to_leave().is_none() || call.hangup_requested || is_person {
        return false;
    }
    match (&call.voicemail_claim, &call.answered_by) {
        (Some(_), _) => held < 2 * MOST && !call.voicemail_left,
        (None, Some(_)) => false,
        (None, None) => held < MOST && !answered_at.is_some_and(is_late),
    }
}

/// Returns true if a call that waits must play the message by itself: a result has taken it over, but its change of the live call
/// has not reached Twilio.
#[must_use]
pub fn plays_message(call: &Call) -> bool {
    let claim = call.voicemail_claim.as_ref();
    claim.is_some_and(|claim| DateTime::now() >= claim.at.saturating_add_duration(CLAIM_TAKES))
}

/// The message for a machine, if the call has one.
#[must_use]
pub fn message<'a>(call: &'a Call, steps: &'a Steps) -> Option<Message<'a>> {
    let voicemail = call.voicemail.as_ref()?;
    let has_beeped = call.answered_by.as_deref() == Some("machine_end_beep");
    Some(Message {
        prompt: voicemail.message.as_ref()?,
        pause_seconds: if has_beeped { 1 } else { 2 },
        asking: steps.first_ask(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_last_as_long_as_the_longest_wait() {
        assert_eq!(Duration::from_secs((MOST * HOLD_SECONDS).into()), LONGEST);
    }
}
