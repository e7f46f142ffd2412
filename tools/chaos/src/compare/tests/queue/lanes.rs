//! Tests violations of the pace and of the lanes.

use super::super::fixtures::{dialled, record};
use super::{DUE, after_wait, dial};
use crate::evidence::{Evidence, KeyHistory, QueueEvidence, StoredCall, TwilioCall};
use crate::moment::Span;
use crate::violation::Kind;

#[test]
fn too_many_dials_within_a_second_are_found() {
    assert_eq!(
        after_wait(|_, queue| queue.busiest = Some((3, DUE))),
        [Kind::PaceExceeded]
    );
    assert_eq!(after_wait(|_, queue| queue.busiest = Some((2, DUE))), []);
}

/// Adds a bulk call that was dialled at nine seconds, and makes the other one urgent and dialled at ten.
fn urgent_behind_bulk(it: &mut Evidence, queue: &mut QueueEvidence) {
    it.stored_calls[0].queue.lane = Some("urgent".into());
    queue.dials[0].at = DUE + 10_000;
    let mut bulk = StoredCall {
        recording_url: None,
        queue: it.stored_calls[0].queue.clone(),
        ..record("two", Some("CA2"), "completed")
    };
    bulk.queue.lane = Some("bulk:b".into());
    bulk.queue.metadata.clear();
    it.stored_calls.push(bulk);
    it.twilio_calls.push(TwilioCall {
        recordings: vec![],
        ..dialled("CA2", "two", "completed")
    });
    it.keys.push(KeyHistory {
        key: "k2".into(),
        to: super::NUMBER.into(),
        ..KeyHistory::default()
    });
    queue.dials.insert(0, dial("two", "CA2", DUE + 9_000));
}

#[test]
fn urgent_call_behind_bulk_ones_is_found() {
    assert_eq!(after_wait(urgent_behind_bulk), [Kind::UrgentWaited]);
    let normal = after_wait(|it, queue| {
        urgent_behind_bulk(it, queue);
        it.stored_calls[0].queue.lane = Some("normal".into());
    });
    assert_eq!(normal, []);
    let soon = after_wait(|it, queue| {
        urgent_behind_bulk(it, queue);
        queue.dials[0].at = DUE + 7_000;
    });
    assert_eq!(soon, []);
    let disturbed = after_wait(|it, queue| {
        urgent_behind_bulk(it, queue);
        queue.disturbed.push(Span {
            from: DUE - 1_000,
            until: DUE + 1,
        });
    });
    assert_eq!(disturbed, []);
}
