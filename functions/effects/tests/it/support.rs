//! The stage, the calls and the runs of these tests.

use std::time::Duration;

use aws_lambda_events::sqs::SqsBatchResponse;
use effects::{App, Trigger};
use mongodb::bson::{DateTime, Document, doc};
use outdial::{
    config::Settings,
    dao::Dao,
    domain::{Call, CallId, CallStatus, EventSource, Retry, RetryReason, StatusUpdate},
};
use serde::Deserialize;
use serde_json::{Value, json};
use testkit::Stage;

/// The time of a run, longer than any of these runs takes.
const TIME: Duration = Duration::from_mins(1);

pub fn app(stage: &Stage) -> App {
    App::from_settings(&stage.settings()).unwrap()
}

pub fn dao(stage: &Stage) -> Dao {
    Dao::new(stage.settings().reloadable(Settings::mongo).unwrap()).unwrap()
}

/// Runs with this event.
pub async fn run(stage: &Stage, event: Value) -> SqsBatchResponse {
    let trigger = Trigger::deserialize(event).unwrap();
    let app = app(stage);
    let running = Box::pin(effects::effects(&app, trigger, TIME));
    running.await.unwrap()
}

/// Handles messages with these bodies, and returns the positions of those that failed.
pub async fn handle(stage: &Stage, bodies: &[String]) -> Vec<usize> {
    let records = bodies.iter().enumerate();
    let records: Vec<_> = records
        .map(|(at, body)| json!({ "messageId": at.to_string(), "body": body }))
        .collect();
    let response = run(stage, json!({ "Records": records })).await;
    let failures = response.batch_item_failures.into_iter();
    failures
        .map(|failure| failure.item_identifier.parse().unwrap())
        .collect()
}

/// Handles the message that this call has ended.
pub async fn handle_end(stage: &Stage, call: &Call) {
    let message = json!({ "call_id": call.call_id }).to_string();
    assert_eq!(handle(stage, &[message]).await, [0_usize; 0]);
}

pub async fn sweep(stage: &Stage) {
    run(stage, json!({ "source": "aws.events" })).await;
}

pub fn from_now(seconds: i64) -> DateTime {
    DateTime::from_millis(DateTime::now().timestamp_millis() + seconds * 1_000)
}

/// Retries after every end: a minute later, then an hour later.
pub fn retry() -> Retry {
    Retry {
        max_attempts: 3,
        on: RetryReason::ALL.to_vec(),
        delays_seconds: vec![60, 3_600],
        expires_at: from_now(86_400),
    }
}

/// Stores a call with retries that Twilio has accepted.
pub async fn retried(stage: &Stage) -> Call {
    retried_with(stage, |_| ()).await
}

pub async fn retried_with(stage: &Stage, change: impl FnOnce(&mut Call)) -> Call {
    stage
        .call(|call| {
            call.effects_open = true;
            call.retry = Some(retry());
            change(call);
        })
        .await
}

/// Returns a callback of this status.
pub fn callback(call: &Call, status: CallStatus, sequence: i64) -> StatusUpdate {
    StatusUpdate {
        call_sid: call.twilio_sid.clone().unwrap(),
        status,
        at: DateTime::now(),
        source: EventSource::Twilio,
        sequence: Some(sequence),
        token: Some(format!("token {sequence}")),
        duration_seconds: None,
        answered_by: None,
        sip_response_code: None,
        error_code: None,
        error_message: None,
    }
}

/// Applies an update to the call, and returns true if the call has effects.
pub async fn tell(stage: &Stage, call: &Call, update: &StatusUpdate) -> bool {
    let told = dao(stage).apply_status(Some(call.call_id), update).await;
    told.unwrap().has_effects
}

/// Ends the call by a callback.
pub async fn end(stage: &Stage, call: &Call, status: CallStatus) {
    assert!(tell(stage, call, &callback(call, status, 3)).await);
}

pub async fn read(stage: &Stage, call: &Call) -> Call {
    find(stage, call.call_id).await.unwrap()
}

pub async fn find(stage: &Stage, id: CallId) -> Option<Call> {
    dao(stage).get_call(id).await.unwrap()
}

/// Returns the call of this attempt of the series, if it is stored.
pub async fn attempt(stage: &Stage, first: &Call, attempt: u32) -> Option<Call> {
    find(stage, CallId::of_attempt(first.call_id, attempt)).await
}

pub async fn set(stage: &Stage, call: &Call, change: Document) {
    let calls = stage.database().collection::<Document>("calls");
    let changed = calls.update_one(doc! { "_id": call.id }, doc! { "$set": change });
    assert_eq!(changed.await.unwrap().matched_count, 1);
}

/// Makes the effects of all calls older.
pub async fn age_effects(stage: &Stage, seconds: i64) {
    let calls = stage.database().collection::<Document>("calls");
    let older = doc! { "$set": { "effects.$[].at": from_now(-seconds) } };
    let with_effects = doc! { "effects.n": { "$gt": 0_i64 } };
    calls.update_many(with_effects, older).await.unwrap();
}
