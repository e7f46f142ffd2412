//! The output of functions after a refusal by Twilio or a rule, or without a database.

use std::collections::{BTreeMap, BTreeSet};

use axum::Router;
use axum::http::StatusCode;
use reqwest::Method;
use serde_json::json;
use testkit::{Stage, api_key};
use tokio::net::TcpListener;

use super::host::{Host, send};
use super::lines::Lines;
use super::marks::{self, API_KEY_SECRET, KEY, NUMBER, PASSWORD, SCRIPT};
use super::scenario::{long_ago, until};
use crate::{outdial_on, succeed};

#[tokio::test]
async fn refusal_by_twilio_is_logged_without_the_number_it_quotes() {
    let words = format!("The 'To' number {NUMBER} is not a valid phone number.");
    let refusal = json!({ "code": 21211, "message": words, "status": 400 }).to_string();
    let router = Router::new().fallback(async move || (StatusCode::BAD_REQUEST, refusal.clone()));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let stage = Stage::new().await;
    let user_id = stage.user().await;
    let call = stage.call(|call| call.updated_at = long_ago()).await;
    let stage = stage
        .set("TWILIO_API_BASE_URL", &url)
        .set("TWILIO_API_KEY_SID", "SK0123456789abcdef0123456789abcdef")
        .set("TWILIO_API_KEY_SECRET", API_KEY_SECRET)
        .set("API_KEYS", &api_key("backend", KEY, ""))
        .set("CALL_TIME_LIMIT_SECONDS", "1")
        .set("CALL_RING_TIMEOUT_SECONDS", "1");
    let host = Host::start(&stage, "TRACE");
    let order = json!({ "user_id": user_id, "to_number": NUMBER, "script": SCRIPT });
    let request = host
        .request(Method::POST, "/calls/outbound")
        .bearer_auth(KEY);
    let refused = send(request.json(&order)).await;
    assert_eq!(
        (refused.status, refused.field("twilio_message")),
        (422, words)
    );
    let hangup = format!("/calls/{}/hangup", call.call_id);
    let hangup = host.request(Method::POST, &hangup).bearer_auth(KEY);
    assert_eq!(send(hangup).await.status, 502);
    until("question by reconcile", async || {
        host.invoke("reconcile", &json!({})).await;
        host.printed()
            .contains("Twilio request failed")
            .then_some(())
    })
    .await;

    let printed = host.printed();
    assert_eq!(marks::find(&printed), []);
    let lines = Lines::read(&printed);
    lines.assert_context();
    let refused = lines.with("message", "dial refused");
    assert_eq!(
        refused[0]["refusal"],
        "The 'To' number +*********13 is not a valid phone number."
    );
    let answered = lines.with("twilio_code", 21211);
    let levels: Vec<_> = answered
        .iter()
        .map(|line| (&line["status"], &line["level"]))
        .collect();
    assert_eq!(
        levels,
        [
            (&json!(422), &json!("WARN")),
            (&json!(502), &json!("ERROR"))
        ]
    );
    let asked = lines.with("message", "Twilio request failed");
    assert_eq!(asked[0]["call_id"], call.call_id.to_string());
    let outcome = Some(("Outcome", "refused"));
    assert!(lines.sum("DialOutcomes", outcome) > 0.5);
}

#[tokio::test]
async fn metrics_and_context_are_printed_at_log_level_error() {
    let uri = format!("mongodb://quillfeather:{PASSWORD}@127.0.0.1:1/?directConnection=true");
    let stage = Stage::new()
        .await
        .set("API_KEYS", &api_key("backend", KEY, ""))
        .set("MONGO_URI", &uri);
    let host = Host::start(&stage, "ERROR");
    let get = || host.request(Method::GET, "/users?email=quillfeather@example.com");
    assert_eq!(send(get()).await.status, 401);
    assert_eq!(send(get().bearer_auth(KEY)).await.status, 503);
    host.invoke("reconcile", &json!({})).await;

    let printed = host.printed();
    assert_eq!(marks::find(&printed), []);
    let lines = Lines::read(&printed);
    assert_eq!(lines.all("level"), BTreeSet::from(["ERROR"]));
    lines.assert_context();
    assert_eq!(lines.with("message", "answered").len(), 1);
    assert_eq!(lines.with("message", "failed").len(), 1);
    assert!(lines.sum("UnauthorizedRequests", None) > 0.5);
    let faults = lines.sum("Faults", None);
    assert!((faults - 1.0).abs() < 0.5, "one 503, and a 401: {faults}");
}

#[tokio::test]
async fn kill_switch_is_counted_as_a_rule_and_not_as_a_fault() {
    let stage = Stage::new()
        .await
        .set("API_KEYS", &api_key("backend", KEY, ""));
    let user_id = stage.user().await;
    succeed(&mut outdial_on(&stage, &["dialing", "off"]));
    let host = Host::start(&stage, "INFO");
    let order = json!({ "user_id": user_id, "to_number": NUMBER, "script": SCRIPT });
    let request = host
        .request(Method::POST, "/calls/outbound")
        .bearer_auth(KEY);
    let refused = send(request.json(&order)).await;
    assert_eq!(
        (refused.status, refused.field("code")),
        (503, "dialing_off".to_owned())
    );

    let lines = Lines::read(&host.printed());
    let counted: Vec<_> = lines.metrics.keys().collect();
    let rule = BTreeMap::from([("Rule".to_owned(), "dialing_off".to_owned())]);
    assert_eq!(counted, [&("RefusedCalls".to_owned(), rule)]);
}
