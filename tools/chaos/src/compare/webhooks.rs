//! Checks webhooks: each webhook that was answered 2xx is in the database.

use std::collections::HashMap;

use crate::evidence::{Evidence, StoredCall, StoredRecording, Webhook};
use crate::violation::{Kind, Violation};

/// Returns the violations that concern webhooks.
pub fn violations(evidence: &Evidence) -> Vec<Violation> {
    let records: HashMap<&str, &StoredCall> = evidence
        .stored_calls
        .iter()
        .filter_map(|record| Some((record.twilio_sid.as_deref()?, record)))
        .collect();
    let recordings: HashMap<&str, &StoredRecording> = evidence
        .stored_recordings
        .iter()
        .map(|one| (one.twilio_sid.as_str(), one))
        .collect();
    let accepted = evidence.webhooks.iter().filter(|hook| hook.is_answered());
    let lost = accepted.filter_map(|hook| {
        let lost = match hook.kind.as_str() {
            "status" => status(hook, records.get(hook.call_sid.as_str()).copied()),
            "recording" => recording(
                hook,
                recordings.get(hook.recording_sid.as_deref()?).copied(),
            ),
            "amd" => verdict(hook, records.get(hook.call_sid.as_str()).copied()),
            _ => None,
        };
        lost.map(|(expected, found)| {
            Violation::new(Kind::WebhookNotApplied, expected, found)
                .of_call(hook.call_id.clone())
                .of_sid(Some(hook.call_sid.clone()))
        })
    });
    lost.collect()
}

/// Checks that a status callback is an event in the timeline of the call with its `CallSid`. Otherwise, returns the
/// expected and the actual state.
fn status(hook: &Webhook, record: Option<&StoredCall>) -> Option<(String, String)> {
    let expected = || {
        let sequence = hook
            .sequence
            .map_or("none".to_owned(), |number| number.to_string());
        format!(
            "status callback {sequence} ({}) in the timeline",
            hook.event
        )
    };
    let Some(record) = record else {
        return Some((expected(), "no call with that CallSid".to_owned()));
    };
    let applied = record.events_dropped > 0
        || record
            .events
            .iter()
            .any(|event| event.sequence.is_some() && event.sequence == hook.sequence);
    (!applied).then(|| {
        let known: Vec<_> = record
            .events
            .iter()
            .filter_map(|event| event.sequence)
            .collect();
        (expected(), format!("{known:?}"))
    })
}

/// Checks that the call has a result of machine detection. Otherwise, returns the expected and the actual state.
fn verdict(hook: &Webhook, record: Option<&StoredCall>) -> Option<(String, String)> {
    let has_result = record.is_some_and(|record| record.queue.answered_by.is_some());
    (!has_result).then(|| (hook.event.clone(), "no result of detection".to_owned()))
}

/// Checks that the recording's document has the callback's status or a later one. Otherwise, returns the expected
/// and the actual state.
fn recording(hook: &Webhook, document: Option<&StoredRecording>) -> Option<(String, String)> {
    let rank = |status: &str| match status {
        "absent" | "failed" => 1,
        "completed" => 2,
        "deleted" => 3,
        _ => 0,
    };
    let found = match document {
        Some(document) if rank(&document.status) >= rank(&hook.event) => return None,
        Some(document) => document.status.clone(),
        None => "no document".to_owned(),
    };
    let sid = hook.recording_sid.as_deref().unwrap_or_default();
    Some((format!("{sid}, {} or later", hook.event), found))
}
