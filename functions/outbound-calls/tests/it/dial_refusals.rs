//! Tests what the caller gets, and what is stored, if Twilio refuses the dial.

use std::time::{Duration, Instant};

use mongodb::bson::{Bson, Document, doc};
use serde_json::json;
use testkit::new_sid;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::dialling::{the_call, with_faults};
use crate::support::{Api, status_callback, status_router, text};

#[tokio::test]
async fn refusal_of_a_test_number_has_twilios_code() {
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
async fn refused_call_is_stored_as_failed_with_twilios_code() {
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
async fn only_a_refusal_of_the_number_is_a_422() {
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

/// Earlier versions answered 502 to every refusal by Twilio.
#[tokio::test]
async fn stored_status_of_an_earlier_version_is_replayed() {
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
async fn rate_limit_with_any_code_frees_the_key() {
    let api =
        with_faults(json!([{ "on": "create", "action": "refuse", "status": 429, "code": 21211 }]))
            .await;
    let answer = api.post_with_key("k", &api.body()).await;
    answer.assert_problem(502, "twilio_refused");
    assert_eq!(answer.header("retry-after"), "5");
}

#[tokio::test]
async fn wrong_credentials_are_a_refusal() {
    let api =
        with_faults(json!([{ "on": "create", "action": "refuse", "status": 401, "code": 20003 }]))
            .await;
    let answer = api.post(&api.body()).await;
    answer.assert_problem(502, "twilio_refused");
    assert_eq!(answer.json()["twilio_code"], 20003);
    assert_eq!(api.twilio.dials().await.len(), 1);
}

#[tokio::test]
async fn lasting_rate_limit_is_a_refusal() {
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
async fn refusal_after_a_webhook_is_an_accepted_call() {
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
