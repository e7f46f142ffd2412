//! Tests violations of opt-outs.

use serde_json::json;

use super::fixtures::{NUMBER, after, dialled, listens, record, request};
use crate::evidence::{Evidence, Webhook};
use crate::moment::rfc3339;
use crate::violation::Kind;

/// The person presses 9 at a request that ends at 10 s, and the number is blocked then.
fn opted_out(it: &mut Evidence) {
    listens(it, &json!([{ "say": [{ "text": "Hello." }] }]));
    it.stored_calls[0].result = Some("opted_out".into());
    it.webhooks.push(pressed("step=_said&opt_out=9", 10_000));
    it.blocked.insert(NUMBER.into(), 9_900);
}

fn pressed(query: &str, at: i64) -> Webhook {
    request(query, at).with_digits(Some("9"))
}

/// Another call to the number at this time, out of the queue.
fn dialled_at(it: &mut Evidence, at: i64) {
    let mut call = dialled("CA2", "two", "no-answer");
    call.created = rfc3339(at);
    call.recordings.clear();
    it.twilio_calls.push(call);
    let mut second = record("two", Some("CA2"), "no-answer");
    second.recording_url = None;
    second.queue.lane = Some("normal".into());
    second.queue.created_at = Some(mongodb::bson::DateTime::from_millis(0));
    it.stored_calls.push(second);
    it.keys[0].attempts = 2;
}

#[test]
fn acknowledged_opt_out_is_on_the_block_list() {
    assert_eq!(after(opted_out), []);
    let lost = |it: &mut Evidence| {
        opted_out(it);
        it.blocked.clear();
    };
    assert_eq!(after(lost), [Kind::OptOutLost]);
    let blocking_option = |it: &mut Evidence| {
        lost(it);
        let url = "step=choice&try=1&keys=129&blocks=9&opt_out=8";
        *it.webhooks.last_mut().unwrap() = pressed(url, 10_000);
    };
    assert!(after(blocking_option).contains(&Kind::OptOutLost));
}

#[test]
fn opt_out_without_an_acknowledgement_need_not_be_stored() {
    let apologized = |it: &mut Evidence| {
        opted_out(it);
        it.blocked.clear();
        it.twilio_calls[0]
            .spoken
            .push(outdial::config::DEFAULT_APOLOGY.into());
    };
    assert_eq!(after(apologized), []);
    let hung_up = |it: &mut Evidence| {
        opted_out(it);
        it.blocked.clear();
        it.twilio_calls[0].ended_by = Some("callee".into());
    };
    assert_eq!(after(hung_up), []);
    let went_on = |it: &mut Evidence| {
        opted_out(it);
        it.blocked.clear();
        it.webhooks
            .push(request("step=_said&opt_out=9&pressed=9&retry=1", 11_000));
    };
    assert_eq!(after(went_on), []);
}

#[test]
fn dial_from_the_queue_after_the_next_two_seconds_is_found() {
    let dialled = |at| {
        move |it: &mut Evidence| {
            opted_out(it);
            dialled_at(it, at);
        }
    };
    assert_eq!(after(dialled(12_000)), []);
    assert_eq!(after(dialled(12_001)), [Kind::DialledAfterOptOut]);
}

#[test]
fn request_that_arrives_after_the_opt_out_must_not_dial() {
    let requested = |arrived_at| {
        move |it: &mut Evidence| {
            opted_out(it);
            dialled_at(it, 13_000);
            let second = &mut it.stored_calls[1];
            second.queue.lane = None;
            second.queue.created_at = Some(mongodb::bson::DateTime::from_millis(arrived_at));
        }
    };
    assert_eq!(after(requested(10_000)), []);
    assert_eq!(after(requested(10_001)), [Kind::DialledAfterOptOut]);
}

#[test]
fn opt_out_in_the_queue_counts_from_when_it_is_stored() {
    let queued = |retry: &'static str, at| {
        move |it: &mut Evidence| {
            opted_out(it);
            let url = format!("step=_said&opt_out=9&pressed=9&retry={retry}");
            let last = it.webhooks.last_mut().unwrap();
            *last = request(&url, 10_000).with_digits(None);
            it.blocked.insert(NUMBER.into(), 20_000);
            dialled_at(it, at);
        }
    };
    assert_eq!(after(queued("3", 22_000)), []);
    assert_eq!(after(queued("3", 22_001)), [Kind::DialledAfterOptOut]);
    assert_eq!(after(queued("1", 22_000)), [Kind::DialledAfterOptOut]);
}
