//! Tests the limits of a run: pages, time, 429s and failures.

use std::time::Duration;

use outdial::domain::CallStatus;
use serde_json::json;
use testkit::{Stage, Twilio};

use crate::support::{QUEUED, TIME, ago, app, change, dial, lose, run, scene, slow_scene, unknown};

/// Stores calls past their possible end that Twilio still queues, oldest first.
async fn stuck(stage: &Stage, twilio: &Twilio, count: i64) -> Vec<String> {
    let mut sids = Vec::new();
    for at in 0..count {
        let sid = dial(twilio, QUEUED, "https://calls.example.com/", &[]).await;
        sids.push(sid.to_string());
        stage
            .call(|call| {
                call.twilio_sid = Some(sid);
                call.status = CallStatus::Ringing;
                call.updated_at = ago(10_000 - at);
            })
            .await;
    }
    sids
}

/// Returns the calls that the run looked up at Twilio, in order.
async fn look_ups(twilio: &Twilio) -> Vec<String> {
    let requests = twilio.requests("GET", ".json").await;
    let sids = requests
        .iter()
        .filter_map(|entry| entry["call_sid"].as_str());
    sids.map(str::to_owned).collect()
}

#[tokio::test]
async fn run_reads_every_page_once() {
    let (stage, twilio) = slow_scene().await;
    let stage = stage.set("RECONCILE_PAGE", "2");
    let sids = stuck(&stage, &twilio, 5).await;
    let report = run(&stage).await;
    assert_eq!((report.ends.examined, report.ends.left), (5, 5));
    assert!(!report.stopped_early);
    let mut seen = look_ups(&twilio).await;
    // The run looks up the calls of a page concurrently.
    seen[..2].sort_by_key(|sid| sids.iter().position(|known| known == sid));
    seen[2..4].sort_by_key(|sid| sids.iter().position(|known| known == sid));
    assert_eq!(seen, sids);
}

#[tokio::test]
async fn settled_call_frees_its_permit() {
    let (stage, _twilio) = scene().await;
    let stage = stage
        .set("RECONCILE_PAGE", "2")
        .set("RECONCILE_UNKNOWN_AFTER_SECONDS", "1");
    for _ in 0..5 {
        unknown(&stage, QUEUED).await;
    }
    assert_eq!(run(&stage).await.dials.given_up, 5);
    assert_eq!(run(&stage).await.dials.examined, 0);
}

#[tokio::test]
async fn calls_changed_within_a_minute_wait() {
    let (stage, _twilio) = scene().await;
    let stage = stage
        .set("CALL_TIME_LIMIT_SECONDS", "1")
        .set("CALL_RING_TIMEOUT_SECONDS", "1");
    for (age, examined) in [(50, 0), (70, 1)] {
        stage
            .call(|call| {
                lose(call);
                call.updated_at = ago(age);
            })
            .await;
        stage.call(|call| call.updated_at = ago(age)).await;
        stage
            .call(|call| {
                call.status = CallStatus::Completed;
                call.recording_enabled = true;
                call.updated_at = ago(age);
            })
            .await;
        let report = run(&stage).await;
        for kind in [report.dials, report.ends, report.recordings] {
            assert_eq!(kind.examined, examined, "{age} s old: {report:?}");
        }
    }
}

#[tokio::test]
async fn next_run_alternates_between_the_bookmark_and_the_oldest_call() {
    let (stage, twilio) = slow_scene().await;
    let stage = stage.set("RECONCILE_PAGE", "2");
    let sids = stuck(&stage, &twilio, 8).await;
    twilio
        .faults(&json!({ "rest": [
            { "on": "fetch", "action": "refuse", "status": 403, "requests": [3, 4, 5, 6] },
        ] }))
        .await;
    let report = run(&stage).await;
    assert!(report.stopped_early);
    assert_eq!((report.ends.examined, report.ends.left), (4, 4));
    let before = look_ups(&twilio).await.len();
    twilio.faults(&json!({})).await;
    let report = run(&stage).await;
    // The first two calls changed just now: the run stored their new status `queued`.
    assert_eq!((report.ends.examined, report.stopped_early), (6, false));
    let seen = &look_ups(&twilio).await[before..];
    let pages: Vec<Vec<_>> = seen
        .chunks(2)
        .map(|page| {
            let place = |sid| sids.iter().position(|known| known == sid).unwrap();
            let mut page: Vec<_> = page.iter().map(place).collect();
            page.sort_unstable();
            page
        })
        .collect();
    assert_eq!(pages, [[4, 5], [2, 3], [6, 7]]);
}

#[tokio::test]
async fn request_with_429_is_retried() {
    let (stage, twilio) = slow_scene().await;
    stuck(&stage, &twilio, 3).await;
    let some: Vec<_> = (1..=12).collect();
    twilio
        .faults(&json!({ "rest": [{ "on": "fetch", "action": "rate_limit", "requests": some }] }))
        .await;
    let report = run(&stage).await;
    assert_eq!((report.ends.examined, report.stopped_early), (3, false));
}

#[tokio::test]
async fn repeated_429_ends_the_run_and_the_next_one_continues() {
    let (stage, twilio) = slow_scene().await;
    stuck(&stage, &twilio, 3).await;
    twilio
        .faults(&json!({ "rest": [{ "on": "fetch", "action": "rate_limit" }] }))
        .await;
    let report = run(&stage).await;
    assert_eq!((report.ends.examined, report.stopped_early), (0, true));
    twilio.faults(&json!({})).await;
    let report = run(&stage).await;
    assert_eq!((report.ends.examined, report.stopped_early), (3, false));
}

#[tokio::test]
async fn three_twilio_failures_in_a_row_end_the_run() {
    let (stage, twilio) = slow_scene().await;
    stuck(&stage, &twilio, 5).await;
    for fault in [
        json!({ "on": "fetch", "action": "refuse", "status": 403 }),
        json!({ "on": "fetch", "action": "error", "status": 503 }),
        json!({ "on": "fetch", "action": "reset" }),
    ] {
        twilio.faults(&json!({ "rest": [fault] })).await;
        let report = run(&stage).await;
        assert!(report.stopped_early, "{fault}");
        assert_eq!((report.ends.examined, report.ends.left), (2, 2), "{fault}");
    }
}

#[tokio::test]
async fn unusable_responses_do_not_end_the_run() {
    let (stage, twilio) = slow_scene().await;
    stuck(&stage, &twilio, 5).await;
    for fault in [
        json!({ "on": "fetch", "action": "garbage" }),
        json!({ "on": "fetch", "action": "refuse", "status": 400 }),
    ] {
        twilio.faults(&json!({ "rest": [fault] })).await;
        let report = run(&stage).await;
        assert!(!report.stopped_early, "{fault}");
        assert_eq!((report.ends.examined, report.ends.left), (5, 5), "{fault}");
    }
}

#[tokio::test]
async fn run_at_its_time_limit_starts_no_more_calls() {
    let (stage, twilio) = slow_scene().await;
    stuck(&stage, &twilio, 2).await;
    let report = reconcile::reconcile(&app(&stage), reconcile::WIND_DOWN).await;
    let report = report.unwrap();
    assert_eq!((report.ends.examined, report.stopped_early), (0, true));
    assert_eq!(run(&stage).await.ends.examined, 2);
}

#[tokio::test]
async fn unreadable_document_does_not_stop_the_run() {
    let (stage, _twilio) = scene().await;
    let stage = stage
        .set("RECONCILE_UNKNOWN_AFTER_SECONDS", "1")
        .set("RECONCILE_PAGE", "1");
    let broken = unknown(&stage, QUEUED).await;
    unknown(&stage, QUEUED).await;
    let older = mongodb::bson::doc! { "$set": { "script": 7, "updated_at": ago(1_000) } };
    change(&stage, &broken, older).await;
    assert_eq!(run(&stage).await.dials.given_up, 1);
}

#[tokio::test]
async fn unavailable_database_fails_the_run() {
    let (stage, line) = scene().await.0.behind_proxy().await;
    let app = app(&stage);
    line.cut();
    assert!(reconcile::reconcile(&app, TIME).await.is_err());
    line.restore();
    reconcile::reconcile(&app, TIME).await.unwrap();
}

#[tokio::test]
async fn short_outage_of_the_database_does_not_end_the_run() {
    let (stage, line) = scene().await.0.behind_proxy().await;
    let stage = stage.set("RECONCILE_UNKNOWN_AFTER_SECONDS", "1");
    unknown(&stage, QUEUED).await;
    let app = app(&stage);
    line.cut();
    let (report, ()) = tokio::join!(reconcile::reconcile(&app, TIME), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        line.restore();
    });
    let report = report.unwrap();
    assert_eq!((report.dials.given_up, report.stopped_early), (1, false));
}
