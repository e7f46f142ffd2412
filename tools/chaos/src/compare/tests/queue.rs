//! Tests violations of the dial queue, and their fixtures.

mod batches;
mod caps;
mod dials;
mod ends;
mod lanes;
mod leases;
mod results;
mod retries;

use mongodb::bson::DateTime;
use outdial::domain::{Retry, RetryReason};

use super::fixtures::{NUMBER, after, healthy};
use crate::compare::violations;
use crate::evidence::{Dial, Evidence, QueueEvidence, QueueFields, StoredCall, TwilioCall};
use crate::hours::Hours;
use crate::moment::{Moment, Span};
use crate::violation::Kind;

/// The moment at which the call is due.
const DUE: Moment = 1_795_816_800_000;

fn time(at: Moment) -> DateTime {
    DateTime::from_millis(at)
}

/// Makes the healthy call one that waited until `DUE`, and was dialled half a second later.
fn waited(evidence: &mut Evidence) {
    let open = Span {
        from: DUE - 600_000,
        until: DUE + 600_000,
    };
    let record = &mut evidence.stored_calls[0];
    record.queue = QueueFields {
        user_id: "ada".into(),
        to_number: NUMBER.into(),
        status_rank: 4,
        lane: Some("normal".into()),
        scheduled_at: Some(time(DUE)),
        due_at: Some(time(DUE)),
        created_at: Some(time(DUE - 60_000)),
        expires_at: Some(time(DUE + 3_600_000)),
        metadata: [("order".to_owned(), "k1".to_owned())].into(),
        ..QueueFields::default()
    };
    evidence.keys[0]
        .answers
        .retain(|answer| answer.status == 202);
    evidence.queue = Some(QueueEvidence {
        dials: vec![dial("one", "CA1", DUE + 500)],
        hours: Hours {
            open: ["America/Los_Angeles", "Europe/London"]
                .map(|zone| (zone.to_owned(), open))
                .into(),
            ..Hours::default()
        },
        users: [("ada".to_owned(), Some("Europe/London".to_owned()))].into(),
        busiest: Some((1, DUE + 500)),
        busiest_allowed: 2,
        at: DUE + 60_000,
        ..QueueEvidence::default()
    });
}

fn dial(call_id: &str, sid: &str, at: Moment) -> Dial {
    Dial {
        at,
        call_id: call_id.into(),
        call_sid: Some(sid.into()),
        zones: vec!["America/Los_Angeles".into()],
    }
}

/// Returns the kinds of violations after a change of a healthy call that waited.
fn after_wait(change: impl FnOnce(&mut Evidence, &mut QueueEvidence)) -> Vec<Kind> {
    after(|it| {
        waited(it);
        let mut queue = it.queue.take().unwrap();
        change(it, &mut queue);
        it.queue = Some(queue);
    })
}

/// Adds a second attempt of the healthy call, which was busy, `seconds` after it.
fn retried(it: &mut Evidence, queue: &mut QueueEvidence, seconds: i64) {
    it.twilio_calls[0] = TwilioCall {
        status: "busy".into(),
        ended_by: None,
        recordings: vec![],
        ..it.twilio_calls[0].clone()
    };
    it.stored_recordings.clear();
    it.webhooks.clear();
    it.keys[0].attempts = 3;
    let first = &mut it.stored_calls[0];
    first.status = "busy".into();
    first.queue.retry = Some(Retry {
        max_attempts: 3,
        on: vec![RetryReason::Busy, RetryReason::Failed],
        delays_seconds: vec![5, 60],
        expires_at: DateTime::from_millis(DUE + 3_600_000),
    });
    first.queue.next_call_id = Some("two".into());
    let second = StoredCall {
        call_id: "two".into(),
        twilio_sid: Some("CA2".into()),
        status: "completed".into(),
        idempotency_scope: None,
        recording_url: None,
        queue: QueueFields {
            scheduled_at: None,
            attempt: Some(2),
            first_call_id: Some("one".into()),
            next_call_id: None,
            metadata: [].into(),
            ..first.queue.clone()
        },
        ..first.clone()
    };
    it.stored_calls.push(second);
    it.twilio_calls.push(TwilioCall {
        recordings: vec![],
        ..super::fixtures::dialled("CA2", "two", "completed")
    });
    queue
        .dials
        .push(dial("two", "CA2", DUE + 500 + seconds * 1_000));
}

#[test]
fn healthy_call_that_waited_has_no_violation() {
    assert_eq!(after_wait(|_, _| {}), []);
    assert_eq!(after_wait(|it, queue| retried(it, queue, 5)), []);
}

#[test]
fn run_without_the_queue_is_compared_as_before() {
    let mut evidence = healthy();
    waited(&mut evidence);
    evidence.queue = None;
    assert_eq!(violations(&evidence), []);
}
