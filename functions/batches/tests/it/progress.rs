//! Tests the progress of a batch: counts by status, and the estimate of its end.

use mongodb::bson::{DateTime, doc, oid::ObjectId};
use serde_json::json;

use crate::support::{Api, router, text};

#[tokio::test]
async fn recipients_are_counted_by_the_status_of_their_last_call() {
    let api = Api::new().await;
    let id = api.filled(4).await;
    let calls = api.calls().await;
    let this = |nth: usize| doc! { "_id": calls[nth].get("_id") };
    api.set("calls", this(0), doc! { "status": "completed" })
        .await;
    api.set(
        "calls",
        this(1),
        doc! { "status": "busy", "next_call_id": "x" },
    )
    .await;
    let mut next = calls[1].clone();
    next.extend(doc! {
        "_id": ObjectId::new(),
        "call_id": "6fa459ea-ee8a-4ca4-894e-db77e160355e",
        "attempt": 2, "status": "no-answer",
    });
    let stored = api.stage.database().collection("calls");
    stored.insert_one(next).await.unwrap();
    let of_another = api.filled(2).await;
    assert_ne!(of_another, id);
    let fresh = Api {
        router: router(&api.stage),
        ..api
    };
    let progress = &fresh.read(&id).await["progress"];
    assert_eq!(progress["recipients"], 4);
    assert_eq!(progress["attempts"], 5);
    let wanted = json!({ "completed": 1, "no-answer": 1, "scheduled": 2 });
    assert_eq!(progress["by_status"], wanted);
}

#[tokio::test]
async fn recipients_are_counted_by_the_result_of_their_last_call() {
    let api = Api::new().await;
    let id = api.filled(4).await;
    let calls = api.calls().await;
    let followed = doc! { "status": "busy", "result": "not_reached", "next_call_id": "x" };
    for (nth, change) in [
        doc! { "status": "completed", "result": "voicemail_left" },
        doc! { "status": "completed", "result": "voicemail_left" },
        followed,
    ]
    .into_iter()
    .enumerate()
    {
        let this = doc! { "_id": calls[nth].get("_id") };
        api.set("calls", this, change).await;
    }
    let fresh = Api {
        router: router(&api.stage),
        ..api
    };
    let progress = &fresh.read(&id).await["progress"];
    assert_eq!(progress["by_result"], json!({ "voicemail_left": 2 }));
    assert_eq!(progress["other_results"], 0);
}

#[tokio::test]
async fn status_of_a_later_version_counts_as_unknown() {
    let api = Api::new().await;
    let id = api.filled(1).await;
    api.set("calls", doc! {}, doc! { "status": "exploded" })
        .await;
    let progress = &api.read(&id).await["progress"];
    assert_eq!(progress["by_status"], json!({ "unknown": 1 }));
}

#[tokio::test]
async fn counts_are_reused_for_a_moment_but_not_after_a_change() {
    let api = Api::new().await;
    let id = api.filled(2).await;
    let scheduled = async || api.read(&id).await["progress"]["by_status"]["scheduled"].clone();
    assert_eq!(scheduled().await, 2);
    api.add_some(&id, 3).await;
    assert_eq!(scheduled().await, 3);
    api.change(&id, "cancel").await;
    assert_eq!(scheduled().await, serde_json::Value::Null);
}

#[tokio::test]
async fn end_is_estimated_while_the_batch_runs() {
    let api = Api::with(|stage| stage.set("DIALS_PER_SECOND", "2")).await;
    let mut body = api.body();
    body["calls_per_second"] = 0.1.into();
    let id = api.batch_of(&body).await;
    api.add_some(&id, 60).await;
    let eta = async || api.read(&id).await["progress"]["eta"].clone();
    assert!(eta().await.is_null());
    api.change(&id, "start").await;
    let at = DateTime::parse_rfc3339_str(text(&eta().await)).unwrap();
    let left = at.timestamp_millis() - DateTime::now().timestamp_millis();
    assert!((560_000..=600_000).contains(&left), "{left}");
    api.change(&id, "pause").await;
    assert!(eta().await.is_null());
}

#[tokio::test]
async fn estimate_waits_for_the_calling_hours() {
    let api = Api::with(|stage| stage.set("CALLING_HOURS", "12:00-12:02")).await;
    let mut body = api.body();
    body["calls_per_second"] = 0.1.into();
    let id = api.batch_of(&body).await;
    // Two minutes a day are twelve calls a day.
    api.add_some(&id, 40).await;
    api.change(&id, "start").await;
    let eta = api.read(&id).await["progress"]["eta"].clone();
    let at = DateTime::parse_rfc3339_str(text(&eta))
        .unwrap()
        .timestamp_millis();
    let days = (at - DateTime::now().timestamp_millis()) / 86_400_000;
    assert!((2..=4).contains(&days), "{eta}");
    let minute = at.rem_euclid(86_400_000) / 60_000;
    assert!((12 * 60..=12 * 60 + 2).contains(&minute), "{eta}");
}
