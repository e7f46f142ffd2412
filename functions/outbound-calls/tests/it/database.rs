//! Placing a call while the database fails.

use std::time::{Duration, Instant};

use mongodb::bson::Document;
use serde_json::json;
use tokio::net::TcpListener;

use crate::support::{eventually, post, router, status_callback, status_router, text, with_line};

#[tokio::test]
async fn unavailable_database_prevents_the_dial_until_it_is_back() {
    let (api, line) = with_line().await;
    line.cut();
    let begun = Instant::now();
    let answer = api.post(&api.body()).await;
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    answer.assert_problem(503, "unavailable");
    assert!(!answer.header("retry-after").is_empty());
    let read = api.get("/calls/6ba7b810-9dad-11d1-80b4-00c04fd430c8").await;
    read.assert_problem(503, "unavailable");
    api.assert_untouched().await;
    line.restore();
    let answer = api.post(&api.body()).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
}

#[tokio::test]
async fn silent_database_is_a_503_within_five_seconds() {
    let (api, line) = with_line().await;
    assert_eq!(api.post(&api.body()).await.status, 201);
    line.stall();
    let begun = Instant::now();
    let answer = api.post(&api.body()).await;
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    answer.assert_problem(503, "unavailable");
    assert_eq!(api.twilio.dials().await.len(), 1);
}

#[tokio::test]
async fn webhook_settles_a_dial_that_could_not_be_recorded() {
    let (api, line) = with_line().await;
    api.twilio
        .faults(&json!({ "rest": [{ "on": "create", "action": "stall", "when": "after", "delay_ms": 1_000 }] }))
        .await;
    let request = post(&api.body()).header("idempotency-key", "k");
    let cut = async {
        let sid = eventually("Twilio has the call", async || api.sids().await.pop()).await;
        line.cut();
        sid
    };
    let (answer, sid) = tokio::join!(request.send(&api.router), cut);
    assert_eq!(answer.status, 202, "{}", answer.text());
    assert_eq!(answer.json()["dial_outcome"], "unknown");
    let id = text(&answer.json()["call_id"]);
    assert_eq!(answer.header("location"), format!("/calls/{id}"));
    line.restore();

    let stored: Document = api.stage.stored(&id).await;
    assert_eq!(stored.get_str("dial_outcome").ok(), Some("pending"));
    let told = status_callback(&id, &sid, "completed", 3)
        .send(&status_router(&api.stage))
        .await;
    assert_eq!(told.status, 200, "{}", told.text());
    let call = api.call(&id).await;
    assert_eq!(call["dial_outcome"], "accepted");
    assert_eq!(call["twilio_sid"], *sid);
    assert_eq!(call["status"], "completed");
    let repeat = request.send(&api.router).await;
    assert_eq!(repeat.status, 202, "{}", repeat.text());
    assert_eq!(repeat.header("idempotent-replayed"), "true");
    assert_eq!(api.twilio.dials().await.len(), 1);
}

#[tokio::test]
async fn unrecorded_failed_dial_keeps_its_key() {
    let (api, line) = with_line().await;
    // A server without TLS: no attempt connects, and the first one shows that the dial has begun.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let deaf = format!("https://{}", listener.local_addr().unwrap());
    let unreachable = router(&api.stage.clone().set("TWILIO_API_BASE_URL", &deaf));
    let request = post(&api.body()).header("idempotency-key", "k");
    let cut = async {
        let _first_try = listener.accept().await.unwrap();
        line.cut();
        drop(listener);
    };
    let (answer, ()) = tokio::join!(request.send(&unreachable), cut);
    answer.assert_problem(502, "twilio_unreachable");
    assert_eq!(answer.header("retry-after"), "");
    line.restore();
    let repeat = request.send(&api.router).await;
    repeat.assert_problem(409, "request_in_progress");
    assert_eq!(api.twilio.dials().await.len(), 0);
}
