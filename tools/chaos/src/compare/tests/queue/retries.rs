//! Tests violations of retries.

use outdial::domain::{CallStatus, RetryReason};

use super::{DUE, after_wait, retried};
use crate::evidence::{Evidence, QueueEvidence, RequestedEnd};
use crate::violation::Kind;

/// Returns the kinds of violations after a change of a healthy series of two attempts.
fn after_retry(change: impl FnOnce(&mut Evidence, &mut QueueEvidence)) -> Vec<Kind> {
    after_wait(|it, queue| {
        retried(it, queue, 5);
        change(it, queue);
    })
}

/// Removes the second attempt.
fn without_second(it: &mut Evidence, queue: &mut QueueEvidence) {
    it.stored_calls.pop();
    it.twilio_calls.pop();
    queue.dials.pop();
    it.stored_calls[0].queue.next_call_id = None;
}

#[test]
fn attempts_beyond_the_budget_are_found() {
    let kinds = after_retry(|it, _| {
        for call in &mut it.stored_calls {
            call.queue.retry.as_mut().unwrap().max_attempts = 1;
        }
    });
    assert_eq!(kinds, [Kind::RetriesExceeded]);
    // A number of the attempt that is there twice.
    let kinds = after_retry(|it, _| {
        let mut third = it.stored_calls[1].clone();
        third.call_id = "three".into();
        third.twilio_sid = None;
        third.status = "failed".into();
        it.stored_calls.push(third);
    });
    assert_eq!(kinds, [Kind::RetriesExceeded]);
}

#[test]
fn attempt_after_an_answer_is_found() {
    let answered = |change: fn(&mut Evidence)| {
        after_retry(|it, _| {
            it.twilio_calls[0].status = "completed".into();
            it.stored_calls[0].status = "completed".into();
            change(it);
        })
    };
    assert_eq!(answered(|_| {}), [Kind::RetriedNeedlessly]);
    let machine = |it: &mut Evidence| {
        it.stored_calls[0].queue.answered_by = Some("machine_start".into());
    };
    assert_eq!(answered(machine), [Kind::RetriedNeedlessly]);
    let wanted = |it: &mut Evidence| {
        it.stored_calls[0].queue.answered_by = Some("machine_start".into());
        let retry = it.stored_calls[0].queue.retry.as_mut().unwrap();
        retry.on.push(RetryReason::Voicemail);
    };
    assert_eq!(answered(wanted), []);
}

#[test]
fn attempt_after_one_that_was_only_given_up_is_found() {
    let kinds = after_retry(|it, _| {
        it.stored_calls[0].queue.status_rank = CallStatus::GIVEN_UP_RANK;
    });
    assert_eq!(kinds, [Kind::RetriedNeedlessly]);
}

#[test]
fn missing_attempt_is_found() {
    assert_eq!(after_retry(without_second), [Kind::NextAttemptMissing]);
    let last = after_retry(|it, queue| {
        without_second(it, queue);
        it.stored_calls[0]
            .queue
            .retry
            .as_mut()
            .unwrap()
            .max_attempts = 1;
    });
    assert_eq!(last, []);
    let unwanted = after_retry(|it, queue| {
        without_second(it, queue);
        it.stored_calls[0].queue.retry.as_mut().unwrap().on = vec![RetryReason::Failed];
    });
    assert_eq!(unwanted, []);
    let canceled = after_retry(|it, queue| {
        without_second(it, queue);
        queue.ends.push(RequestedEnd {
            call_id: "one".into(),
            at: DUE + 6_000,
            is_canceled: true,
        });
    });
    assert_eq!(canceled, []);
    let too_late = after_retry(|it, queue| {
        without_second(it, queue);
        queue.at = DUE + 3_590_000;
    });
    assert_eq!(too_late, []);
}
