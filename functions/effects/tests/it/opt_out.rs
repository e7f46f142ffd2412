//! Tests the effect of an opt-out: the number is blocked, and the calls to it that wait end.

use mongodb::bson::{DateTime, doc};
use outdial::{
    dao::StepEvent,
    domain::{Call, CallStatus, Lane, Priority},
};
use testkit::{Stage, new_sid};

use crate::support::{dao, end, from_now, handle_end, read, retried, sweep};

/// Stores a call to this number that waits.
async fn waiting(stage: &Stage, number: &str) -> Call {
    stage
        .call(|call| {
            call.to_number = number.parse().unwrap();
            call.status = CallStatus::Scheduled;
            call.status_rank = CallStatus::Scheduled.rank();
            call.dial_outcome = None;
            call.twilio_sid = None;
            call.due_at = Some(from_now(600));
            call.expires_at = Some(from_now(6_000));
            call.lane = Some(Lane::of(Priority::Normal, None));
        })
        .await
}

async fn opt_out(stage: &Stage, call: &Call) {
    let sid = call.twilio_sid.clone().unwrap_or_else(new_sid);
    let event = StepEvent::OptedOut(None);
    dao(stage)
        .record_step(call.call_id, &sid, &event)
        .await
        .unwrap();
}

#[tokio::test]
async fn opt_out_cancels_every_waiting_call_to_the_number() {
    let stage = Stage::new().await;
    let call = stage
        .call(|call| call.to_number = "+541123456789".parse().unwrap())
        .await;
    let same = waiting(&stage, "+541123456789").await;
    // The same line in another spelling.
    let spelled = waiting(&stage, "+5491123456789").await;
    let other = waiting(&stage, "+12125550177").await;
    opt_out(&stage, &call).await;
    for _ in 0..2 {
        handle_end(&stage, &call).await;
        let canceled = read(&stage, &same).await;
        assert_eq!(canceled.status, CallStatus::Canceled);
        assert_eq!(canceled.status_reason.as_deref(), Some("opted_out"));
        assert_eq!(read(&stage, &other).await.status, CallStatus::Scheduled);
        assert_eq!(read(&stage, &spelled).await.status, CallStatus::Canceled);
        assert_eq!(read(&stage, &call).await.effects, []);
        let blocked = dao(&stage)
            .get_blocked_number(&call.to_number)
            .await
            .unwrap();
        assert!(blocked.is_some());
        assert_eq!(stage.count("blocked_numbers").await, 1);
    }
}

#[tokio::test]
async fn sweep_completes_an_opt_out_whose_request_died() {
    let stage = Stage::new().await;
    let call = stage.call(|_| ()).await;
    opt_out(&stage, &call).await;
    let old = DateTime::from_millis(DateTime::now().timestamp_millis() - 60_000);
    let aged = doc! { "$set": { "effects.0.at": old } };
    let calls = stage
        .database()
        .collection::<mongodb::bson::Document>("calls");
    calls
        .update_one(doc! { "_id": call.id }, aged)
        .await
        .unwrap();
    sweep(&stage).await;
    assert_eq!(read(&stage, &call).await.effects, []);
    assert_eq!(stage.count("blocked_numbers").await, 1);
}

#[tokio::test]
async fn opted_out_call_gets_no_next_attempt() {
    let stage = Stage::new().await;
    let call = retried(&stage).await;
    opt_out(&stage, &call).await;
    end(&stage, &call, CallStatus::NoAnswer).await;
    handle_end(&stage, &call).await;
    let ended = read(&stage, &call).await;
    assert_eq!((ended.next_call_id, ended.effects), (None, vec![]));
    assert_eq!(stage.count("calls").await, 1);
}
