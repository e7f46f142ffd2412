//! Tests violations of calls that detect machines.

use serde_json::json;

use super::fixtures::{after, request, voicemail};
use crate::evidence::{Evidence, Heard, Keys, Machine, Recorded, Webhook};
use crate::moment::Span;
use crate::violation::Kind;

const PARTS: [&str; 2] = ["Please call back.", "Goodbye."];

/// A machine picks up, and the message is played to it: the whole one, or without its end.
fn machine(it: &mut Evidence, is_whole: bool) {
    voicemail(
        it,
        &json!({ "action": "leave_message", "message": PARTS.map(|text| json!({ "text": text })) }),
    );
    let call = &mut it.twilio_calls[0];
    call.answered_by = Some("machine_end_beep".into());
    call.redirected_ms = vec![8_500];
    call.machine = Some(Machine {
        recorded: vec![
            recorded("the end of the script", false),
            recorded(PARTS[0], true),
            recorded(PARTS[1], is_whole),
        ],
    });
    it.stored_calls[0].queue.answered_by = Some("machine_end_beep".into());
    it.webhooks.push(verdict("machine_end_beep", 10_000));
}

fn recorded(text: &str, whole: bool) -> Recorded {
    Recorded {
        text: text.into(),
        whole,
    }
}

fn verdict(event: &str, at: i64) -> Webhook {
    Webhook {
        call_sid: "CA1".into(),
        kind: "amd".into(),
        event: event.into(),
        answer: Some(200),
        at,
        elapsed_ms: 500,
        ..Webhook::default()
    }
}

fn left(it: &mut Evidence, is_whole: bool) {
    machine(it, is_whole);
    it.stored_calls[0].voicemail_left = true;
    it.stored_calls[0].result = Some("voicemail_left".into());
}

/// A person picks up, and detection takes it for a machine.
fn mistaken_person(it: &mut Evidence) {
    machine(it, true);
    it.twilio_calls[0].machine = None;
}

#[test]
fn whole_message_is_no_violation() {
    assert_eq!(after(|it| left(it, true)), []);
}

#[test]
fn message_that_was_not_recorded_whole_is_found() {
    let unproven = [Kind::VoicemailUnproven, Kind::MessageMissed];
    assert_eq!(after(|it| left(it, false)), unproven);
    let before_the_beep = |it: &mut Evidence| {
        left(it, true);
        let machine = it.twilio_calls[0].machine.as_mut().unwrap();
        machine.recorded.remove(1);
    };
    assert_eq!(after(before_the_beep), unproven);
    let to_a_person = |it: &mut Evidence| {
        left(it, true);
        it.twilio_calls[0].machine = None;
    };
    assert_eq!(after(to_a_person), [Kind::VoicemailUnproven]);
    let heard = |it: &mut Evidence| {
        to_a_person(it);
        it.twilio_calls[0].heard.extend(PARTS.map(|text| Heard {
            text: text.into(),
            whole: true,
            ..Heard::default()
        }));
    };
    assert_eq!(after(heard), []);
}

#[test]
fn message_may_be_missed_only_if_something_failed() {
    let missed = |it: &mut Evidence| {
        machine(it, false);
        it.stored_calls[0].result = Some("voicemail_missed".into());
    };
    assert_eq!(after(missed), [Kind::MessageMissed]);
    let too_early = |it: &mut Evidence| {
        missed(it);
        it.webhooks.pop();
        it.twilio_calls[0].answered_by = None;
        it.twilio_calls[0].redirected_ms.clear();
        it.stored_calls[0].result = Some("completed".into());
    };
    assert_eq!(after(too_early), [Kind::MessageMissed]);
    let reasons: [fn(&mut Evidence); 5] = [
        |it| it.twilio_calls[0].ended_by = Some("callee".into()),
        |it| it.late_verdicts.extend(["CA1".to_owned()]),
        |it| it.failed_updates.extend(["CA1".to_owned()]),
        |it| it.webhooks.last_mut().unwrap().answer = Some(502),
        |it| {
            it.outages.push(Span {
                from: 5_000,
                until: 9_000,
            });
        },
    ];
    for reason in reasons {
        let excused = |it: &mut Evidence| {
            missed(it);
            reason(it);
        };
        assert_eq!(after(excused), []);
    }
}

#[test]
fn attempt_before_the_last_may_hang_up_on_a_machine() {
    let retried = |it: &mut Evidence| {
        machine(it, false);
        it.stored_calls[0].result = Some("voicemail_missed".into());
        let retry = json!({
            "max_attempts": 2,
            "delays_seconds": [5],
            "on": ["voicemail"],
            "expires_at": { "$date": { "$numberLong": "0" } },
        });
        it.stored_calls[0].queue.retry = Some(serde_json::from_value(retry).unwrap());
    };
    assert_eq!(after(retried), []);
    let left = |it: &mut Evidence| {
        retried(it);
        left(it, true);
    };
    assert_eq!(after(left), []);
}

#[test]
fn silence_of_a_machine_is_no_answer() {
    for result in ["no_input", "silent"] {
        let counted = |it: &mut Evidence| {
            left(it, true);
            it.stored_calls[0].result = Some(result.into());
        };
        assert_eq!(after(counted), [Kind::MachineSilenceCounted]);
    }
}

#[test]
fn person_may_be_cut_off_only_before_a_key_and_once() {
    assert_eq!(after(mistaken_person), []);
    let pressed = |at| {
        move |it: &mut Evidence| {
            mistaken_person(it);
            let mut request = request("step=choice&try=1", at);
            request.keys = Some(Keys {
                step: "choice".into(),
                nth: 1,
                digits: "*".into(),
            });
            it.webhooks.push(request.clone());
            // The key that repeats the question is no answer.
            request.keys.as_mut().unwrap().digits = "1".into();
            request.at = at + 100;
            it.twilio_calls[0].ended_by = Some("callee".into());
            it.webhooks.push(request);
        }
    };
    assert_eq!(after(pressed(9_399)), [Kind::CutOffByVerdict]);
    assert_eq!(after(pressed(9_450)), []);
    let transferred = |it: &mut Evidence| {
        mistaken_person(it);
        it.webhooks.push(request("step=agent&leg=dial", 9_000));
    };
    assert_eq!(after(transferred), [Kind::CutOffByVerdict]);
    let twice = |it: &mut Evidence| {
        mistaken_person(it);
        it.twilio_calls[0].redirected_ms.push(12_000);
    };
    assert_eq!(after(twice), [Kind::CutOffByVerdict]);
    let no_machine = |it: &mut Evidence| {
        mistaken_person(it);
        it.twilio_calls[0].answered_by = Some("human".into());
        it.twilio_calls[0].redirected_ms.clear();
        it.twilio_calls[0].ended_by = Some("update".into());
    };
    assert_eq!(after(no_machine), [Kind::CutOffByVerdict]);
}

#[test]
fn delivered_result_of_detection_is_stored() {
    let lost = |it: &mut Evidence| {
        left(it, true);
        it.stored_calls[0].queue.answered_by = None;
    };
    assert_eq!(after(lost), [Kind::WebhookNotApplied]);
}
