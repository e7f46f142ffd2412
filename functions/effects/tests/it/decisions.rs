//! Tests the decision whether a call is tried again.

use std::time::Duration;

use mongodb::bson::DateTime;
use outdial::{
    dao::BatchState,
    domain::{
        Answer, Call, CallEvent, CallStatus, Delivery, DialOutcome, Effect, EffectKind,
        EventSource, Retry, RetryReason, Voicemail, VoicemailAction,
    },
    service::retries::{self, NextAttempt, NoAttempt},
};

use crate::support::retry;

fn second(of_call: u64) -> DateTime {
    DateTime::from_millis(1_800_000_000_000).saturating_add_duration(Duration::from_secs(of_call))
}

fn event(status: CallStatus, at: u64) -> CallEvent {
    CallEvent {
        status,
        at: second(at),
        source: EventSource::Twilio,
        sequence: None,
        token: None,
    }
}

/// A call that ended at second 20, which was noted at second 21.
fn ended(status: CallStatus) -> Call {
    Call {
        status,
        status_rank: status.rank(),
        effects_open: true,
        effects_n: 1,
        events: vec![event(CallStatus::Ringing, 10), event(status, 20)],
        effects: vec![Effect {
            n: 1,
            kind: EffectKind::NextAttempt,
            at: second(21),
            status,
        }],
        retry: Some(Retry {
            expires_at: second(100_000),
            ..retry()
        }),
        ..testkit::new_call()
    }
}

fn decide(call: &Call) -> NextAttempt {
    retries::next_attempt(call, BatchState::Runs, second(22))
}

#[track_caller]
fn assert_never(call: &Call, reason: NoAttempt) {
    assert_eq!(decide(call), NextAttempt::Never(reason));
}

#[track_caller]
fn due(call: &Call) -> DateTime {
    match decide(call) {
        NextAttempt::Call(next) => next.due_at.unwrap(),
        other => panic!("{other:?}"),
    }
}

/// The last millisecond of the second that begins at `at`.
fn end_of(at: DateTime) -> DateTime {
    at.saturating_add_duration(Duration::from_millis(999))
}

#[test]
fn delay_counts_from_the_end_of_the_second_in_which_the_attempt_ended() {
    for status in [CallStatus::Busy, CallStatus::NoAnswer, CallStatus::Failed] {
        assert_eq!(due(&ended(status)), end_of(second(80)));
    }
    let second_attempt = Call {
        attempt: Some(2),
        ..ended(CallStatus::Busy)
    };
    assert_eq!(due(&second_attempt), end_of(second(3_620)));
}

#[test]
fn time_of_twilio_in_the_future_does_not_move_the_attempt() {
    let mut call = ended(CallStatus::Busy);
    call.events[1].at = DateTime::MAX;
    assert_eq!(due(&call), second(81));
}

#[test]
fn only_ends_that_the_client_names_are_followed_by_an_attempt() {
    for (status, reason) in [
        (CallStatus::Busy, RetryReason::Busy),
        (CallStatus::NoAnswer, RetryReason::NoAnswer),
        (CallStatus::Failed, RetryReason::Failed),
    ] {
        let mut call = ended(status);
        let on = &mut call.retry.as_mut().unwrap().on;
        on.retain(|named| *named != reason);
        assert_never(&call, NoAttempt::NotWanted);
        call.retry.as_mut().unwrap().on = vec![reason];
        due(&call);
    }
    assert_never(&ended(CallStatus::Canceled), NoAttempt::NotWanted);
}

#[test]
fn call_that_a_person_answered_is_not_tried_again() {
    for answered_by in [None, Some("human"), Some("unknown")] {
        let call = Call {
            answered_by: answered_by.map(str::to_owned),
            ..ended(CallStatus::Completed)
        };
        assert_never(&call, NoAttempt::Answered);
    }
    // It was answered, then the connection failed.
    let mut failed = ended(CallStatus::Failed);
    failed.events.push(event(CallStatus::InProgress, 15));
    assert_never(&failed, NoAttempt::Answered);
}

#[test]
fn machine_is_a_reason_only_if_the_client_names_voicemail() {
    for machine in [
        "machine_start",
        "machine_end_beep",
        "machine_end_silence",
        "fax",
    ] {
        let mut call = Call {
            answered_by: Some(machine.to_owned()),
            ..ended(CallStatus::Completed)
        };
        due(&call);
        call.retry.as_mut().unwrap().on = vec![RetryReason::Busy];
        assert_never(&call, NoAttempt::Answered);
    }
}

/// An answered call with one question, which ended.
fn asked() -> Call {
    let steps = serde_json::json!([
        { "id": "confirm", "ask": [{ "text": "Press 1." }], "options": { "1": { "outcome": "yes" } } },
    ]);
    let steps = serde_json::from_value(steps).unwrap();
    let mut call = Call {
        script: None,
        steps: Some(steps),
        delivery: Some(Delivery::Started),
        ..ended(CallStatus::Completed)
    };
    call.retry.as_mut().unwrap().on = vec![
        RetryReason::Failed,
        RetryReason::Voicemail,
        RetryReason::NoInput,
    ];
    call
}

#[test]
fn result_decides_whether_an_answered_call_is_tried_again() {
    let silent = || Call {
        unanswered: vec!["confirm".parse().unwrap()],
        ..asked()
    };
    due(&silent());
    let mut unwanted = silent();
    unwanted.retry.as_mut().unwrap().on = vec![RetryReason::Failed];
    assert_never(&unwanted, NoAttempt::Answered);
    let mut answered = silent();
    answered.answers.push(Answer {
        step: "confirm".parse().unwrap(),
        nth: 1,
        digits: "1".to_owned(),
        option: Some("1".to_owned()),
        is_accepted: false,
        at: second(15),
    });
    assert_never(&answered, NoAttempt::Answered);
    assert_never(&asked(), NoAttempt::Answered);
    due(&Call {
        delivery: Some(Delivery::None),
        ..asked()
    });
    let machine = || Call {
        voicemail: Some(Voicemail {
            action: VoicemailAction::HangUp,
            message: None,
        }),
        answered_by: Some("machine_start".to_owned()),
        ..silent()
    };
    due(&machine());
    assert_never(
        &Call {
            voicemail_left: true,
            ..machine()
        },
        NoAttempt::Answered,
    );
}

#[test]
fn waiting_attempt_after_silence_stays_until_an_answer_is_known() {
    let followed = Call {
        unanswered: vec!["confirm".parse().unwrap()],
        next_call_id: Some(outdial::domain::CallId::generate()),
        ..asked()
    };
    due(&followed);
    let mut answered = followed.clone();
    answered.answers.push(Answer {
        step: "confirm".parse().unwrap(),
        nth: 1,
        digits: "1".to_owned(),
        option: Some("1".to_owned()),
        is_accepted: false,
        at: second(15),
    });
    assert_never(&answered, NoAttempt::Answered);
}

#[test]
fn attempts_before_the_last_one_hang_up_on_machines() {
    let message = Voicemail {
        action: VoicemailAction::LeaveMessage,
        message: None,
    };
    for (attempt, on, action) in [
        (1, RetryReason::Voicemail, VoicemailAction::HangUp),
        (3, RetryReason::Voicemail, VoicemailAction::LeaveMessage),
        (1, RetryReason::Busy, VoicemailAction::LeaveMessage),
    ] {
        let mut call = Call {
            attempt: Some(attempt),
            voicemail: Some(message.clone()),
            dial_begun_at: Some(second(1)),
            ..asked()
        };
        let retry = call.retry.as_mut().unwrap();
        (retry.on, retry.max_attempts) = (vec![on], 3);
        assert_eq!(call.on_machine(), action, "{attempt} {on:?}");
        // No other attempt begins in time.
        call.retry.as_mut().unwrap().expires_at = second(2);
        assert_eq!(call.on_machine(), VoicemailAction::LeaveMessage);
    }
}

#[test]
fn refused_number_is_not_tried_again() {
    for (code, is_of_number) in [
        (21_211, true),
        (21_217, true),
        (13_223, true),
        (21_000, false),
    ] {
        let call = Call {
            error_code: Some(code),
            dial_outcome: Some(DialOutcome::Refused),
            ..ended(CallStatus::Failed)
        };
        if is_of_number {
            assert_never(&call, NoAttempt::NumberRefused);
        } else {
            due(&call);
        }
    }
}

#[test]
fn client_that_was_told_of_a_refusal_places_the_call_again_itself() {
    for (answered, is_tried) in [
        (None, true),
        (Some(201), true),
        (Some(202), true),
        (Some(502), false),
    ] {
        let call = Call {
            answered_status: answered,
            dial_outcome: Some(DialOutcome::Refused),
            ..ended(CallStatus::Failed)
        };
        if is_tried {
            assert_eq!(due(&call), end_of(second(80)));
        } else {
            assert_never(&call, NoAttempt::RefusedToClient);
        }
    }
}

#[test]
fn series_ends_with_its_budget_its_time_a_hang_up_or_its_batch() {
    let spent = Call {
        attempt: Some(3),
        ..ended(CallStatus::Busy)
    };
    assert_never(&spent, NoAttempt::BudgetUsedUp);
    let without = Call {
        retry: None,
        ..ended(CallStatus::Busy)
    };
    assert_never(&without, NoAttempt::BudgetUsedUp);
    let hung_up = Call {
        hangup_requested: true,
        ..ended(CallStatus::Busy)
    };
    assert_never(&hung_up, NoAttempt::Requested);
    for (expires_at, is_late) in [(end_of(second(80)), true), (second(81), false)] {
        let mut call = ended(CallStatus::Busy);
        call.retry.as_mut().unwrap().expires_at = expires_at;
        if is_late {
            assert_never(&call, NoAttempt::TooLate);
        } else {
            assert_eq!(due(&call), end_of(second(80)));
        }
    }
    let decided = retries::next_attempt(&ended(CallStatus::Busy), BatchState::Canceled, second(22));
    assert_eq!(decided, NextAttempt::Never(NoAttempt::BatchCanceled));
}

#[test]
fn call_that_has_not_ended_or_was_given_up_is_not_tried_again() {
    assert_never(&ended(CallStatus::Ringing), NoAttempt::NotEnded);
    let given_up = Call {
        status_rank: CallStatus::GIVEN_UP_RANK,
        ..ended(CallStatus::Failed)
    };
    assert_never(&given_up, NoAttempt::NotEnded);
}

#[test]
fn end_from_the_rest_api_waits_half_a_minute_for_its_callback() {
    let mut call = ended(CallStatus::Busy);
    call.events[1].source = EventSource::Api;
    let at = |seconds| retries::next_attempt(&call, BatchState::Runs, second(seconds));
    assert_eq!(at(50), NextAttempt::NotYet);
    assert!(matches!(at(51), NextAttempt::Call(_)));
    // No callback follows a refused dial.
    call.dial_outcome = Some(DialOutcome::Refused);
    due(&call);
}
