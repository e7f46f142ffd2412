//! The stage, callbacks and batches of these tests.

use std::time::Duration;

use axum::Router;
use mongodb::bson::doc;
use outdial::domain::{Call, CallSid, Recording};
use serde_json::Value;
use testkit::{ACCOUNT_SID, Queue, Request, Stage, Twilio};

/// Returns a new stage with a database, a Twilio and a queue.
pub async fn scene() -> (Stage, Queue) {
    let queue = Queue::new().await;
    let twilio = Twilio::start().await;
    let stage = Stage::new().await.playing(&twilio).spilling_into(&queue);
    (stage, queue)
}

pub fn status(stage: &Stage) -> Router {
    status::router(status::App::from_settings(&stage.settings()).unwrap())
}

pub fn recording(stage: &Stage) -> Router {
    recording::router(recording::App::from_settings(&stage.settings()).unwrap())
}

/// Runs a batch, and returns the ids of the messages that failed.
pub async fn replay(stage: &Stage, event: &Value) -> Vec<String> {
    replay_within(stage, event, replay::BEGINNING).await
}

/// Runs a batch that starts messages only within this time.
pub async fn replay_within(stage: &Stage, event: &Value, beginning: Duration) -> Vec<String> {
    let app = replay::App::from_settings(&stage.settings()).unwrap();
    let event = serde_json::from_value(event.clone()).unwrap();
    let response = replay::replay(&app, event, beginning).await;
    let failures = response.batch_item_failures.into_iter();
    failures.map(|failure| failure.item_identifier).collect()
}

pub fn status_callback(call: &Call, status: &str, sequence: u32) -> Request {
    let sequence = sequence.to_string();
    Request::webhook(
        &format!("/twilio/status?call_id={}", call.call_id),
        &[
            ("AccountSid", ACCOUNT_SID),
            ("CallSid", sid(call).as_str()),
            ("CallStatus", status),
            ("CallDuration", "12"),
            ("CallerName", ""),
            ("SequenceNumber", &sequence),
        ],
    )
    .header("i-twilio-idempotency-token", "a-token")
}

pub fn recording_callback(call: &Call, status: &str) -> Request {
    Request::webhook(
        &format!("/twilio/recording?call_id={}", call.call_id),
        &[
            ("AccountSid", ACCOUNT_SID),
            ("CallSid", sid(call).as_str()),
            ("RecordingSid", "RE00000000000000000000000000000001"),
            ("RecordingUrl", "https://api.twilio.com/RE1"),
            ("RecordingStatus", status),
            ("RecordingDuration", "12"),
        ],
    )
}

pub fn sid(call: &Call) -> &CallSid {
    call.twilio_sid.as_ref().unwrap()
}

pub async fn read(stage: &Stage, call: &Call) -> Call {
    let calls = stage.database().collection::<Call>("calls");
    let found = calls.find_one(doc! { "_id": call.id }).await.unwrap();
    found.unwrap()
}

pub async fn recordings(stage: &Stage) -> Vec<Recording> {
    let recordings = stage.database().collection::<Recording>("recordings");
    let mut found = recordings.find(doc! {}).await.unwrap();
    let mut all = Vec::new();
    while found.advance().await.unwrap() {
        all.push(found.deserialize_current().unwrap());
    }
    all
}
