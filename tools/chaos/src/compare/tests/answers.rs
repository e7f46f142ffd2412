//! Tests violations of calls that listen.

use outdial::config::DEFAULT_APOLOGY;
use outdial::domain::{Answer, Steps};
use serde_json::json;

use super::fixtures::{SCRIPT, after};
use crate::evidence::{Evidence, Keys, Webhook};
use crate::violation::Kind;

const QUESTION: &str = "Press 1 to confirm.";

/// Makes the call listen. The person has pressed nothing, and heard everything.
fn listens(it: &mut Evidence) {
    let steps = json!([
        { "say": [{ "text": SCRIPT }] },
        { "id": "choice", "ask": [{ "text": QUESTION }], "options": { "1": { "outcome": "yes" } } },
    ]);
    let steps: Steps = serde_json::from_value(steps).unwrap();
    it.stored_calls[0].steps = Some(steps);
    it.stored_calls[0].delivery = Some("full".into());
    it.twilio_calls[0].spoken.push(QUESTION.into());
}

/// Cuts off the question.
fn interrupt(it: &mut Evidence) {
    let call = &mut it.twilio_calls[0];
    call.interrupted.extend(call.spoken.pop());
}

/// The person presses 1 while the question is asked, and the service answers 200.
fn pressed(it: &mut Evidence) {
    listens(it);
    it.stored_calls[0].delivery = Some("started".into());
    interrupt(it);
    it.pressed.insert("CA1".into(), "1".into());
    it.webhooks.push(Webhook {
        call_sid: "CA1".into(),
        kind: "voice".into(),
        answer: Some(200),
        keys: Some(Keys {
            step: "choice".into(),
            nth: 1,
            digits: "1".into(),
        }),
        ..Webhook::default()
    });
}

fn stored(it: &mut Evidence, digits: &str) {
    let answer = json!({
        "step": "choice",
        "try": 1,
        "digits": digits,
        "option": "1",
        "at": { "$date": { "$numberLong": "0" } },
    });
    let answer: Answer = serde_json::from_value(answer).unwrap();
    it.stored_calls[0].answers.push(answer);
}

#[test]
fn stored_answer_is_no_violation() {
    assert_eq!(after(listens), []);
    let answered = |it: &mut Evidence| {
        pressed(it);
        stored(it, "1");
    };
    assert_eq!(after(answered), []);
}

#[test]
fn key_at_the_first_word_shows_that_the_call_spoke() {
    let at_once = |it: &mut Evidence| {
        pressed(it);
        stored(it, "1");
        it.twilio_calls[0].spoken.clear();
        it.twilio_calls[0].interrupted.clear();
    };
    assert_eq!(after(at_once), []);
}

#[test]
fn acknowledged_answer_that_is_not_stored_is_found() {
    assert_eq!(after(pressed), [Kind::AnswerLost]);
}

#[test]
fn answer_need_not_be_stored_if_the_service_says_so_or_did_not_take_it() {
    let apologized = |it: &mut Evidence| {
        pressed(it);
        it.twilio_calls[0].spoken.push(DEFAULT_APOLOGY.into());
    };
    assert_eq!(after(apologized), []);
    let unanswered = |it: &mut Evidence| {
        pressed(it);
        it.webhooks.last_mut().unwrap().answer = None;
    };
    assert_eq!(after(unanswered), []);
    let hung_up = |it: &mut Evidence| {
        pressed(it);
        it.twilio_calls[0].ended_by = Some("callee".into());
    };
    assert_eq!(after(hung_up), []);
}

#[test]
fn answer_that_nobody_gave_is_found() {
    let invented = |it: &mut Evidence| {
        listens(it);
        it.stored_calls[0].delivery = Some("started".into());
        stored(it, "1");
    };
    assert_eq!(after(invented), [Kind::AnswerInvented]);
    let other_keys = |it: &mut Evidence| {
        pressed(it);
        stored(it, "2");
    };
    assert_eq!(after(other_keys), [Kind::AnswerInvented]);
}

#[test]
fn key_of_a_request_that_the_end_of_the_call_cut_off_is_not_invented() {
    let cut_off = |it: &mut Evidence| {
        pressed(it);
        stored(it, "1");
        it.webhooks.pop();
        it.twilio_calls[0].ended_by = Some("update".into());
    };
    assert_eq!(after(cut_off), []);
    let other_key = |it: &mut Evidence| {
        cut_off(it);
        it.pressed.insert("CA1".into(), "2".into());
    };
    assert_eq!(after(other_key), [Kind::AnswerInvented]);
    let opted_out = |it: &mut Evidence| {
        cut_off(it);
        it.stored_calls[0].answers.clear();
        it.stored_calls[0].result = Some("opted_out".into());
        it.pressed.insert("CA1".into(), "19".into());
    };
    assert_eq!(after(opted_out), []);
}

#[test]
fn full_delivery_that_was_cut_short_is_found() {
    let interrupted = |it: &mut Evidence| {
        listens(it);
        interrupt(it);
    };
    assert_eq!(after(interrupted), [Kind::FullUnproven]);
    let unasked = |it: &mut Evidence| {
        listens(it);
        it.twilio_calls[0].spoken.pop();
    };
    assert_eq!(after(unasked), [Kind::FullUnproven]);
    let answered = |it: &mut Evidence| {
        pressed(it);
        stored(it, "1");
        it.stored_calls[0].delivery = Some("full".into());
    };
    assert_eq!(after(answered), [Kind::FullUnproven]);
}

#[test]
fn keys_are_read_from_the_form_and_after_a_redirect_from_the_url() {
    let url = "http://127.0.0.1:1/twilio/voice?call_id=one&step=choice&try=2&keys=12#rc=1";
    let keys = Keys::read(url, Some("1")).unwrap();
    assert_eq!(
        (keys.step.as_str(), keys.nth, keys.digits.as_str()),
        ("choice", 2, "1")
    );
    assert_eq!(Keys::read(url, None), None);
    assert_eq!(
        Keys::read(&url.replace("keys", "pressed"), None)
            .unwrap()
            .digits,
        "12"
    );
    assert_eq!(Keys::read("http://127.0.0.1:1/?step=end", Some("1")), None);
    let of_digits = "http://127.0.0.1:1/twilio/voice?step=code&try=1";
    assert_eq!(Keys::read(of_digits, Some("12#")).unwrap().digits, "12");
    assert_eq!(Keys::read(of_digits, Some("#")).unwrap().digits, "#");
}
