//! Tests the states of a batch: which change is allowed in which.

use mongodb::bson::{DateTime, doc};
use serde_json::Value;
use testkit::Queue;

use crate::support::Api;

#[tokio::test]
async fn each_state_allows_its_changes_and_names_itself_otherwise() {
    let api = Api::new().await;
    let id = api.filled(1).await;
    let is = |status: &'static str| (200, status);
    let no = |code: &'static str| (409, code);
    for (from, what, wanted) in [
        ("draft", "start", is("running")),
        ("draft", "pause", no("batch_draft")),
        ("draft", "resume", no("batch_draft")),
        ("running", "start", is("running")),
        ("running", "pause", is("paused")),
        ("running", "resume", is("running")),
        ("paused", "start", no("batch_paused")),
        ("paused", "pause", is("paused")),
        ("paused", "resume", is("running")),
        ("canceling", "start", no("batch_canceling")),
        ("canceling", "pause", no("batch_canceling")),
        ("canceling", "resume", no("batch_canceling")),
        ("canceled", "start", no("batch_canceled")),
        ("canceled", "pause", no("batch_canceled")),
        ("canceled", "resume", no("batch_canceled")),
        ("completed", "start", no("batch_completed")),
        ("completed", "pause", no("batch_completed")),
        ("completed", "resume", no("batch_completed")),
        ("completed", "cancel", no("batch_completed")),
        ("archived", "start", no("batch_unknown")),
        ("archived", "cancel", no("batch_unknown")),
    ] {
        api.set("batches", doc! { "_id": &id }, doc! { "status": from })
            .await;
        let answer = api.change(&id, what).await;
        match wanted {
            (200, status) => {
                assert_eq!(answer.status, 200, "{from} {what}: {}", answer.text());
                assert_eq!(answer.json()["status"], status, "{from} {what}");
            }
            (status, code) => {
                answer.assert_problem(status, code);
            }
        }
    }
    for what in ["start", "pause", "resume", "cancel"] {
        for id in ["6fa459ea-ee8a-4ca4-894e-db77e160355e", "1"] {
            api.change(id, what).await.assert_problem(404, "not_found");
        }
    }
}

#[tokio::test]
async fn first_start_is_remembered() {
    let api = Api::new().await;
    let id = api.filled(1).await;
    let started = api.change(&id, "start").await.json();
    assert!(started["started_at"].is_string(), "{started}");
    api.change(&id, "pause").await;
    let resumed = api.change(&id, "resume").await.json();
    assert_eq!(resumed["started_at"], started["started_at"]);
}

#[tokio::test]
async fn batch_without_recipients_does_not_start() {
    let api = Api::new().await;
    let id = api.batch().await;
    api.change(&id, "start")
        .await
        .assert_problem(422, "batch_empty");
    assert_eq!(api.read(&id).await["status"], "draft");
}

#[tokio::test]
async fn batch_that_cannot_finish_does_not_start() {
    let api = Api::with(|stage| stage.set("DIALS_PER_SECOND", "100")).await;
    let mut body = api.body();
    let later = |seconds: i64| {
        let at = DateTime::now().timestamp_millis() + seconds * 1_000;
        DateTime::from_millis(at).try_to_rfc3339_string().unwrap()
    };
    // Ten minutes at a call in ten seconds: sixty calls.
    body["expires_at"] = later(600).into();
    body["calls_per_second"] = 0.1.into();
    let id = api.batch_of(&body).await;
    api.add_some(&id, 50).await;
    let quick = api.batch_of(&body).await;
    api.add_some(&quick, 70).await;
    let answer = api.change(&quick, "start").await;
    answer.assert_problem(422, "batch_cannot_finish");
    assert_eq!(api.read(&quick).await["status"], "draft");
    assert_eq!(api.change(&id, "start").await.status, 200);
    // The pace of all dials is enough.
    body["calls_per_second"] = Value::Null;
    let id = api.batch_of(&body).await;
    api.add_some(&id, 70).await;
    assert_eq!(api.change(&id, "start").await.status, 200);
}

#[tokio::test]
async fn calling_hours_leave_less_time() {
    let api = Api::with(|stage| stage.set("CALLING_HOURS", "12:00-12:02")).await;
    // A week has fourteen minutes: 84 calls.
    let mut body = api.body();
    body["calls_per_second"] = 0.1.into();
    let id = api.batch_of(&body).await;
    api.add_some(&id, 90).await;
    let answer = api.change(&id, "start").await;
    answer.assert_problem(422, "batch_cannot_finish");
    body["calls_per_second"] = 0.5.into();
    let id = api.batch_of(&body).await;
    api.add_some(&id, 90).await;
    assert_eq!(api.change(&id, "start").await.status, 200);
}

#[tokio::test]
async fn concurrent_changes_agree() {
    let api = Api::new().await;
    let id = api.filled(1).await;
    let (first, second) = tokio::join!(api.change(&id, "start"), api.change(&id, "start"));
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (200, 200));
    let (paused, canceled) = tokio::join!(api.change(&id, "pause"), api.change(&id, "cancel"));
    assert_eq!(canceled.status, 202);
    assert!(
        [200, 409].contains(&paused.status.as_u16()),
        "{}",
        paused.text()
    );
    let status = api.read(&id).await["status"].clone();
    assert!(
        ["canceling", "canceled"].contains(&status.as_str().unwrap()),
        "{status}"
    );
}

#[tokio::test]
async fn concurrent_cancels_all_succeed() {
    let api = Api::new().await;
    for _ in 0..5 {
        let id = api.filled(2).await;
        let cancel = || api.change(&id, "cancel");
        let (first, second, third, fourth) = tokio::join!(cancel(), cancel(), cancel(), cancel());
        for answer in [first, second, third, fourth] {
            assert_eq!(answer.status, 202, "{}", answer.text());
        }
        assert_eq!(api.read(&id).await["status"], "canceled");
    }
}

#[tokio::test]
async fn dispatch_is_woken_when_calls_can_be_dialled() {
    let wake = Queue::new().await;
    let api = Api::with(|stage| stage.set("WAKE_QUEUE_URL", wake.url())).await;
    let id = api.filled(1).await;
    assert!(wake.messages().await.is_empty());
    api.change(&id, "start").await;
    assert_eq!(wake.messages().await.len(), 1);
    api.add_some(&id, 2).await;
    assert_eq!(wake.messages().await.len(), 2);
    // Nothing new.
    api.add_some(&id, 2).await;
    api.change(&id, "pause").await;
    assert_eq!(wake.messages().await.len(), 2);
    api.change(&id, "resume").await;
    let messages = wake.messages().await;
    assert_eq!(messages.len(), 3);
    assert!(
        messages.iter().all(|message| message["wake"] == true),
        "{messages:?}"
    );
}

#[tokio::test]
async fn failing_wake_queue_changes_no_response() {
    let nowhere = "http://127.0.0.1:1/123456789012/wake";
    let api = Api::with(|stage| stage.set("WAKE_QUEUE_URL", nowhere)).await;
    let id = api.filled(1).await;
    let answer = api.change(&id, "start").await;
    assert_eq!(answer.json()["status"], "running");
}
