//! Tests the result of calls with steps.

use bson::DateTime;
use outdial::domain::{
    Answer, Call, CallStatus, Delivery, LegStatus, TransferLeg, Voicemail, VoicemailAction,
};
use proptest::{collection::vec, prelude::*};
use serde_json::{Value, json};

use crate::support::steps;

/// A completed call with these steps.
fn call(value: Value) -> Call {
    let mut call = testkit::new_call();
    call.script = None;
    call.steps = Some(steps(value));
    call.status = CallStatus::Completed;
    call.delivery = Some(Delivery::Started);
    call
}

fn answer(step: &str, nth: u32, digits: &str) -> Answer {
    Answer {
        step: step.parse().unwrap(),
        nth,
        digits: digits.to_owned(),
        option: None,
        is_accepted: false,
        at: DateTime::now(),
    }
}

fn two_asks() -> Call {
    call(json!([
        { "id": "one", "ask": "One?", "options": { "1": { "outcome": "first" }, "2": {} } },
        { "id": "two", "ask": "Two?", "options": { "1": { "outcome": "second" }, "2": {} }, "no_input": { "outcome": "silent" } },
        { "id": "three", "ask": "Three?", "max_digits": 3 },
    ]))
}

#[test]
fn last_outcome_in_the_order_of_the_steps_counts() {
    for (answers, unanswered, result) in [
        (&[("one", 1, "1")][..], &[][..], "first"),
        (&[("two", 1, "1"), ("one", 1, "1")], &[], "second"),
        (&[("one", 1, "1"), ("two", 1, "2")], &[], "first"),
        (&[("one", 1, "1"), ("three", 1, "123")], &["two"], "silent"),
        (&[("one", 1, "7"), ("one", 2, "1")], &[], "first"),
        (&[], &["one"], "no_input"),
        (&[("one", 1, "9")], &["one"], "no_input"),
        (&[("three", 1, "123")], &["one"], "hung_up"),
        (&[("one", 1, "2")], &["three"], "no_input"),
        (&[("one", 1, "1")], &["three"], "first"),
        (&[], &[], "hung_up"),
    ] {
        let mut call = two_asks();
        call.answers = answers
            .iter()
            .map(|&(step, nth, digits)| answer(step, nth, digits))
            .collect();
        call.unanswered = unanswered.iter().map(|id| id.parse().unwrap()).collect();
        assert_eq!(call.result(), Some(result), "{answers:?} {unanswered:?}");
        call.answers.reverse();
        assert_eq!(call.result(), Some(result), "in any order");
    }
}

#[test]
fn silence_of_a_machine_is_no_answer() {
    let mut call = two_asks();
    call.unanswered = ["one", "two"].map(|id| id.parse().unwrap()).into();
    assert_eq!(call.result(), Some("silent"));
    call.answered_by = Some("machine_end_silence".to_owned());
    assert_eq!(call.result(), Some("hung_up"), "without voicemail");
    call.voicemail = Some(Voicemail {
        action: VoicemailAction::HangUp,
        message: None,
    });
    assert_eq!(call.result(), Some("voicemail_missed"));
    call.voicemail_left = true;
    assert_eq!(call.result(), Some("voicemail_left"));
    // A person was taken for a machine.
    call.answers = vec![answer("one", 1, "1")];
    assert_eq!(call.result(), Some("first"));
}

#[test]
fn script_with_voicemail_has_a_result() {
    let mut call = testkit::new_call();
    call.status = CallStatus::Completed;
    assert_eq!(call.result(), None);
    call.voicemail = Some(Voicemail {
        action: VoicemailAction::HangUp,
        message: None,
    });
    assert_eq!(call.result(), Some("hung_up"));
    call.steps_ended = true;
    assert_eq!(call.result(), Some("completed"));
}

#[test]
fn result_without_an_outcome_tells_how_far_the_call_came() {
    let mut call = two_asks();
    call.steps_ended = true;
    assert_eq!(call.result(), Some("completed"));
    call.steps_ended = false;
    call.delivery = Some(Delivery::None);
    assert_eq!(call.result(), Some("error"));
    call.delivery = None;
    for status in [
        CallStatus::Busy,
        CallStatus::NoAnswer,
        CallStatus::Failed,
        CallStatus::Canceled,
    ] {
        call.status = status;
        assert_eq!(call.result(), Some("not_reached"), "{status:?}");
    }
    call.status = CallStatus::InProgress;
    assert_eq!(call.result(), None);
}

#[test]
fn call_with_a_script_has_no_result() {
    let mut call = testkit::new_call();
    call.status = CallStatus::Completed;
    assert_eq!(call.result(), None);
}

#[test]
fn transfer_decides_unless_an_option_has_an_outcome() {
    let mut call = call(json!([
        { "id": "page", "ask": "Page?", "options": { "1": { "outcome": "ack" }, "2": {} } },
        { "id": "agent", "transfer": { "to": "+12125550199", "failed": { "outcome": "no_agent" } } },
    ]));
    let leg = |status, connected| TransferLeg {
        connected,
        ..TransferLeg::new(&"agent".parse().unwrap(), status)
    };
    call.answers = vec![answer("page", 1, "2")];
    for (legs, result) in [
        (vec![], "hung_up"),
        (vec![leg(LegStatus::Dialing, None)], "hung_up"),
        (vec![leg(LegStatus::Answered, None)], "hung_up"),
        (vec![leg(LegStatus::Accepted, None)], "transferred"),
        (vec![leg(LegStatus::Completed, Some(true))], "transferred"),
        (vec![leg(LegStatus::Completed, Some(false))], "no_agent"),
        (vec![leg(LegStatus::Refused, Some(false))], "no_agent"),
    ] {
        call.transfers = legs;
        call.steps_ended = false;
        assert_eq!(call.result(), Some(result), "{:?}", call.transfers);
    }
    call.answers = vec![answer("page", 1, "1")];
    call.transfers = vec![leg(LegStatus::Completed, Some(true))];
    assert_eq!(call.result(), Some("ack"));
}

#[test]
fn time_limit_has_room_for_the_longest_connection() {
    let transfer = |id: &str, seconds: u32| json!({ "id": id, "transfer": { "to": "+12125550199", "max_seconds": seconds } });
    assert_eq!(two_asks().time_limit(600), 600);
    let call = call(json!([transfer("a", 90), transfer("b", 3600)]));
    assert_eq!(call.time_limit(600), 4_200);
    assert_eq!(call.time_limit(14_000), 14_400);
}

proptest! {
    #[test]
    fn erasing_words_and_keys_leaves_the_result(
        pressed in vec((prop::sample::select(&["a", "b", "c"][..]), 1..=3_u32, "[0-9*]{1,4}"), 0..6),
        late in vec((prop::sample::select(&["a", "b", "c"][..]), 1..=3_u32, "[0-9*]{1,4}"), 0..3),
        unanswered in vec(prop::sample::select(&["a", "b", "c"][..]), 0..3),
        steps_ended: bool,
        opted_out: bool,
    ) {
        let mut call = call(json!([
            { "id": "a", "ask": "A?", "max_digits": 3, "no_input": { "outcome": "silent_a" } },
            { "id": "b", "ask": "B?", "options": { "1": { "outcome": "one", "say": "One." }, "2": { "goto": "end" } } },
            { "id": "c", "ask": "C?", "max_digits": 1, "no_input": { "say": "Bye." } },
        ]));
        let given = |call: &Call, (step, nth, digits): (&str, u32, String)| {
            let (_, ask) = call.steps.as_ref().unwrap().ask(step).unwrap();
            let option = ask.option(&digits).map(|_| digits.clone());
            Answer { option, ..answer(step, nth, &digits) }
        };
        call.answers = pressed.into_iter().map(|it| given(&call, it)).collect();
        call.unanswered = unanswered.into_iter().map(|id| id.parse().unwrap()).collect();
        (call.steps_ended, call.opted_out) = (steps_ended, opted_out);
        let mut erased = call.without_words(call.created_at);
        prop_assert_eq!(erased.result(), call.result());
        let late: Vec<_> = late.into_iter().map(|it| given(&call, it)).collect();
        call.answers.extend(late.clone());
        erased.answers.extend(late);
        prop_assert_eq!(erased.result(), call.result(), "after late keys");
        let again = erased.without_words(call.created_at);
        prop_assert_eq!(again.result(), call.result(), "erased twice");
        prop_assert!(again.answers.iter().all(|it| it.digits.is_empty() || it.option.is_some()));
    }
}
