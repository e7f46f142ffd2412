//! Tests that an end which Twilio reports is announced, and a call that is given up is not.

use mongodb::bson::DateTime;
use outdial::domain::{Call, CallSid, CallStatus, Retry, RetryReason};
use serde_json::json;
use testkit::{Queue, Stage, new_sid};

use crate::support::{
    ANSWERS, ago, dial, has_ended, listener, lose, read, run, scene, until, voice_url,
};

async fn retried(stage: &Stage, change: impl FnOnce(&mut Call)) -> Call {
    let retry = Retry {
        max_attempts: 2,
        on: vec![RetryReason::Failed],
        delays_seconds: vec![60],
        expires_at: DateTime::from_millis(4_000_000_000_000),
    };
    stage
        .call(|call| {
            *call = call.clone().with_retry(Some(retry));
            call.to_number = ANSWERS.parse().unwrap();
            change(call);
        })
        .await
}

fn silent(call: &mut Call, sid: &CallSid) {
    call.twilio_sid = Some(sid.clone());
    call.status = CallStatus::Ringing;
    call.updated_at = ago(1_000);
}

#[tokio::test]
async fn end_that_twilio_reports_is_announced() {
    let (stage, twilio) = scene().await;
    let queue = Queue::new().await;
    let stage = stage.set("EFFECTS_QUEUE_URL", queue.url());
    let origin = listener().await;
    let sid = dial(&twilio, ANSWERS, &origin, &[]).await;
    let ended = retried(&stage, |call| silent(call, &sid)).await;
    let lost = retried(&stage, lose).await;
    let found = dial(&twilio, ANSWERS, &voice_url(&origin, &lost), &[]).await;
    for sid in [&sid, &found] {
        until(&twilio, sid, has_ended).await;
    }
    run(&stage).await;
    let mut announced = queue.receive_all().await;
    announced.sort_by_key(ToString::to_string);
    let mut expected = [&ended, &lost].map(|call| json!({ "call_id": call.call_id }));
    expected.sort_by_key(ToString::to_string);
    assert_eq!(announced, expected);
    for call in [&ended, &lost] {
        assert_eq!(read(&stage, call).await.effects.len(), 1);
    }
}

#[tokio::test]
async fn call_that_is_given_up_has_no_effects() {
    let (stage, _twilio) = scene().await;
    let queue = Queue::new().await;
    let stage = stage
        .set("EFFECTS_QUEUE_URL", queue.url())
        .set("RECONCILE_UNKNOWN_AFTER_SECONDS", "1");
    let ended = retried(&stage, |call| silent(call, &new_sid())).await;
    let lost = retried(&stage, lose).await;
    let report = run(&stage).await;
    assert_eq!((report.dials.given_up, report.ends.given_up), (1, 1));
    assert_eq!(queue.receive_all().await, [json!(null); 0]);
    for call in [&ended, &lost] {
        let given_up = read(&stage, call).await;
        assert_eq!(given_up.status, CallStatus::Failed);
        assert_eq!(given_up.effects, []);
    }
}
