//! Retries: whether a call that has ended is tried again, and the call of its next attempt.

mod next_attempt;

use std::time::Duration;

use bson::DateTime;

use crate::{
    dao::BatchState,
    domain::{
        Call, CallEvent, CallId, CallStatus, DialOutcome, EffectKind, EventSource, OwnResult,
        Retry, RetryReason, StatusReason, TwilioRefusal,
    },
};

/// Time for which an end that only Twilio's REST API has reported waits for its status callback, which may say more.
const CALLBACK_WAIT: Duration = Duration::from_secs(30);

/// The decision about a next attempt.
#[derive(Debug, Clone, PartialEq)]
pub enum NextAttempt {
    /// This call, which is not stored yet.
    Call(Box<Call>),
    /// There is no next attempt, for this reason.
    Never(NoAttempt),
    /// That is not known yet: a status callback may still say more about the end.
    NotYet,
}

/// Why there is no next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAttempt {
    /// The call has not ended, or it was only given up.
    NotEnded,
    /// All attempts are made, or the call has no retries.
    BudgetUsedUp,
    /// A client hung up or canceled the call.
    Requested,
    /// The request that placed the call failed: its client may repeat it.
    RefusedToClient,
    /// The person asked for no further calls.
    OptedOut,
    /// The person answered.
    Answered,
    /// The person answered an earlier attempt.
    Stopped,
    /// Twilio refuses the number.
    NumberRefused,
    /// The client wants no retry after such an end.
    NotWanted,
    /// The call was sensitive, and its words are erased.
    WordsErased,
    /// The batch is canceled.
    BatchCanceled,
    /// It would begin when the retries have expired.
    TooLate,
}

impl NoAttempt {
    /// The word for the reason in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotEnded => "not_ended",
            Self::BudgetUsedUp => "budget_used_up",
            Self::Requested => StatusReason::Requested.as_str(),
            Self::RefusedToClient => "refused_to_client",
            Self::OptedOut => StatusReason::OptedOut.as_str(),
            Self::Answered => StatusReason::Answered.as_str(),
            Self::Stopped => "earlier_attempt_answered",
            Self::NumberRefused => "number_refused",
            Self::NotWanted => "not_wanted",
            Self::WordsErased => "words_erased",
            Self::BatchCanceled => StatusReason::BatchCanceled.as_str(),
            Self::TooLate => "too_late",
        }
    }

    /// Why the later attempts stop, if they are stored already: the `status_reason` of one that waits. `None`: they go on.
    #[must_use]
    pub fn stops_later_attempts(self) -> Option<&'static str> {
        matches!(self, Self::Answered | Self::Requested).then(|| self.as_str())
    }
}

/// Decides what follows the end of a call, as the call and its batch are stored at `now`.
#[must_use]
pub fn next_attempt(call: &Call, batch: BatchState, now: DateTime) -> NextAttempt {
    let noted_at = noted_at(call).unwrap_or(now);
    if !call.status.is_terminal() || call.status_rank != CallStatus::ENDED_RANK {
        return NextAttempt::Never(NoAttempt::NotEnded);
    }
    let Some((retry, delay)) = delay(call) else {
        return NextAttempt::Never(NoAttempt::BudgetUsedUp);
    };
    if call.opted_out {
        return NextAttempt::Never(NoAttempt::OptedOut);
    }
    if call.hangup_requested {
        return NextAttempt::Never(NoAttempt::Requested);
    }
    // The client places the call again, if it wants to.
    if call.answered_status.is_some_and(|status| status >= 400) {
        return NextAttempt::Never(NoAttempt::RefusedToClient);
    }
    if call.retry_stopped.is_some() {
        return NextAttempt::Never(NoAttempt::Stopped);
    }
    // The next attempt must not be dialled meanwhile.
    if call.next_call_id.is_some() && is_certainly_reached(call) {
        return NextAttempt::Never(NoAttempt::Answered);
    }
    if call.is_wordless() {
        return NextAttempt::Never(NoAttempt::WordsErased);
    }
    let may_change = awaits_callback(call) || awaits_detection(call);
    if may_change && now < noted_at.saturating_add_duration(CALLBACK_WAIT) {
        return NextAttempt::NotYet;
    }
    if let Err(reason) = may_try_again(call, retry, batch) {
        return NextAttempt::Never(reason);
    }
    let ended_at = ended_by(call).map_or(noted_at, |by| by.min(noted_at));
    let due_at = ended_at.saturating_add_duration(delay).max(now);
    if due_at >= retry.expires_at {
        return NextAttempt::Never(NoAttempt::TooLate);
    }
    NextAttempt::Call(Box::new(next_attempt::after(call, retry, due_at, now)))
}

/// The `call_id` of the next attempt, whether there is one or not. `None` if the retries allow none.
#[must_use]
pub fn next_call_id(call: &Call) -> Option<CallId> {
    delay(call).map(|_| CallId::of_attempt(call.first_call_id(), call.attempt() + 1))
}

fn delay(call: &Call) -> Option<(&Retry, Duration)> {
    let retry = call.retry.as_ref()?;
    let seconds = retry.delay_after(call.attempt())?;
    Some((retry, Duration::from_secs(seconds.into())))
}

fn may_try_again(call: &Call, retry: &Retry, batch: BatchState) -> Result<(), NoAttempt> {
    let reason = match call.status {
        _ if call.was_answered() && call.has_flow() => reason_after_answer(call)?,
        _ if call.was_answered() && call.is_answered_by_machine() => RetryReason::Voicemail,
        _ if call.was_answered() => return Err(NoAttempt::Answered),
        CallStatus::Busy => RetryReason::Busy,
        CallStatus::NoAnswer => RetryReason::NoAnswer,
        CallStatus::Failed if is_of_called_number(call) => return Err(NoAttempt::NumberRefused),
        CallStatus::Failed => RetryReason::Failed,
        _ => return Err(NoAttempt::NotWanted),
    };
    if !retry.on.contains(&reason) {
        return Err(match reason {
            RetryReason::Voicemail | RetryReason::NoInput => NoAttempt::Answered,
            _ => NoAttempt::NotWanted,
        });
    }
    match batch {
        BatchState::Canceled => Err(NoAttempt::BatchCanceled),
        BatchState::Runs | BatchState::Waits => Ok(()),
    }
}

/// The reason to try a call with a result again, although somebody or something answered.
///
/// An outcome, a message left and a person who heard something end the attempts.
fn reason_after_answer(call: &Call) -> Result<RetryReason, NoAttempt> {
    let own = call.result().and_then(OwnResult::of_word);
    match own {
        Some(OwnResult::VoicemailMissed) => Ok(RetryReason::Voicemail),
        Some(OwnResult::Completed | OwnResult::HungUp) if call.is_answered_by_machine() => {
            Ok(RetryReason::Voicemail)
        }
        Some(OwnResult::NoInput) => Ok(RetryReason::NoInput),
        // The person heard an apology, and certainly nothing else.
        Some(OwnResult::Error) => Ok(RetryReason::Failed),
        _ => Err(NoAttempt::Answered),
    }
}

/// Returns true if a person answered, and nothing in the call is a reason to try it again.
fn is_certainly_reached(call: &Call) -> bool {
    call.reached() == Some(true) && (!call.has_flow() || reason_after_answer(call).is_err())
}

fn is_of_called_number(call: &Call) -> bool {
    let refusal = TwilioRefusal {
        http_status: None,
        code: call.error_code,
        message: String::new(),
    };
    refusal.is_of_called_number()
}

/// Returns true if only Twilio's REST API has reported the end, and a callback may follow.
fn awaits_callback(call: &Call) -> bool {
    let is_told =
        |event: &CallEvent| event.source == EventSource::Twilio && event.status.is_terminal();
    call.dial_outcome != Some(DialOutcome::Refused) && !call.events.iter().any(is_told)
}

/// Returns true if an answer must cancel the attempt that follows, unless a callback still brings word of a machine.
fn awaits_detection(call: &Call) -> bool {
    call.next_call_id.is_some() && call.was_answered() && call.reached().is_none()
}

/// Latest time at which the call can have entered its status, by Twilio's clock. Twilio's times are those of the second that has begun.
fn ended_by(call: &Call) -> Option<DateTime> {
    let ends = call
        .events
        .iter()
        .filter(|event| event.status == call.status);
    let second = ends.map(|event| event.at).max()?;
    Some(second.saturating_add_duration(Duration::from_millis(999)))
}

/// Time at which the last news of the end was stored.
fn noted_at(call: &Call) -> Option<DateTime> {
    let ends = call.effects.iter();
    ends.filter(|effect| effect.kind == EffectKind::NextAttempt)
        .map(|effect| effect.at)
        .max()
}
