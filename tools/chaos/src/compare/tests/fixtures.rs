//! Evidence of one healthy call, and what a change of it violates.

use crate::compare::violations;
use crate::evidence::{
    Event, Evidence, Heard, KeyHistory, Response, StoredCall, StoredRecording, TwilioCall,
    TwilioRecording, Webhook,
};
use crate::violation::Kind;

pub const NUMBER: &str = "+12065550123";

pub const SCRIPT: &str = "Your order is ready.";

/// Evidence of one recorded call without any violation.
pub fn healthy() -> Evidence {
    let told = |event: &str, sequence| Webhook {
        call_sid: "CA1".into(),
        call_id: Some("one".into()),
        kind: "status".into(),
        event: event.into(),
        answer: Some(200),
        url: String::new(),
        elapsed_ms: 0,
        sequence: Some(sequence),
        recording_sid: None,
        keys: None,
    };
    Evidence {
        twilio_calls: vec![dialled("CA1", "one", "completed")],
        stored_calls: vec![record("one", Some("CA1"), "completed")],
        stored_recordings: vec![recording("RE1", "completed")],
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
        keys: vec![KeyHistory {
            key: "k1".into(),
            to: NUMBER.into(),
            answers: vec![answer(201, "one"), answer(202, "one")],
            ..KeyHistory::default()
        }],
        ..Evidence::default()
    }
}

pub fn dialled(sid: &str, call_id: &str, status: &str) -> TwilioCall {
    TwilioCall {
        sid: sid.into(),
        to: NUMBER.into(),
        status: status.into(),
        url: Some(format!(
            "http://127.0.0.1:1/twilio/voice?call_id={call_id}#rc=2"
        )),
        ended_by: (status == "completed").then(|| "instructions".into()),
        spoken: vec![SCRIPT.into()],
        interrupted: vec![],
        heard: vec![Heard { from_ms: 200 }],
        recordings: vec![TwilioRecording {
            sid: sid.replace("CA", "RE"),
            status: "completed".into(),
        }],
    }
}

pub fn record(call_id: &str, sid: Option<&str>, status: &str) -> StoredCall {
    StoredCall {
        call_id: call_id.into(),
        twilio_sid: sid.map(Into::into),
        status: status.into(),
        script: SCRIPT.into(),
        dial_outcome: Some("accepted".into()),
        recording_url: Some("http://127.0.0.1:1/Recordings/RE1".into()),
        idempotency_scope: Some(format!("scope of {call_id}")),
        events: [0, 1, 3]
            .map(|number| Event {
                sequence: Some(number),
            })
            .into(),
        ..StoredCall::default()
    }
}

pub fn recording(sid: &str, status: &str) -> StoredRecording {
    StoredRecording {
        twilio_sid: sid.into(),
        status: status.into(),
    }
}

pub fn answer(status: u16, call_id: &str) -> Response {
    Response {
        status,
        code: None,
        call_id: Some(call_id.into()),
    }
}

/// Returns the kinds of violations after a change of healthy evidence.
pub fn after(change: impl FnOnce(&mut Evidence)) -> Vec<Kind> {
    let mut evidence = healthy();
    change(&mut evidence);
    let mut kinds: Vec<_> = violations(&evidence)
        .into_iter()
        .map(|one| one.kind)
        .collect();
    kinds.dedup();
    kinds
}
