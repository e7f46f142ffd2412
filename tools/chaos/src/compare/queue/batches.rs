//! Checks batches: the service counts their recipients as they are stored, and each recipient that it took is there.

use std::collections::BTreeMap;

use super::Queue;
use crate::evidence::{StoredCall, count};
use crate::violation::{Kind, Violation};

/// Returns the violations of all batches.
pub(super) fn violations(queue: &Queue<'_>) -> Vec<Violation> {
    let batches = queue.seen.batches.iter();
    let found = batches.filter_map(|batch| {
        let id = batch.batch_id.as_ref()?;
        let counts = batch.counts.as_ref()?;
        let calls: Vec<_> = queue
            .evidence
            .stored_calls
            .iter()
            .filter(|record| record.queue.batch_id.as_ref() == Some(id))
            .collect();
        let stored = statuses(&calls);
        let of_batch = |expected: String, found: String| {
            Violation::new(
                Kind::BatchCountsDiffer,
                format!("batch {id}: {expected}"),
                found,
            )
        };
        let recipients = calls.iter().filter(|record| record.attempt() == 1).count();
        if recipients != batch.recipients.len() {
            let expected = format!("{} recipients", batch.recipients.len());
            return Some(of_batch(expected, recipients.to_string()));
        }
        (stored != *counts).then(|| of_batch(format!("{stored:?}"), format!("{counts:?}")))
    });
    found.collect()
}

/// The statuses of the recipients' last calls.
fn statuses(calls: &[&StoredCall]) -> BTreeMap<String, usize> {
    let last = calls.iter().filter(|record| {
        let next = record.queue.next_call_id.as_deref().unwrap_or_default();
        next.is_empty()
    });
    count(last.map(|record| record.status.clone()))
}
