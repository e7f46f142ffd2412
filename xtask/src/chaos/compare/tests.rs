use super::*;
use crate::chaos::evidence::{
    Answer, Dialled, Event, KeyStory, Record, Recorded, RecordingRecord, Webhook, WentBack,
};

const NUMBER: &str = "+12065550123";
const SCRIPT: &str = "Your order is ready.";

/// One recorded call that has gone well.
fn healthy() -> Evidence {
    let told = |event: &str, sequence| Webhook {
        call_sid: "CA1".into(),
        call_id: Some("one".into()),
        kind: "status".into(),
        event: event.into(),
        answer: Some(200),
        sequence: Some(sequence),
        recording_sid: None,
    };
    Evidence {
        dialled: vec![dialled("CA1", "one", "completed")],
        records: vec![record("one", Some("CA1"), "completed")],
        recordings: vec![recording("RE1", "completed")],
        webhooks: vec![
            told("ringing", 1),
            told("completed", 3),
            Webhook {
                kind: "recording".into(),
                recording_sid: Some("RE1".into()),
                sequence: None,
                ..told("completed", 0)
            },
        ],
        keys: vec![KeyStory {
            key: "k1".into(),
            to: NUMBER.into(),
            answers: vec![answer(201, "one"), answer(202, "one")],
            gave_up: 0,
        }],
        ..Evidence::default()
    }
}

fn dialled(sid: &str, call_id: &str, status: &str) -> Dialled {
    Dialled {
        sid: sid.into(),
        to: NUMBER.into(),
        status: status.into(),
        url: Some(format!(
            "http://127.0.0.1:1/twilio/voice?call_id={call_id}#rc=2"
        )),
        ended_by: (status == "completed").then(|| "instructions".into()),
        spoken: vec![SCRIPT.into()],
        interrupted: vec![],
        recordings: vec![Recorded {
            sid: sid.replace("CA", "RE"),
            status: "completed".into(),
        }],
    }
}

fn record(call_id: &str, sid: Option<&str>, status: &str) -> Record {
    Record {
        call_id: call_id.into(),
        twilio_sid: sid.map(Into::into),
        status: status.into(),
        script: SCRIPT.into(),
        delivery: None,
        hangup_requested: false,
        dial_outcome: Some("accepted".into()),
        recording_url: Some("http://127.0.0.1:1/Recordings/RE1".into()),
        idempotency_scope: Some(format!("scope of {call_id}")),
        events: [0, 1, 3]
            .map(|number| Event {
                sequence: Some(number),
            })
            .into(),
        events_dropped: 0,
    }
}

fn recording(sid: &str, status: &str) -> RecordingRecord {
    RecordingRecord {
        twilio_sid: sid.into(),
        status: status.into(),
    }
}

fn answer(status: u16, call_id: &str) -> Answer {
    Answer {
        status,
        code: None,
        call_id: Some(call_id.into()),
    }
}

/// The kinds that are found once something has gone wrong.
fn after(harm: impl FnOnce(&mut Evidence)) -> Vec<Kind> {
    let mut evidence = healthy();
    harm(&mut evidence);
    let mut kinds: Vec<_> = violations(&evidence)
        .into_iter()
        .map(|one| one.kind)
        .collect();
    kinds.dedup();
    kinds
}

#[test]
fn a_call_that_went_well_is_beyond_reproach() {
    assert_eq!(violations(&healthy()), []);
}

#[test]
fn a_call_without_a_record_is_found() {
    let kinds = after(|it| {
        it.records.clear();
        it.keys[0].answers.clear();
    });
    assert!(kinds.contains(&Kind::CallWithoutRecord), "{kinds:?}");
    let promised = |it: &mut Evidence| it.keys[0].answers = vec![answer(202, "gone")];
    assert_eq!(after(promised), [Kind::CallWithoutRecord]);
}

#[test]
fn a_second_call_under_one_call_id_is_found() {
    let kinds = after(|it| {
        it.keys.push(KeyStory {
            key: "k2".into(),
            to: NUMBER.into(),
            ..KeyStory::default()
        });
        it.dialled.push(Dialled {
            recordings: vec![],
            ..dialled("CA2", "one", "completed")
        });
    });
    assert_eq!(kinds, [Kind::DialledTwice]);
}

#[test]
fn a_second_record_of_one_key_is_found() {
    let kinds = after(|it| {
        let second = Record {
            idempotency_scope: it.records[0].idempotency_scope.clone(),
            ..record("two", None, "failed")
        };
        it.records.push(second);
    });
    assert_eq!(kinds, [Kind::DialledTwice]);
}

#[test]
fn more_calls_to_a_number_than_keys_for_it_are_found() {
    let kinds = after(|it| {
        it.dialled.push(Dialled {
            recordings: vec![],
            ..dialled("CA2", "two", "completed")
        });
        it.records.push(record("two", Some("CA2"), "completed"));
    });
    assert_eq!(kinds, [Kind::DialledTwice]);
}

#[test]
fn a_key_that_names_two_calls_is_found() {
    let kinds = after(|it| {
        it.records.push(record("two", None, "failed"));
        it.keys[0].answers.push(answer(202, "two"));
    });
    assert_eq!(kinds, [Kind::DialledTwice]);
}

#[test]
fn a_status_that_differs_is_found() {
    assert_eq!(
        after(|it| it.records[0].status = "in-progress".into()),
        [Kind::StatusDiffers]
    );
    assert_eq!(
        after(|it| it.dialled[0].status = "busy".into()),
        [Kind::StatusDiffers]
    );
}

#[test]
fn a_record_that_twilio_never_had_must_have_failed() {
    let with = |status: &str, outcome: &str| {
        let undialled = Record {
            dial_outcome: Some(outcome.into()),
            ..record("two", None, status)
        };
        after(|it| it.records.push(undialled))
    };
    assert_eq!(with("failed", "unknown"), []);
    assert_eq!(with("initiated", "unknown"), [Kind::LeftUnknown]);
    assert_eq!(with("initiated", "pending"), [Kind::LeftUnknown]);
    assert_eq!(with("ringing", "accepted"), [Kind::StatusDiffers]);
}

#[test]
fn a_dial_that_nobody_has_settled_is_found() {
    let kinds = after(|it| {
        it.records[0] = Record {
            dial_outcome: Some("unknown".into()),
            ..record("one", None, "failed")
        };
        it.webhooks.clear();
    });
    assert_eq!(kinds, [Kind::LeftUnknown]);
}

#[test]
fn a_status_that_went_back_is_found() {
    let back = WentBack {
        call_id: "one".into(),
        from: "completed".into(),
        to: "ringing".into(),
    };
    assert_eq!(after(|it| it.went_back.push(back)), [Kind::StatusWentBack]);
}

#[test]
fn a_missing_recording_is_found() {
    let link = |it: &mut Evidence| it.records[0].recording_url = None;
    assert_eq!(after(link), [Kind::RecordingMissing]);
    let another = |it: &mut Evidence| it.records[0].recording_url = Some("/Recordings/RE9".into());
    assert_eq!(after(another), [Kind::RecordingMissing]);
    let unfinished = |it: &mut Evidence| {
        it.recordings[0].status = "processing".into();
        it.webhooks.truncate(2);
    };
    assert_eq!(after(unfinished), [Kind::RecordingMissing]);
    let gone = |it: &mut Evidence| {
        it.recordings.clear();
        it.webhooks.truncate(2);
    };
    assert_eq!(after(gone), [Kind::RecordingMissing]);
}

#[test]
fn a_recording_that_is_absent_at_twilio_needs_no_document() {
    let absent = |it: &mut Evidence| {
        it.dialled[0].recordings[0].status = "absent".into();
        it.records[0].recording_url = None;
        it.recordings.clear();
        it.webhooks.truncate(2);
    };
    assert_eq!(after(absent), []);
}

#[test]
fn a_doubled_recording_is_found() {
    let twice = |it: &mut Evidence| it.recordings.push(recording("RE1", "completed"));
    assert_eq!(after(twice), [Kind::RecordingDoubled]);
    let invented = |it: &mut Evidence| it.recordings.push(recording("RE9", "completed"));
    assert_eq!(after(invented), [Kind::RecordingDoubled]);
}

#[test]
fn a_status_callback_that_was_taken_and_lost_is_found() {
    let lost = |it: &mut Evidence| {
        it.records[0]
            .events
            .retain(|event| event.sequence != Some(1));
    };
    assert_eq!(after(lost), [Kind::WebhookNotApplied]);
    let refused = |it: &mut Evidence| {
        it.records[0]
            .events
            .retain(|event| event.sequence != Some(1));
        it.webhooks[0].answer = Some(503);
    };
    assert_eq!(after(refused), []);
    let counted = |it: &mut Evidence| {
        it.records[0].events.clear();
        it.records[0].events_dropped = 3;
    };
    assert_eq!(after(counted), []);
}

#[test]
fn a_recording_callback_that_was_taken_and_lost_is_found() {
    let lost = |it: &mut Evidence| {
        it.dialled[0].recordings[0].status = "absent".into();
        it.webhooks[2].event = "absent".into();
        it.records[0].recording_url = None;
        it.recordings[0].status = "processing".into();
    };
    assert_eq!(after(lost), [Kind::WebhookNotApplied]);
}

#[test]
fn letters_that_nobody_will_read_are_found() {
    assert_eq!(after(|it| it.dead_letters = 1), [Kind::DeadLetter]);
    assert_eq!(after(|it| it.queued = 1), [Kind::StillQueued]);
}

#[test]
fn a_stuck_key_and_a_wrong_answer_are_found() {
    assert_eq!(after(|it| it.keys[0].gave_up = 1), [Kind::StuckKey]);
    let refused = |code: &str, status| Answer {
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

/// An apology was spoken instead of the script, and the record says so.
fn apologized(it: &mut Evidence) {
    it.dialled[0].spoken = vec![outdial::config::DEFAULT_APOLOGY.into()];
    it.records[0].delivery = Some("none".into());
}

#[test]
fn an_apology_that_is_told_is_beyond_reproach() {
    assert_eq!(after(apologized), []);
}

#[test]
fn a_script_that_was_not_spoken_and_not_told_is_found() {
    let untold = |it: &mut Evidence| {
        apologized(it);
        it.records[0].delivery = None;
    };
    assert_eq!(after(untold), [Kind::ScriptNotSpoken]);
    let silent = |it: &mut Evidence| {
        apologized(it);
        it.dialled[0].spoken.clear();
    };
    assert_eq!(after(silent), [Kind::ScriptNotSpoken]);
    let another = |it: &mut Evidence| it.dialled[0].spoken = vec!["Another script.".into()];
    assert_eq!(after(another), [Kind::ScriptNotSpoken]);
    let begun = |it: &mut Evidence| {
        it.dialled[0].interrupted = std::mem::take(&mut it.dialled[0].spoken);
    };
    assert_eq!(after(begun), [Kind::ScriptNotSpoken]);
}

#[test]
fn a_script_that_was_spoken_in_parts_was_spoken() {
    let parts = |it: &mut Evidence| {
        it.records[0].script = "One. Two.\nThree.".into();
        it.dialled[0].spoken = ["A notice.", "One. Two.", "Three."]
            .map(Into::into)
            .to_vec();
    };
    assert_eq!(after(parts), []);
    let unfinished = |it: &mut Evidence| {
        parts(it);
        it.dialled[0].spoken.pop();
    };
    assert_eq!(after(unfinished), [Kind::ScriptNotSpoken]);
    let denied = |it: &mut Evidence| {
        unfinished(it);
        it.records[0].delivery = Some("none".into());
    };
    assert_eq!(after(denied), [Kind::DeliveryDenied]);
}

#[test]
fn a_script_that_was_spoken_and_told_as_not_is_found() {
    let denied = |it: &mut Evidence| it.records[0].delivery = Some("none".into());
    assert_eq!(after(denied), [Kind::DeliveryDenied]);
    let begun = |it: &mut Evidence| {
        denied(it);
        it.dialled[0].ended_by = Some("callee".into());
        it.dialled[0].interrupted = std::mem::take(&mut it.dialled[0].spoken);
    };
    assert_eq!(after(begun), [Kind::DeliveryDenied]);
}

#[test]
fn a_call_that_was_ended_early_needs_no_script() {
    for ended_by in ["callee", "update", "time_limit"] {
        let cut = |it: &mut Evidence| {
            it.dialled[0].ended_by = Some(ended_by.into());
            it.dialled[0].interrupted = std::mem::take(&mut it.dialled[0].spoken);
        };
        assert_eq!(after(cut), [], "{ended_by}");
    }
    let hung_up = |it: &mut Evidence| {
        it.dialled[0].spoken.clear();
        it.records[0].hangup_requested = true;
    };
    assert_eq!(after(hung_up), []);
}

#[test]
fn a_call_without_instructions_is_found_if_the_service_was_asked_and_failed() {
    let failed = |answers: &[Option<u16>]| {
        after(|it| {
            it.dialled[0].spoken = vec!["We are sorry, an application error has occurred.".into()];
            it.dialled[0].ended_by = Some("error".into());
            let asked = answers.iter().map(|answer| Webhook {
                kind: "voice".into(),
                event: "in-progress".into(),
                answer: *answer,
                sequence: None,
                ..it.webhooks[0].clone()
            });
            let asked: Vec<_> = asked.collect();
            it.webhooks.extend(asked);
        })
    };
    assert_eq!(failed(&[]), [], "Twilio could not connect");
    assert_eq!(failed(&[Some(200)]), [], "nor for the redirect");
    assert_eq!(failed(&[Some(502)]), [Kind::ScriptNotSpoken]);
    assert_eq!(failed(&[Some(200), None]), [Kind::ScriptNotSpoken]);
}
