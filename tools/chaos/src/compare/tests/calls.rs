//! Tests violations of calls, their documents and their keys.

use super::fixtures::{NUMBER, after, answer, dialled, healthy, record};
use crate::compare::violations;
use crate::evidence::{Evidence, KeyHistory, Response, StoredCall, TwilioCall, WentBack};
use crate::violation::Kind;

#[test]
fn healthy_call_has_no_violation() {
    assert_eq!(violations(&healthy()), []);
}

#[test]
fn call_without_a_document_is_found() {
    let kinds = after(|it| {
        it.stored_calls.clear();
        it.keys[0].answers.clear();
    });
    assert!(kinds.contains(&Kind::CallWithoutRecord), "{kinds:?}");
    let promised = |it: &mut Evidence| it.keys[0].answers = vec![answer(202, "gone")];
    assert_eq!(after(promised), [Kind::CallWithoutRecord]);
}

#[test]
fn second_call_with_one_call_id_is_found() {
    let kinds = after(|it| {
        it.keys.push(KeyHistory {
            key: "k2".into(),
            to: NUMBER.into(),
            ..KeyHistory::default()
        });
        it.twilio_calls.push(TwilioCall {
            recordings: vec![],
            ..dialled("CA2", "one", "completed")
        });
    });
    assert_eq!(kinds, [Kind::DialledTwice]);
}

#[test]
fn second_document_of_one_key_is_found() {
    let kinds = after(|it| {
        let second = StoredCall {
            idempotency_scope: it.stored_calls[0].idempotency_scope.clone(),
            ..record("two", None, "failed")
        };
        it.stored_calls.push(second);
    });
    assert_eq!(kinds, [Kind::DialledTwice]);
}

#[test]
fn more_calls_to_a_number_than_keys_are_found() {
    let kinds = after(|it| {
        it.twilio_calls.push(TwilioCall {
            recordings: vec![],
            ..dialled("CA2", "two", "completed")
        });
        it.stored_calls
            .push(record("two", Some("CA2"), "completed"));
    });
    assert_eq!(kinds, [Kind::DialledTwice]);
}

#[test]
fn key_with_two_calls_is_found() {
    let kinds = after(|it| {
        it.stored_calls.push(record("two", None, "failed"));
        it.keys[0].answers.push(answer(202, "two"));
    });
    assert_eq!(kinds, [Kind::DialledTwice]);
}

#[test]
fn different_status_is_found() {
    assert_eq!(
        after(|it| it.stored_calls[0].status = "in-progress".into()),
        [Kind::StatusDiffers]
    );
    assert_eq!(
        after(|it| it.twilio_calls[0].status = "busy".into()),
        [Kind::StatusDiffers]
    );
}

#[test]
fn call_that_twilio_never_had_must_have_failed() {
    let with = |status: &str, outcome: &str| {
        let undialled = StoredCall {
            dial_outcome: Some(outcome.into()),
            ..record("two", None, status)
        };
        after(|it| it.stored_calls.push(undialled))
    };
    assert_eq!(with("failed", "unknown"), []);
    assert_eq!(with("initiated", "unknown"), [Kind::LeftUnknown]);
    assert_eq!(with("initiated", "pending"), [Kind::LeftUnknown]);
    assert_eq!(with("ringing", "accepted"), [Kind::StatusDiffers]);
}

#[test]
fn unsettled_dial_is_found() {
    let kinds = after(|it| {
        it.stored_calls[0] = StoredCall {
            dial_outcome: Some("unknown".into()),
            ..record("one", None, "failed")
        };
        it.webhooks.clear();
    });
    assert_eq!(kinds, [Kind::LeftUnknown]);
}

#[test]
fn status_that_went_backwards_is_found() {
    let back = WentBack {
        call_id: "one".into(),
        from: "completed".into(),
        to: "ringing".into(),
        last_seen: 0,
    };
    assert_eq!(after(|it| it.went_back.push(back)), [Kind::StatusWentBack]);
}

#[test]
fn key_without_response_and_wrong_response_are_found() {
    assert_eq!(after(|it| it.keys[0].gave_up = 1), [Kind::StuckKey]);
    let refused = |code: &str, status| Response {
        status,
        code: Some(code.into()),
        call_id: None,
    };
    let reused = refused("idempotency_key_reused", 422);
    assert_eq!(
        after(|it| it.keys[0].answers.push(reused)),
        [Kind::WrongAnswer]
    );
    for status in [422, 502] {
        let twilio = refused("twilio_refused", status);
        assert_eq!(after(|it| it.keys[0].answers.push(twilio)), []);
    }
}

#[test]
fn panic_of_a_function_is_found() {
    let found = after(|it| it.panics.push("src/run.rs:1:2".to_owned()));
    assert_eq!(found, [Kind::Panicked]);
}
