//! Tests violations of the daily caps.

use mongodb::bson::DateTime;

use super::{DUE, after_wait, dial};
use crate::evidence::{Evidence, QueueEvidence};
use crate::moment::{DAY, Moment, day};
use crate::plan::DailyCaps;
use crate::violation::Kind;

/// The midnight after the healthy call.
fn midnight() -> Moment {
    (day(DUE) + 1) * DAY
}

/// The end of the healthy call, before midnight.
fn end() -> Moment {
    DUE + 3_600_000
}

/// Gives the healthy call these caps, and dials it again at these moments.
fn again(
    per_number: usize,
    per_user: usize,
    moments: &[Moment],
    change: impl FnOnce(&mut Evidence, &mut QueueEvidence),
) -> Vec<Kind> {
    let mut found = after_wait(|it, queue| {
        queue.caps = Some(DailyCaps {
            per_number,
            per_user,
        });
        for open in queue.hours.open.values_mut() {
            open.until = midnight() + DAY;
        }
        it.stored_calls[0].queue.expires_at = None;
        let dials = moments.iter().map(|at| dial("one", "CA1", *at));
        queue.dials.extend(dials);
        change(it, queue);
    });
    found.sort_unstable();
    found
}

#[test]
fn dial_over_a_cap_is_found() {
    let later = [DUE + 600];
    let over = [Kind::DialledOverCap];
    assert_eq!(again(1, 9, &later, |_, _| ()), over);
    assert_eq!(again(9, 1, &later, |_, _| ()), over);
    assert_eq!(again(2, 2, &later, |_, _| ()), []);
    let untaken = |_: &mut Evidence, queue: &mut QueueEvidence| queue.dials[1].call_sid = None;
    assert_eq!(again(1, 1, &later, untaken), []);
}

#[test]
fn call_of_a_batch_counts_for_its_number_and_not_for_its_user() {
    let of_batch = |it: &mut Evidence, _: &mut QueueEvidence| {
        it.stored_calls[0].queue.batch_id = Some("batch".into());
    };
    let later = [DUE + 600];
    assert_eq!(again(9, 1, &later, of_batch), []);
    assert_eq!(again(1, 9, &later, of_batch), [Kind::DialledOverCap]);
}

#[test]
fn dial_on_the_next_day_counts_for_that_day() {
    assert_eq!(again(1, 1, &[midnight()], |_, _| ()), []);
    let twice = [midnight() + 5_000, midnight() + 6_000];
    assert_eq!(again(1, 9, &twice, |_, _| ()), [Kind::DialledOverCap]);
}

#[test]
fn call_that_was_counted_just_before_midnight_belongs_to_that_day() {
    let counted = |it: &mut Evidence, _: &mut QueueEvidence| {
        let day = DateTime::from_millis(DUE).try_to_rfc3339_string().unwrap();
        it.stored_calls[0].queue.counted_on = Some(day[..10].to_owned());
    };
    let over = [Kind::DialledOverCap];
    assert_eq!(again(1, 9, &[midnight() + 1_999], counted), over);
    assert_eq!(again(1, 9, &[midnight() + 2_000], counted), []);
}

#[test]
fn call_that_waits_for_the_next_day_is_not_forgotten() {
    let waiting = |due_at: Moment, reason: &'static str| {
        again(9, 9, &[], |it, queue| {
            it.twilio_calls.clear();
            it.stored_recordings.clear();
            it.webhooks.clear();
            queue.dials.clear();
            let record = &mut it.stored_calls[0];
            record.status = "scheduled".into();
            record.dial_outcome = None;
            record.twilio_sid = None;
            record.recording_url = None;
            record.queue.due_at = Some(DateTime::from_millis(due_at));
            record.queue.waiting_for = Some(reason.into());
            record.queue.expires_at = Some(DateTime::from_millis(end()));
        })
    };
    assert_eq!(waiting(midnight(), "number_daily_cap"), []);
    assert_eq!(waiting(midnight(), "user_daily_cap"), []);
    assert_eq!(waiting(DUE, "user_daily_cap"), [Kind::Forgotten]);
    assert_eq!(waiting(end(), "user_daily_cap"), []);
    assert_eq!(waiting(midnight(), "permit"), [Kind::Forgotten]);
}
