//! Evidence of one healthy call, and what a change of it violates.

use serde_json::{Value, json};

use crate::compare::violations;
use crate::evidence::{
    Event, Evidence, Heard, KeyHistory, Response, StoredCall, StoredRecording, TwilioCall,
    TwilioRecording, Webhook,
};
use crate::moment::Moment;
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
        sequence: Some(sequence),
        ..Webhook::default()
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
        heard: vec![Heard {
            text: SCRIPT.into(),
            from_ms: 200,
            whole: true,
        }],
        recordings: vec![TwilioRecording {
            sid: sid.replace("CA", "RE"),
            status: "completed".into(),
        }],
        ..TwilioCall::default()
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

/// Makes the call listen: it has these steps, as a call stores them, and says the script first.
pub fn listens(it: &mut Evidence, steps: &Value) {
    let mut all = vec![json!({ "say": [{ "text": SCRIPT }] })];
    all.extend(steps.as_array().unwrap().iter().cloned());
    it.stored_calls[0].steps = Some(serde_json::from_value(json!(all)).unwrap());
    it.stored_calls[0].delivery = Some("started".into());
}

/// Makes the call treat answering machines. A machine's silence has the outcome `silent`.
pub fn voicemail(it: &mut Evidence, voicemail: &Value) {
    let ask = json!({
        "id": "choice",
        "ask": [{ "text": "Press 1." }],
        "options": { "1": {} },
        "no_input": { "outcome": "silent" },
    });
    listens(it, &json!([ask]));
    it.stored_calls[0].voicemail = Some(serde_json::from_value(voicemail.clone()).unwrap());
    it.webhooks.push(request("step=choice&try=1", 1_000));
    it.webhooks.push(request("step=end", 2_000));
}

/// Makes the call transfer the person.
pub fn transfers(it: &mut Evidence) {
    let transfer = json!({
        "id": "agent",
        "transfer": { "to": NUMBER, "max_seconds": 60, "failed": { "outcome": "no_agent" } },
    });
    listens(it, &json!([transfer]));
}

/// The leg of that transfer.
pub fn leg(sid: &str) -> TwilioCall {
    TwilioCall {
        sid: sid.into(),
        to: NUMBER.into(),
        status: "completed".into(),
        url: Some("http://127.0.0.1:1/twilio/voice?call_id=one&step=agent&leg=whisper".into()),
        parent_call_sid: Some("CA1".into()),
        ..TwilioCall::default()
    }
}

/// A request for instructions with this query, which was answered at this time.
pub fn request(query: &str, at: Moment) -> Webhook {
    Webhook {
        call_sid: "CA1".into(),
        kind: "voice".into(),
        answer: Some(200),
        url: format!("http://127.0.0.1:1/twilio/voice?call_id=one&{query}"),
        at,
        ..Webhook::default()
    }
}
