use std::time::{Duration, Instant};

use mongodb::bson::{Bson, Document, doc};
use serde_json::{Value, json};
use testkit::{Stage, Twilio, new_sid};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::support::{Api, eventually, router, status_callback, status_router, text, with_key};

async fn with_faults(rest: Value) -> Api {
    let api = Api::new().await;
    api.twilio.faults(&json!({ "rest": rest })).await;
    api
}

/// The one call that is stored.
async fn the_call(api: &Api) -> Document {
    assert_eq!(api.stage.count("calls").await, 1);
    let calls = api.stage.database().collection("calls");
    calls.find_one(doc! {}).await.unwrap().unwrap()
}

#[tokio::test]
async fn twilio_refuses_its_test_numbers_and_its_code_is_told() {
    let api = Api::new().await;
    for (number, code) in [
        ("+15005550001", 21217),
        ("+15005550002", 21214),
        ("+15005550003", 21215),
        ("+15005550004", 21216),
    ] {
        let answer = api.post(&api.body_to(number)).await;
        answer.assert_problem(422, "twilio_refused");
        assert_eq!(answer.fields(), ["to_number"]);
        let body = answer.json();
        assert_eq!(body["twilio_code"], code);
        let message = text(&body["twilio_message"]);
        assert!(
            !message.is_empty() && text(&body["detail"]).contains(&message),
            "{body}"
        );
    }
    api.assert_counted(0).await;
}

#[tokio::test]
async fn a_refused_call_is_stored_as_failed_with_twilios_code() {
    let api =
        with_faults(json!([{ "on": "create", "action": "refuse", "status": 400, "code": 21216 }]))
            .await;
    let answer = api.post(&api.body()).await;
    answer.assert_problem(422, "twilio_refused");
    let stored = the_call(&api).await;
    for (field, value) in [
        ("status", Bson::from("failed")),
        ("dial_outcome", "refused".into()),
        ("error_code", 21216.into()),
        ("error_message", "Refused by the fault plan".into()),
        ("answered_status", 422.into()),
    ] {
        assert_eq!(stored.get(field), Some(&value), "{field}");
    }
    assert!(!stored.contains_key("twilio_sid"));
    let call = api.call(stored.get_str("call_id").unwrap()).await;
    assert_eq!(call["error_code"], 21216);
    let events = call["events"].as_array().unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(
        (&events[0]["status"], &events[0]["source"]),
        (&json!("failed"), &json!("api"))
    );
    assert_eq!(api.twilio.dials().await.len(), 1);
    api.assert_counted(0).await;
}

#[tokio::test]
async fn only_a_refusal_of_the_number_is_the_clients_fault() {
    for (code, status) in [
        (21202, 422),
        (21203, 422),
        (21211, 422),
        (21219, 422),
        (13223, 422),
        (13224, 422),
        (13225, 422),
        (13226, 422),
        (13227, 422),
        (21201, 502),
        (21210, 502),
        (21212, 502),
        (21205, 502),
        (13214, 502),
        (20403, 502),
        (10004, 502),
    ] {
        let api = with_faults(
            json!([{ "on": "create", "action": "refuse", "status": 400, "code": code }]),
        )
        .await;
        let answer = api.post(&api.body()).await;
        answer.assert_problem(status, "twilio_refused");
        assert_eq!(answer.json()["twilio_code"], code);
        let named = answer.fields();
        assert_eq!(!named.is_empty(), status == 422, "{code}: {named:?}");
        let stored = the_call(&api).await;
        assert_eq!(stored.get_i32("answered_status").ok(), Some(status.into()));
        api.assert_counted(0).await;
    }
}

/// Earlier versions answered 502 to every refusal of Twilio's.
#[tokio::test]
async fn the_stored_answer_of_an_earlier_version_is_replayed_as_it_was_given() {
    let api =
        with_faults(json!([{ "on": "create", "action": "refuse", "status": 400, "code": 21216 }]))
            .await;
    api.post_with_key("k", &api.body()).await;
    let calls = api.stage.database().collection::<Document>("calls");
    for (stored, told) in [
        (Bson::from(502), 502),
        (Bson::from(422), 422),
        (Bson::Null, 502),
    ] {
        let answered = doc! { "$set": { "answered_status": stored } };
        calls.update_one(doc! {}, answered).await.unwrap();
        let repeat = api.post_with_key("k", &api.body()).await;
        repeat.assert_problem(told, "twilio_refused");
        assert_eq!(repeat.header("idempotent-replayed"), "true");
        assert_eq!(repeat.json()["twilio_code"], 21216);
        assert_eq!(repeat.fields().is_empty(), told == 502);
    }
    assert_eq!(api.twilio.dials().await.len(), 1);
}

#[tokio::test]
async fn a_busy_twilio_leaves_the_key_free_whatever_its_code() {
    let api =
        with_faults(json!([{ "on": "create", "action": "refuse", "status": 429, "code": 21211 }]))
            .await;
    let answer = api.post_with_key("k", &api.body()).await;
    answer.assert_problem(502, "twilio_refused");
    assert_eq!(answer.header("retry-after"), "5");
}

#[tokio::test]
async fn twilio_that_does_not_know_us_refuses() {
    let api =
        with_faults(json!([{ "on": "create", "action": "refuse", "status": 401, "code": 20003 }]))
            .await;
    let answer = api.post(&api.body()).await;
    answer.assert_problem(502, "twilio_refused");
    assert_eq!(answer.json()["twilio_code"], 20003);
    assert_eq!(api.twilio.dials().await.len(), 1);
}

#[tokio::test]
async fn a_busy_twilio_is_asked_again_and_dials_once() {
    let api =
        with_faults(json!([{ "on": "create", "action": "rate_limit", "requests": [1, 2] }])).await;
    let answer = api.post(&api.body()).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(api.twilio.dials().await.len(), 3);
    assert_eq!(api.twilio.calls().await.len(), 1);
    assert_eq!(api.stage.count("calls").await, 1);
}

#[tokio::test]
async fn a_twilio_that_stays_busy_refuses_in_the_end() {
    let api = with_faults(json!([{ "on": "create", "action": "rate_limit" }])).await;
    let begun = Instant::now();
    let answer = api.post(&api.body()).await;
    assert!(begun.elapsed() < Duration::from_secs(12));
    answer.assert_problem(502, "twilio_refused");
    assert_eq!(answer.json()["twilio_code"], 20429);
    let dials = api.twilio.dials().await.len();
    assert!((2..=5).contains(&dials), "{dials}");
    assert_eq!(api.twilio.calls().await.len(), 0);
    assert_eq!(
        the_call(&api).await.get_str("dial_outcome").ok(),
        Some("refused")
    );
    api.assert_counted(0).await;
}

#[tokio::test]
async fn an_answer_that_is_lost_leaves_the_outcome_unknown_and_never_dials_again() {
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
async fn a_webhook_settles_an_unknown_outcome() {
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
async fn a_twilio_that_stalls_leaves_the_outcome_unknown_within_its_budget() {
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
async fn a_twilio_that_cannot_be_reached_leaves_the_key_free() {
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
async fn a_twilio_that_was_too_busy_leaves_the_key_free() {
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
async fn the_call_is_stored_before_twilio_is_asked() {
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
async fn a_webhook_that_is_faster_than_twilios_answer_is_not_undone() {
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
async fn a_webhook_that_is_faster_than_a_lost_answer_has_settled_it() {
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
async fn a_connection_that_twilio_closes_while_it_idles_does_not_matter() {
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

#[tokio::test]
async fn a_refusal_of_a_call_that_a_webhook_has_told_of_is_none() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let api = Api::with(|stage| stage.set("TWILIO_API_BASE_URL", &url)).await;
    let twilio = async {
        let (mut asked, _) = listener.accept().await.unwrap();
        asked.read_exact(&mut [0; 4]).await.unwrap();
        let stored = the_call(&api).await;
        let id = stored.get_str("call_id").unwrap();
        let sid = new_sid();
        let told = status_callback(id, sid.as_str(), "ringing", 1);
        assert_eq!(told.send(&status_router(&api.stage)).await.status, 200);
        let refusal = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
        asked.write_all(refusal.as_bytes()).await.unwrap();
        sid
    };
    let body = api.body();
    let (answer, sid) = tokio::join!(api.post_with_key("k", &body), twilio);
    assert_eq!(answer.status, 202, "{}", answer.text());
    assert_eq!(answer.json()["status"], "ringing");
    assert_eq!(answer.json()["twilio_sid"], sid.as_str());
    api.assert_counted(1).await;
    let again = api.post_with_key("k", &body).await;
    assert_eq!(again.status, 202, "{}", again.text());
}
