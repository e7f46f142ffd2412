//! Sends status callbacks, and reads what is stored.

use axum::Router;
use mongodb::bson::{Bson, Document};
use outdial::domain::Call;
use testkit::{ACCOUNT_SID, Answer, Request, Stage};

pub fn router(stage: &Stage) -> Router {
    let app = status::App::from_settings(&stage.settings()).expect("the stage is well configured");
    status::router(app)
}

/// Returns a callback with this status and sequence number, and more parameters.
pub fn callback(
    path: &str,
    sid: &str,
    status: &str,
    sequence: u32,
    more: &[(&str, &str)],
) -> Request {
    let sequence = sequence.to_string();
    let params = [
        ("AccountSid", ACCOUNT_SID),
        ("CallSid", sid),
        ("CallStatus", status),
        ("CallbackSource", "call-progress-events"),
        ("CallerName", ""),
        ("SequenceNumber", &sequence),
        ("Timestamp", "Thu, 01 Jan 2026 00:00:00 +0000"),
    ];
    Request::webhook(path, &[&params, more].concat())
}

pub fn path(call: &Call) -> String {
    format!("/twilio/status?call_id={}", call.call_id)
}

pub fn sid(call: &Call) -> &str {
    call.twilio_sid.as_ref().unwrap().as_str()
}

#[track_caller]
pub fn assert_accepted(answer: &Answer) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "text/xml; charset=utf-8");
    assert!(
        answer.text().ends_with("<Response></Response>"),
        "{}",
        answer.text()
    );
}

pub async fn report(
    stage: &Stage,
    call: &Call,
    status: &str,
    sequence: u32,
    more: &[(&str, &str)],
) {
    let request = callback(&path(call), sid(call), status, sequence, more);
    assert_accepted(&request.send(&router(stage)).await);
}

pub async fn stored(stage: &Stage, call: &Call) -> Document {
    stage.stored(&call.call_id.to_string()).await
}

pub fn words(stored: &Document) -> Vec<String> {
    let events = stored.get_array("events").unwrap().iter();
    let word = |event: &Bson| {
        event
            .as_document()
            .unwrap()
            .get_str("status")
            .unwrap()
            .to_owned()
    };
    events.map(word).collect()
}
