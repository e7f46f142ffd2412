//! Checks stored results: lists and counts must find each call under the result that responses show.

use super::Queue;
use crate::violation::{Kind, Violation};

/// Returns the calls whose stored result is not the one that follows from the call.
pub(super) fn violations(queue: &Queue<'_>) -> Vec<Violation> {
    let differ = queue.evidence.stored_calls.iter();
    let differ = differ.filter(|call| call.stored_result != call.result);
    let word = |result: &Option<String>| result.clone().unwrap_or_else(|| "no result".to_owned());
    differ
        .map(|call| {
            let (expected, seen) = (word(&call.result), word(&call.stored_result));
            Violation::new(Kind::StoredResultDiffers, expected, seen)
                .of_call(Some(call.call_id.clone()))
                .of_sid(call.twilio_sid.clone())
        })
        .collect()
}
