//! Tests the outcome of a dial: retried, lost, and settled by a webhook.

use std::time::{Duration, Instant};

use mongodb::bson::{Document, doc};
use serde_json::{Value, json};
use testkit::{Stage, Twilio};
use tokio::{io::AsyncReadExt, net::TcpListener};

use crate::support::{Api, eventually, router, status_callback, status_router, text, with_key};

pub async fn with_faults(rest: Value) -> Api {
    let api = Api::new().await;
    api.twilio.faults(&json!({ "rest": rest })).await;
    api
}

/// The only stored call.
pub async fn the_call(api: &Api) -> Document {
    assert_eq!(api.stage.count("calls").await, 1);
    let calls = api.stage.database().collection("calls");
    calls.find_one(doc! {}).await.unwrap().unwrap()
}

#[tokio::test]
async fn rate_limited_dial_is_retried_and_dials_once() {
    let api =
        with_faults(json!([{ "on": "create", "action": "rate_limit", "requests": [1, 2] }])).await;
    let answer = api.post(&api.body()).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(api.twilio.dials().await.len(), 3);
    assert_eq!(api.twilio.calls().await.len(), 1);
    assert_eq!(api.stage.count("calls").await, 1);
}

#[tokio::test]
async fn lost_response_leaves_the_outcome_unknown_and_never_dials_again() {
    for fault in [
        json!({ "on": "create", "action": "error", "status": 500 }),
        json!({ "on": "create", "action": "error", "status": 503 }),
        json!({ "on": "create", "action": "error", "status": 503, "when": "after" }),
        json!({ "on": "create", "action": "reset" }),
        json!({ "on": "create", "action": "reset", "when": "after" }),
        json!({ "on": "create", "action": "garbage", "when": "after" }),
    ] {
        let api = with_faults(json!([fault])).await;
        let answer = api.post_with_key("k", &api.body()).await;
        assert_eq!(answer.status, 202, "{fault}: {}", answer.text());
        let call = answer.json();
        assert_eq!(call["dial_outcome"], "unknown", "{fault}");
        assert_eq!(call["status"], "initiated");
        assert_eq!(call["twilio_sid"], Value::Null);
        let id = text(&call["call_id"]);
        assert_eq!(answer.header("location"), format!("/calls/{id}"));
        let read = api.get(&format!("/calls/{id}")).await;
        assert_eq!(read.text(), answer.text());
        let stored = the_call(&api).await;
        assert_eq!(stored.get_str("dial_outcome").ok(), Some("unknown"));
        assert_eq!(stored.get_i32("answered_status").ok(), Some(202));
        api.post_with_key("k", &api.body()).await;
        assert_eq!(api.twilio.dials().await.len(), 1, "{fault}");
        api.assert_counted(1).await;
    }
}

#[tokio::test]
async fn webhook_settles_an_unknown_outcome() {
    let api = with_faults(json!([{ "on": "create", "action": "reset", "when": "after" }])).await;
    let id = text(&api.post(&api.body()).await.json()["call_id"]);
    let sid = &api.sids().await[0];
    let told = status_callback(&id, sid, "ringing", 1)
        .send(&status_router(&api.stage))
        .await;
    assert_eq!(told.status, 200);
    let call = api.call(&id).await;
    assert_eq!(call["dial_outcome"], "accepted");
    assert_eq!(call["twilio_sid"], **sid);
    assert_eq!(call["status"], "ringing");
}

#[tokio::test]
async fn stalled_response_leaves_the_outcome_unknown_within_its_budget() {
    let api = with_faults(
        json!([{ "on": "create", "action": "stall", "when": "after", "delay_ms": 30_000 }]),
    )
    .await;
    let begun = Instant::now();
    let answer = api.post(&api.body()).await;
    assert!(
        begun.elapsed() < Duration::from_secs(13),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(answer.status, 202, "{}", answer.text());
    assert_eq!(answer.json()["dial_outcome"], "unknown");
    assert_eq!(api.twilio.calls().await.len(), 1);
}

#[tokio::test]
async fn unreachable_twilio_frees_the_key() {
    let api = Api::with(|stage| stage.set("TWILIO_API_BASE_URL", "http://127.0.0.1:1")).await;
    let answer = api.post_with_key("k", &api.body()).await;
    answer.assert_problem(502, "twilio_unreachable");
    assert_eq!(answer.json().get("twilio_code"), None);
    assert_eq!(answer.header("retry-after"), "5");
    let stored = the_call(&api).await;
    assert_eq!(stored.get_str("status").ok(), Some("failed"));
    assert_eq!(stored.get_str("dial_outcome").ok(), Some("refused"));
    api.assert_counted(0).await;
    assert!(!stored.contains_key("idempotency_scope"));
    let again = api.post_with_key("k", &api.body()).await;
    again.assert_problem(502, "twilio_unreachable");
    assert_eq!(again.header("idempotent-replayed"), "");
    assert_eq!(api.stage.count("calls").await, 2);

    let reached = router(&api.stage.clone().playing(&api.twilio));
    let answer = with_key("k", &api.body()).send(&reached).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.header("idempotent-replayed"), "");
    let repeat = with_key("k", &api.body()).send(&reached).await;
    assert_eq!(repeat.header("idempotent-replayed"), "true");
    assert_eq!(repeat.json()["call_id"], answer.json()["call_id"]);
    assert_eq!(api.twilio.dials().await.len(), 1);
    api.assert_counted(1).await;
}

#[tokio::test]
async fn lasting_rate_limit_frees_the_key() {
    let api = with_faults(json!([{ "on": "create", "action": "rate_limit" }])).await;
    let answer = api.post_with_key("k", &api.body()).await;
    answer.assert_problem(502, "twilio_refused");
    assert_eq!(answer.header("retry-after"), "5");
    api.twilio.faults(&json!({})).await;
    let mut other = api.body();
    other["script"] = json!("Another.");
    let answer = api.post_with_key("k", &other).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.header("idempotent-replayed"), "");
    assert_eq!(api.twilio.calls().await.len(), 1);
    api.assert_counted(1).await;
}

#[tokio::test]
async fn call_is_stored_before_the_dial() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let api = Api::with(|stage| stage.set("TWILIO_API_BASE_URL", &url)).await;
    let twilio = async {
        let (mut asked, _) = listener.accept().await.unwrap();
        let mut first = [0; 4];
        asked.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"POST");
        let stored = the_call(&api).await;
        assert_eq!(stored.get_str("status").ok(), Some("initiated"));
        assert_eq!(stored.get_str("dial_outcome").ok(), Some("pending"));
        assert!(!stored.contains_key("twilio_sid"));
        api.assert_counted(1).await;
    };
    let body = api.body();
    let (answer, ()) = tokio::join!(api.post(&body), twilio);
    assert_eq!(answer.status, 202, "{}", answer.text());
}

#[tokio::test]
async fn webhook_before_twilios_response_is_kept() {
    let api = with_faults(
        json!([{ "on": "create", "action": "stall", "when": "after", "delay_ms": 1_500 }]),
    )
    .await;
    let webhooks = async {
        let sid = eventually("Twilio has the call", async || api.sids().await.pop()).await;
        let stored = the_call(&api).await;
        let id = stored.get_str("call_id").unwrap();
        let status = status_router(&api.stage);
        for (sequence, word) in [(0, "initiated"), (1, "ringing"), (2, "in-progress")] {
            assert_eq!(
                status_callback(id, &sid, word, sequence)
                    .send(&status)
                    .await
                    .status,
                200
            );
        }
        sid
    };
    let body = api.body();
    let (answer, sid) = tokio::join!(api.post_with_key("k", &body), webhooks);
    assert_eq!(answer.status, 201, "{}", answer.text());
    let call = answer.json();
    assert_eq!(call["status"], "in-progress");
    assert_eq!(call["twilio_sid"], *sid);
    assert_eq!(call["dial_outcome"], "accepted");
    assert_eq!(call["events"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn webhook_before_a_lost_response_settles_the_outcome() {
    let api = with_faults(
        json!([{ "on": "create", "action": "stall", "when": "after", "delay_ms": 30_000 }]),
    )
    .await;
    let webhook = async {
        let sid = eventually("Twilio has the call", async || api.sids().await.pop()).await;
        let stored = the_call(&api).await;
        let id = stored.get_str("call_id").unwrap();
        status_callback(id, &sid, "ringing", 1)
            .send(&status_router(&api.stage))
            .await;
    };
    let body = api.body();
    let (answer, ()) = tokio::join!(api.post(&body), webhook);
    assert_eq!(answer.status, 202, "{}", answer.text());
    assert_eq!(answer.json()["dial_outcome"], "accepted");
    assert_eq!(answer.json()["status"], "ringing");
}

#[tokio::test]
async fn idle_connection_closed_by_twilio_is_replaced() {
    let twilio = Twilio::start().await;
    let mut stage = Stage::new().await;
    let proxy = testkit::Proxy::to(&twilio.address().to_string()).await;
    stage = stage.set(
        "TWILIO_API_BASE_URL",
        &format!("http://{}", proxy.address()),
    );
    let api = Api::of(stage, twilio).await;
    assert_eq!(api.post(&api.body()).await.status, 201);
    proxy.cut();
    proxy.restore();
    let next = api.post(&api.body()).await;
    assert_eq!(next.status, 201, "{}", next.text());
    assert_eq!(api.twilio.dials().await.len(), 2);
}
