//! Checks how scheduled calls end: each is dialled, canceled for a reason, or expired; none is forgotten.

use super::{Queue, caps};
use crate::evidence::StoredCall;
use crate::moment::rfc3339;
use crate::violation::{Kind, Violation};

/// Returns the violations of calls that still wait, or that ended without reason; and the responses that were not replayed.
pub(super) fn violations(queue: &Queue<'_>) -> Vec<Violation> {
    let records = queue.evidence.stored_calls.iter();
    let mut found: Vec<_> = records
        .filter_map(|record| {
            let (expected, seen) = end(queue, record)?;
            let violation = Violation::new(Kind::Forgotten, expected, seen);
            Some(violation.of_call(Some(record.call_id.clone())))
        })
        .collect();
    found.extend(replays(queue));
    found
}

/// Returns the expected and the actual end, if the call was never dialled and they differ.
fn end(queue: &Queue<'_>, record: &StoredCall) -> Option<(&'static str, String)> {
    if queue.twilio_calls.contains_key(&record.call_id) {
        return None;
    }
    let fields = &record.queue;
    let reason = fields.status_reason.as_deref().unwrap_or("no reason");
    match record.status.as_str() {
        // It waits for tomorrow.
        "scheduled" if caps::waits_for_next_day(queue, record) => None,
        "scheduled" => {
            let time = |at: Option<mongodb::bson::DateTime>| {
                at.map_or_else(|| "never".to_owned(), |at| rfc3339(at.timestamp_millis()))
            };
            let found = format!(
                "waits for {}, due {}, expires {}, lane {}",
                fields.waiting_for.as_deref().unwrap_or("nothing"),
                time(fields.due_at),
                time(fields.expires_at),
                fields.lane.as_deref().unwrap_or("none"),
            );
            Some(("dialled, canceled or expired", found))
        }
        "expired" => {
            let expires_at = fields.expires_at?.timestamp_millis();
            let at = fields
                .updated_at
                .map_or(queue.seen.at, mongodb::bson::DateTime::timestamp_millis);
            (at < expires_at).then(|| ("expired at its expires_at", format!("at {}", rfc3339(at))))
        }
        "canceled" if !has_reason(queue, record, reason) => {
            Some(("canceled for a reason", format!("canceled, {reason}")))
        }
        _ => None,
    }
}

/// Returns whether what the run did explains why a waiting call was canceled.
fn has_reason(queue: &Queue<'_>, record: &StoredCall, reason: &str) -> bool {
    let is_batch_canceled = || {
        let batches = queue.seen.batches.iter();
        let mut canceled = batches.filter(|batch| batch.canceled.is_some());
        canceled.any(|batch| batch.batch_id == record.queue.batch_id)
    };
    match reason {
        // The request to end it may have had no response.
        "requested" | "answered" => true,
        "number_blocked" | "opted_out" => {
            let number = &record.queue.to_number;
            let by_operator = queue.seen.blocked.contains_key(number);
            by_operator || queue.evidence.blocked.contains_key(number)
        }
        "batch_canceled" => is_batch_canceled(),
        _ => false,
    }
}

/// A call that was stored to wait is answered 202, and each repeat of the request too, whatever the rules say by then.
fn replays(queue: &Queue<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    for history in &queue.evidence.keys {
        let records = queue.evidence.stored_calls.iter();
        let record = records
            .filter(|record| record.attempt() == 1 && record.has_waited())
            .find(|record| record.queue.metadata.get("order") == Some(&history.key));
        let Some(record) = record else {
            continue;
        };
        // Calling hours may open and a day may begin between two requests, and a refusal leaves nothing behind.
        let is_refusal = |code: &str| ["number_blocked", "validation_failed"].contains(&code);
        for response in &history.answers {
            let code = response.code.as_deref().unwrap_or_default();
            let may_precede =
                response.is_daily_cap() || response.status == 422 && !is_refusal(code);
            if response.status == 202 || may_precede {
                continue;
            }
            let seen = format!("{} {code}", response.status).trim_end().to_owned();
            let violation = Violation::new(Kind::ReplayDiffers, "202", seen).of_key(&history.key);
            found.push(violation.of_call(Some(record.call_id.clone())));
        }
    }
    found
}
