//! Tests completed calls without a recording.

use mongodb::bson::doc;
use outdial::domain::{Call, CallSid, CallStatus, Recording, RecordingStatus};
use serde_json::json;
use testkit::Stage;

use crate::support::{
    ABSENT, ANSWERS, ago, change, dial, has_ended, listener, read, run, scene, until,
};

async fn completed(stage: &Stage, sid: &CallSid, seconds_ago: i64) -> Call {
    stage
        .call(|call| {
            call.twilio_sid = Some(sid.clone());
            call.status = CallStatus::Completed;
            call.recording_enabled = true;
            call.updated_at = ago(seconds_ago);
        })
        .await
}

async fn recordings(stage: &Stage, call: &Call) -> Vec<Recording> {
    let recordings = stage.database().collection::<Recording>("recordings");
    let mut found = recordings
        .find(doc! { "call_id": call.id.to_hex() })
        .await
        .unwrap();
    let mut all = Vec::new();
    while found.advance().await.unwrap() {
        all.push(found.deserialize_current().unwrap());
    }
    all
}

#[tokio::test]
async fn unreported_recording_is_stored_once() {
    let (stage, twilio) = scene().await;
    let sid = dial(
        &twilio,
        ANSWERS,
        &listener().await,
        &[("Record", "true"), ("TimeLimit", "5")],
    )
    .await;
    until(&twilio, &sid, |call| {
        has_ended(call) && call["recordings"][0]["status"] == "completed"
    })
    .await;
    let call = completed(&stage, &sid, 90).await;
    let report = run(&stage).await;
    assert_eq!(report.recordings.settled, 1, "{report:?}");
    let stored = recordings(&stage, &call).await;
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0].status, RecordingStatus::Completed);
    assert_eq!(stored[0].call_uuid, Some(call.call_id));
    assert!(stored[0].duration_seconds.is_some());
    assert_eq!(
        read(&stage, &call).await.recording_url,
        stored[0].recording_url
    );
    assert_eq!(run(&stage).await.recordings.examined, 0);
    assert_eq!(recordings(&stage, &call).await.len(), 1);
}

#[tokio::test]
async fn absent_recording_is_looked_up_once() {
    let (stage, twilio) = scene().await;
    let sid = dial(
        &twilio,
        ABSENT,
        &listener().await,
        &[("Record", "true"), ("TimeLimit", "5")],
    )
    .await;
    until(&twilio, &sid, |call| {
        has_ended(call) && call["recordings"][0]["status"] == "absent"
    })
    .await;
    let call = completed(&stage, &sid, 90).await;
    assert_eq!(run(&stage).await.recordings.settled, 1);
    assert_eq!(
        recordings(&stage, &call).await[0].status,
        RecordingStatus::Absent
    );
    assert_eq!(read(&stage, &call).await.recording_url, None);
    assert_eq!(run(&stage).await.recordings.examined, 0);
}

#[tokio::test]
async fn missing_recording_is_awaited_for_the_configured_time() {
    let (stage, twilio) = scene().await;
    let sid = dial(&twilio, ANSWERS, &listener().await, &[("TimeLimit", "5")]).await;
    until(&twilio, &sid, has_ended).await;
    completed(&stage, &sid, 90).await;
    for _ in 0..2 {
        let report = run(&stage).await;
        assert_eq!((report.recordings.examined, report.recordings.left), (1, 1));
    }
    let stage = stage.set("RECONCILE_UNKNOWN_AFTER_SECONDS", "30");
    assert_eq!(run(&stage).await.recordings.settled, 1);
    assert_eq!(run(&stage).await.recordings.examined, 0);
}

#[tokio::test]
async fn failed_list_settles_nothing() {
    let (stage, twilio) = scene().await;
    let sid = dial(&twilio, ANSWERS, &listener().await, &[("TimeLimit", "5")]).await;
    completed(&stage, &sid, 10_000).await;
    twilio
        .faults(&json!({ "rest": [{ "on": "recordings", "action": "refuse", "status": 400 }] }))
        .await;
    let report = run(&stage).await;
    assert_eq!((report.recordings.settled, report.recordings.left), (0, 1));
}

#[tokio::test]
async fn call_unknown_to_twilio_awaits_no_recording() {
    let (stage, _twilio) = scene().await;
    completed(&stage, &testkit::new_sid(), 10_000).await;
    assert_eq!(run(&stage).await.recordings.settled, 1);
    assert_eq!(run(&stage).await.recordings.examined, 0);
}

#[tokio::test]
async fn call_with_a_recording_is_settled_without_asking_twilio() {
    let (stage, twilio) = scene().await;
    let call = completed(&stage, &testkit::new_sid(), 90).await;
    let url = doc! { "$set": { "recording_url": "https://api.twilio.com/Recordings/RE1" } };
    change(&stage, &call, url).await;
    assert_eq!(run(&stage).await.recordings.settled, 1);
    assert_eq!(run(&stage).await.recordings.examined, 0);
    assert_eq!(twilio.requests("GET", "/Recordings.json").await.len(), 0);
}
