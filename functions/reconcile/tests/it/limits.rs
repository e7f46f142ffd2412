use outdial::domain::CallStatus;
use serde_json::json;
use testkit::Stage;

use crate::support::{QUEUED, ago, app, dial, run, scene, slow_scene, unknown};

/// Calls past their end that Twilio still has in its queue, the oldest first.
async fn stuck(stage: &Stage, twilio: &testkit::Twilio, count: i64) {
    for at in 0..count {
        let sid = dial(twilio, QUEUED, "https://calls.example.com/", &[]).await;
        stage
            .call(|call| {
                call.twilio_sid = Some(sid);
                call.status = CallStatus::Ringing;
                call.updated_at = ago(10_000 - at);
            })
            .await;
    }
}

/// How often Twilio was asked about each of the calls, the most often first.
async fn asked(twilio: &testkit::Twilio) -> Vec<usize> {
    let mut times = Vec::new();
    for call in twilio.calls().await {
        let path = format!("/Calls/{}.json", call["sid"].as_str().unwrap());
        times.push(twilio.requests("GET", &path).await.len());
    }
    times.sort_unstable_by(|a, b| b.cmp(a));
    times
}

#[tokio::test]
async fn a_run_looks_at_a_page_and_the_next_one_goes_on_after_it() {
    let (stage, twilio) = slow_scene().await;
    let stage = stage.set("RECONCILE_PAGE", "2");
    stuck(&stage, &twilio, 5).await;
    for expected in [[1, 1, 0, 0, 0], [1, 1, 1, 1, 0], [1, 1, 1, 1, 1]] {
        run(&stage).await;
        assert_eq!(asked(&twilio).await, expected);
    }
    let calls = stage
        .database()
        .collection::<mongodb::bson::Document>("calls");
    let again = mongodb::bson::doc! { "$set": { "updated_at": ago(10_000) } };
    calls
        .update_many(mongodb::bson::doc! {}, again)
        .await
        .unwrap();
    run(&stage).await;
    assert_eq!(asked(&twilio).await, [2, 2, 1, 1, 1]);
}

#[tokio::test]
async fn what_is_settled_makes_room_for_the_next() {
    let (stage, _twilio) = scene().await;
    let stage = stage
        .set("RECONCILE_PAGE", "2")
        .set("RECONCILE_UNKNOWN_AFTER_SECONDS", "1");
    for _ in 0..5 {
        unknown(&stage, QUEUED).await;
    }
    for given_up in [2, 2, 1, 0] {
        assert_eq!(run(&stage).await.dials.given_up, given_up);
    }
}

#[tokio::test]
async fn too_many_requests_end_the_run_and_the_next_one_goes_on() {
    let (stage, twilio) = slow_scene().await;
    stuck(&stage, &twilio, 3).await;
    twilio
        .faults(
            &json!({ "rest": [{ "on": "fetch", "action": "rate_limit", "requests": [2, 3, 4] }] }),
        )
        .await;
    let report = run(&stage).await;
    assert!(report.stopped_early);
    assert_eq!(report.ends.examined, 2);
    twilio.faults(&json!({})).await;
    let report = run(&stage).await;
    assert_eq!((report.ends.examined, report.stopped_early), (2, false));
}

#[tokio::test]
async fn a_twilio_that_fails_again_and_again_ends_the_run() {
    let (stage, twilio) = slow_scene().await;
    stuck(&stage, &twilio, 5).await;
    twilio
        .faults(&json!({ "rest": [{ "on": "fetch", "action": "refuse", "status": 403 }] }))
        .await;
    let report = run(&stage).await;
    assert!(report.stopped_early);
    assert_eq!(report.ends.examined, 3);
}

#[tokio::test]
async fn a_document_that_cannot_be_read_does_not_stop_the_run() {
    let (stage, _twilio) = scene().await;
    let stage = stage
        .set("RECONCILE_UNKNOWN_AFTER_SECONDS", "1")
        .set("RECONCILE_PAGE", "1");
    let broken = unknown(&stage, QUEUED).await;
    unknown(&stage, QUEUED).await;
    let older = mongodb::bson::doc! { "$set": { "script": 7, "updated_at": ago(1_000) } };
    crate::support::change(&stage, &broken, older).await;
    assert_eq!(run(&stage).await.dials.given_up, 0);
    assert_eq!(run(&stage).await.dials.given_up, 1);
}

#[tokio::test]
async fn a_database_that_is_away_fails_the_run() {
    let (stage, line) = scene().await.0.behind_proxy().await;
    let app = app(&stage);
    line.cut();
    assert!(reconcile::reconcile(&app).await.is_err());
    line.restore();
    reconcile::reconcile(&app).await.unwrap();
}
