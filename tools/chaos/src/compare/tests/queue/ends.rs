//! Tests violations of calls that were never dialled, and of replayed responses.

use super::super::fixtures::{answer, record};
use super::{DUE, after_wait, time};
use crate::evidence::{BatchHistory, Response, StoredCall};
use crate::violation::Kind;

/// Returns the kinds of violations of a call that was never dialled.
fn undialled(status: &str, change: impl FnOnce(&mut StoredCall)) -> Vec<Kind> {
    after_wait(|it, _| {
        let mut waiting = StoredCall {
            dial_outcome: None,
            recording_url: None,
            queue: it.stored_calls[0].queue.clone(),
            ..record("two", None, status)
        };
        waiting.queue.metadata.clear();
        change(&mut waiting);
        it.stored_calls.push(waiting);
    })
}

#[test]
fn call_that_still_waits_is_found() {
    assert_eq!(undialled("scheduled", |_| {}), [Kind::Forgotten]);
}

#[test]
fn canceled_call_needs_a_reason() {
    let canceled = |reason: &str| {
        undialled("canceled", |call| {
            call.queue.status_reason = Some(reason.into());
        })
    };
    assert_eq!(canceled("requested"), []);
    assert_eq!(canceled("number_blocked"), [Kind::Forgotten]);
    assert_eq!(canceled("batch_canceled"), [Kind::Forgotten]);
    assert_eq!(canceled("user_not_found"), [Kind::Forgotten]);
    assert_eq!(undialled("canceled", |_| {}), [Kind::Forgotten]);
    let with_batch = after_wait(|it, queue| {
        let mut call = record("two", None, "canceled");
        call.dial_outcome = None;
        call.queue.lane = Some("bulk:b".into());
        call.queue.batch_id = Some("b".into());
        call.queue.status_reason = Some("batch_canceled".into());
        it.stored_calls.push(call);
        queue.batches.push(BatchHistory {
            batch_id: Some("b".into()),
            recipients: vec!["+12065550199".into()],
            canceled: Some(DUE),
            ..BatchHistory::default()
        });
    });
    assert_eq!(with_batch, []);
}

#[test]
fn call_expires_at_its_time() {
    let expired = |at| undialled("expired", |call| call.queue.updated_at = Some(time(at)));
    assert_eq!(expired(DUE + 3_600_000), []);
    assert_eq!(expired(DUE + 3_599_999), [Kind::Forgotten]);
}

#[test]
fn call_that_waited_is_replayed_as_202() {
    assert_eq!(
        after_wait(|it, _| it.keys[0].answers.push(answer(201, "one"))),
        [Kind::ReplayDiffers]
    );
    let refused = |code: &'static str| {
        after_wait(|it, _| {
            it.keys[0].refusals.push(code);
            it.keys[0].answers.push(Response {
                status: 422,
                code: Some(code.into()),
                call_id: None,
            });
        })
    };
    assert_eq!(refused("validation_failed"), [Kind::ReplayDiffers]);
    assert_eq!(refused("number_blocked"), [Kind::ReplayDiffers]);
    assert_eq!(refused("outside_calling_hours"), []);
}
