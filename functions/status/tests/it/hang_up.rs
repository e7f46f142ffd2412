//! Tests that a callback triggers a hang-up that waits for the `CallSid`.

use std::time::{Duration, Instant};

use outdial::domain::{Call, DialOutcome};
use serde_json::json;
use testkit::{Stage, Twilio};

use crate::support::{assert_accepted, callback, path, report, router, stored, words};

/// Stores a call with a requested hang-up and without a `CallSid`, and dials it at Twilio. Returns it with its `CallSid`.
async fn waiting(stage: &Stage, twilio: &Twilio) -> (Call, String) {
    let client = outdial::twilio::TwilioClient::new(&stage.settings().twilio().unwrap()).unwrap();
    let call = stage
        .call(|call| {
            call.twilio_sid = None;
            call.dial_outcome = Some(DialOutcome::Unknown);
            call.hangup_requested = true;
        })
        .await;
    let placed = outdial::twilio::OutboundCall {
        call_id: call.call_id,
        // The simulator keeps calls to this number queued for half a minute.
        to: &"+12125550109".parse().unwrap(),
        from: &call.from_number,
        voice_url: testkit::BASE_URL,
        fallback_url: None,
        status_url: testkit::BASE_URL,
        recording_url: testkit::BASE_URL,
        language: &"en-US".parse().unwrap(),
        has_steps: false,
        record: false,
        transcribe: false,
        machine_detection: None,
        machine_url: None,
        ring_timeout_seconds: 30,
        time_limit_seconds: 600,
    };
    client.make_outbound_call(&placed).await;
    let sid = twilio.calls().await[0]["sid"].as_str().unwrap().to_owned();
    (call, sid)
}

#[tokio::test]
async fn callback_with_the_call_sid_triggers_the_requested_hang_up() {
    let twilio = Twilio::start().await;
    let stage = Stage::new().await.playing(&twilio);
    let (call, sid) = waiting(&stage, &twilio).await;
    let answer = callback(&path(&call), &sid, "initiated", 0, &[])
        .send(&router(&stage))
        .await;
    assert_accepted(&answer);
    assert_eq!(twilio.calls().await[0]["status"], "canceled");
    let stored = stored(&stage, &call).await;
    assert_eq!(stored.get_str("status").ok(), Some("canceled"));
    assert_eq!(words(&stored), ["initiated", "canceled"]);
}

#[tokio::test]
async fn requested_hang_up_of_an_ended_call_stores_the_end() {
    let twilio = Twilio::start().await;
    let stage = Stage::new().await.playing(&twilio);
    let (call, sid) = waiting(&stage, &twilio).await;
    let client = outdial::twilio::TwilioClient::new(&stage.settings().twilio().unwrap()).unwrap();
    client.hangup_call(&sid.parse().unwrap()).await.unwrap();
    let answer = callback(&path(&call), &sid, "initiated", 0, &[])
        .send(&router(&stage))
        .await;
    assert_accepted(&answer);
    let stored = stored(&stage, &call).await;
    assert_eq!(stored.get_str("status").ok(), Some("canceled"));
}

#[tokio::test]
async fn slow_hang_up_does_not_delay_the_response() {
    let twilio = Twilio::start().await;
    let stage = Stage::new().await.playing(&twilio);
    let (call, sid) = waiting(&stage, &twilio).await;
    twilio
        .faults(&json!({ "rest": [{ "on": "update", "action": "stall", "delay_ms": 30_000 }] }))
        .await;
    let begun = Instant::now();
    let answer = callback(&path(&call), &sid, "initiated", 0, &[])
        .send(&router(&stage))
        .await;
    assert!(
        begun.elapsed() < Duration::from_millis(6_500),
        "{:?}",
        begun.elapsed()
    );
    assert_accepted(&answer);
    let stored = stored(&stage, &call).await;
    assert_eq!(stored.get_str("twilio_sid").ok(), Some(sid.as_str()));
    assert_eq!(stored.get_str("status").ok(), Some("initiated"));
}

#[tokio::test]
async fn call_without_a_hang_up_request_is_not_ended() {
    let twilio = Twilio::start().await;
    let stage = Stage::new().await.playing(&twilio);
    let call = stage.call(|_| ()).await;
    report(&stage, &call, "ringing", 1, &[]).await;
    assert!(twilio.requests("POST", ".json").await.is_empty());
}
