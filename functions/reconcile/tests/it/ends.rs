//! Tests how overdue calls are settled.

use mongodb::bson::{DateTime, doc};
use outdial::domain::{Call, CallSid, CallStatus, EventSource};
use testkit::Stage;

use crate::support::{
    ANSWERS, QUEUED, ago, dial, has_ended, listener, read, run, scene, slow_scene, tell, until,
};

/// Stores a call that Twilio has, and for which no callback has arrived for a long time.
async fn silent(stage: &Stage, sid: &CallSid) -> Call {
    stage
        .call(|call| {
            call.twilio_sid = Some(sid.clone());
            call.status = CallStatus::Ringing;
            call.created_at = ago(1_000);
            call.updated_at = ago(1_000);
        })
        .await
}

#[tokio::test]
async fn overdue_call_gets_the_status_that_twilio_reports() {
    let (stage, twilio) = scene().await;
    let sid = dial(&twilio, ANSWERS, &listener().await, &[]).await;
    until(&twilio, &sid, has_ended).await;
    let call = silent(&stage, &sid).await;
    assert_eq!(run(&stage).await.ends.settled, 1);
    let ended = read(&stage, &call).await;
    assert_eq!(ended.status, CallStatus::Completed);
    assert!(ended.duration_seconds.is_some());
    assert_eq!(ended.events.last().unwrap().source, EventSource::Api);
    assert_eq!(run(&stage).await.ends.examined, 0);

    tell(&stage, &call, &sid, CallStatus::InProgress, 2).await;
    assert_eq!(read(&stage, &call).await.status, CallStatus::Completed);
}

#[tokio::test]
async fn call_that_twilio_still_queues_stays_open() {
    let (stage, twilio) = slow_scene().await;
    let sid = dial(&twilio, QUEUED, "https://calls.example.com/", &[]).await;
    let call = silent(&stage, &sid).await;
    let report = run(&stage).await;
    assert_eq!(
        (report.ends.examined, report.ends.settled),
        (1, 0),
        "{report:?}"
    );
    assert!(!read(&stage, &call).await.status.is_terminal());
}

#[tokio::test]
async fn call_that_may_still_be_in_progress_is_left_alone() {
    let (stage, _twilio) = scene().await;
    stage.call(|call| call.updated_at = ago(600)).await;
    assert_eq!(run(&stage).await.ends.examined, 0);
    let shorter = stage
        .set("CALL_TIME_LIMIT_SECONDS", "60")
        .set("CALL_RING_TIMEOUT_SECONDS", "20");
    assert_eq!(run(&shorter).await.ends.examined, 1);
}

#[tokio::test]
async fn call_unknown_to_twilio_is_given_up() {
    let (stage, _twilio) = scene().await;
    let call = silent(&stage, &testkit::new_sid()).await;
    assert_eq!(run(&stage).await.ends.given_up, 1);
    let failed = read(&stage, &call).await;
    assert_eq!(
        (failed.status, failed.status_rank),
        (CallStatus::Failed, CallStatus::GIVEN_UP_RANK)
    );
    assert_eq!(failed.twilio_sid, call.twilio_sid);
}

#[tokio::test]
async fn call_of_the_earlier_service_is_settled() {
    let (stage, twilio) = scene().await;
    let sid = dial(&twilio, ANSWERS, &listener().await, &[]).await;
    until(&twilio, &sid, has_ended).await;
    let call = silent(&stage, &sid).await;
    let earlier = doc! {
        "$set": { "status": "initiated", "updated_at": DateTime::from_millis(1_600_000_000_000) },
        "$unset": { "status_rank": "", "dial_outcome": "", "dial_deadline": "", "events": "" },
    };
    crate::support::change(&stage, &call, earlier).await;
    assert_eq!(run(&stage).await.ends.settled, 1);
    assert_eq!(read(&stage, &call).await.status, CallStatus::Completed);
}
