//! Tests the pace of a run with many calls.

use std::time::{Duration, Instant};

use outdial::domain::CallStatus;
use serde_json::json;
use testkit::{Stage, new_sid};

use crate::support::{QUEUED, TIME, ago, app, run, scene, unknown};

/// Twilio's response time in milliseconds.
const LATENCY: u64 = 300;

async fn past_their_end(stage: &Stage, count: usize) {
    for _ in 0..count {
        stage
            .call(|call| {
                call.twilio_sid = Some(new_sid());
                call.status = CallStatus::Ringing;
                call.updated_at = ago(10_000);
            })
            .await;
    }
}

/// In sequence, Twilio's responses alone would take 90 seconds.
#[tokio::test]
async fn calls_are_settled_many_at_once() {
    let (stage, twilio) = scene().await;
    let calls = 300;
    past_their_end(&stage, calls).await;
    twilio
        .faults(&json!({ "rest": [{ "on": "fetch", "action": "stall", "delay_ms": LATENCY }] }))
        .await;
    let begun = Instant::now();
    let report = run(&stage).await;
    let took = begun.elapsed();
    assert_eq!(report.ends.given_up, 300, "{report:?}");
    let one_by_one = Duration::from_millis(LATENCY) * 300;
    assert!(took < one_by_one / 2, "{calls} calls took {took:?}");
}

#[tokio::test]
async fn many_calls_of_one_kind_do_not_starve_the_others() {
    let (stage, twilio) = scene().await;
    for _ in 0..150 {
        unknown(&stage, QUEUED).await;
    }
    past_their_end(&stage, 20).await;
    twilio
        .faults(&json!({ "rest": [{ "on": "list", "action": "stall", "delay_ms": 500 }] }))
        .await;
    // Two look-ups for each dial take nine seconds.
    let time = reconcile::WIND_DOWN + Duration::from_secs(5);
    let report = reconcile::reconcile(&app(&stage), time).await.unwrap();
    assert!(report.stopped_early, "{report:?}");
    assert_eq!(report.ends.given_up, 20, "{report:?}");
    let report = reconcile::reconcile(&app(&stage), TIME).await.unwrap();
    assert_eq!((report.dials.left, report.ends.examined), (150, 0));
}
