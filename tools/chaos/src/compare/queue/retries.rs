//! Checks retries: too many attempts, attempts after an answer, and missing attempts.

use std::time::Duration;

use outdial::domain::{CallStatus, RetryReason, TwilioRefusal};

use super::Queue;
use crate::evidence::StoredCall;
use crate::moment::millis;
use crate::violation::{Kind, Violation};

/// Time in which an attempt that the budget allows may still come too late.
const MARGIN: Duration = Duration::from_mins(1);

/// Returns the violations of all series of attempts.
pub(super) fn violations(queue: &Queue<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    for attempts in queue.series().values() {
        found.extend(too_many(queue, attempts));
        for (at, record) in attempts.iter().enumerate() {
            let next = attempts.get(at + 1).copied();
            found.extend(needless(queue, record, next));
            if next.is_none() {
                found.extend(missing(queue, record));
            }
        }
    }
    found
}

fn too_many(queue: &Queue<'_>, attempts: &[&StoredCall]) -> Option<Violation> {
    let first = attempts.first()?;
    let allowed = first
        .queue
        .retry
        .as_ref()
        .map_or(1, |retry| retry.max_attempts);
    let is_dialled = |record: &&&StoredCall| queue.twilio_calls.contains_key(&record.call_id);
    let dialled = attempts.iter().filter(is_dialled).count();
    let highest = attempts.last().map_or(1, |record| record.attempt());
    (dialled > allowed as usize || highest > allowed || attempts.len() > highest as usize).then(
        || {
            let found = format!(
                "{dialled} dialled, {} stored, the last is {highest}",
                attempts.len()
            );
            Violation::new(Kind::RetriesExceeded, format!("{allowed} attempts"), found)
                .of_call(Some(first.call_id.clone()))
        },
    )
}

/// Checks that an attempt may follow this one.
fn needless(
    queue: &Queue<'_>,
    record: &StoredCall,
    next: Option<&StoredCall>,
) -> Option<Violation> {
    let next = next?;
    // A canceled attempt calls nobody.
    if !queue.twilio_calls.contains_key(&next.call_id) {
        return None;
    }
    let found = why_not(queue, record)?;
    Some(
        Violation::new(Kind::RetriedNeedlessly, "no next attempt", found)
            .of_call(Some(next.call_id.clone())),
    )
}

/// Returns why no attempt may follow, whatever the budget says.
fn why_not(queue: &Queue<'_>, record: &StoredCall) -> Option<String> {
    if record.queue.status_rank == CallStatus::GIVEN_UP_RANK {
        return Some("the attempt before was only given up".to_owned());
    }
    let Some(call) = queue.twilio_calls.get(&record.call_id) else {
        return is_refused_number(record).then(|| "Twilio refuses the number".to_owned());
    };
    let reason = match call.status.as_str() {
        "busy" => RetryReason::Busy,
        "no-answer" => RetryReason::NoAnswer,
        "failed" => RetryReason::Failed,
        "completed" if record.listens() => match reason_after_steps(record) {
            Some(reason) => reason,
            None => return Some(format!("the result is {:?}", record.result)),
        },
        "completed" if is_machine(record) => RetryReason::Voicemail,
        status => return Some(format!("the attempt before is {status}")),
    };
    let wanted = record
        .queue
        .retry
        .as_ref()
        .is_some_and(|retry| retry.on.contains(&reason));
    (!wanted).then(|| format!("the attempt before is {}", call.status))
}

/// Returns the reason to try a call that listens again, although somebody answered. An outcome or a message ends the attempts.
fn reason_after_steps(record: &StoredCall) -> Option<RetryReason> {
    match record.result.as_deref()? {
        "voicemail_missed" => Some(RetryReason::Voicemail),
        "completed" | "hung_up" if is_machine(record) => Some(RetryReason::Voicemail),
        "no_input" => Some(RetryReason::NoInput),
        "error" => Some(RetryReason::Failed),
        _ => None,
    }
}

/// Checks that the next attempt is there, unless something explains why it is not.
fn missing(queue: &Queue<'_>, record: &StoredCall) -> Option<Violation> {
    let retry = record.queue.retry.as_ref()?;
    let delay = retry.delay_after(record.attempt())?;
    let call = queue.twilio_calls.get(&record.call_id)?;
    if !call.has_ended() || record.hangup_requested || why_not(queue, record).is_some() {
        return None;
    }
    let is_ended_by_client = queue.seen.ends.iter().any(|end| {
        let named = queue.records.get(end.call_id.as_str());
        named.is_some_and(|named| named.first_call_id() == record.first_call_id())
    });
    let is_batch_canceled = queue.seen.batches.iter().any(|batch| {
        batch.batch_id.is_some()
            && batch.batch_id == record.queue.batch_id
            && batch.canceled.is_some()
    });
    let last = retry.expires_at.timestamp_millis() - millis(MARGIN);
    let is_too_late = queue.seen.at + millis(Duration::from_secs(delay.into())) > last;
    if is_ended_by_client || is_batch_canceled || is_too_late {
        return None;
    }
    Some(
        Violation::new(
            Kind::NextAttemptMissing,
            format!("attempt {} of {}", record.attempt() + 1, retry.max_attempts),
            format!("none after {}", call.status),
        )
        .of_call(Some(record.call_id.clone()))
        .of_sid(Some(call.sid.clone())),
    )
}

fn is_machine(record: &StoredCall) -> bool {
    let answered_by = record.queue.answered_by.as_deref().unwrap_or_default();
    answered_by.starts_with("machine_") || answered_by == "fax"
}

fn is_refused_number(record: &StoredCall) -> bool {
    let refusal = TwilioRefusal {
        http_status: None,
        code: record.queue.error_code,
        message: String::new(),
    };
    record.status == "failed" && refusal.is_of_called_number()
}
