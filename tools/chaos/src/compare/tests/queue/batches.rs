//! Tests violations of the counts of batches.

use std::collections::BTreeMap;

use super::{NUMBER, after_wait, retried};
use crate::evidence::{BatchHistory, Evidence, QueueEvidence};
use crate::violation::Kind;

/// Makes all calls those of a batch that the service counts like this.
fn of_batch(it: &mut Evidence, queue: &mut QueueEvidence, counts: &[(&str, usize)]) {
    for call in &mut it.stored_calls {
        call.queue.batch_id = Some("b".into());
    }
    let counts: BTreeMap<_, _> = counts
        .iter()
        .map(|(status, count)| ((*status).to_owned(), *count))
        .collect();
    queue.batches.push(BatchHistory {
        batch_id: Some("b".into()),
        recipients: vec![NUMBER.into()],
        attempts: 2,
        counts: Some(counts),
        ..BatchHistory::default()
    });
}

#[test]
fn wrong_count_of_a_batch_is_found() {
    let counted = |counts: &[(&str, usize)]| after_wait(|it, queue| of_batch(it, queue, counts));
    assert_eq!(counted(&[("completed", 1)]), []);
    assert_eq!(counted(&[("completed", 2)]), [Kind::BatchCountsDiffer]);
    assert_eq!(counted(&[("scheduled", 1)]), [Kind::BatchCountsDiffer]);
}

#[test]
fn batch_counts_the_last_attempt_of_each_recipient() {
    let counted = |counts: &[(&str, usize)]| {
        after_wait(|it, queue| {
            retried(it, queue, 5);
            of_batch(it, queue, counts);
        })
    };
    assert_eq!(counted(&[("completed", 1)]), []);
    assert_eq!(
        counted(&[("busy", 1), ("completed", 1)]),
        [Kind::BatchCountsDiffer]
    );
}

#[test]
fn lost_recipient_of_a_batch_is_found() {
    let kinds = after_wait(|it, queue| {
        of_batch(it, queue, &[("completed", 1)]);
        queue.batches[0].recipients.push("+12065550199".into());
    });
    assert_eq!(kinds, [Kind::BatchCountsDiffer]);
}
