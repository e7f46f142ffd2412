use std::time::{Duration, Instant};

use axum::Router;
use mongodb::bson::DateTime;
use serde_json::{Value, json};
use testkit::{ACCOUNT_SID, ApiDocument, Proxy, Request, Stage, Twilio};

fn function(stage: &Stage) -> Router {
    health::router(health::App::from_settings(&stage.settings()).unwrap())
}

fn at(stage: Stage, twilio: &str) -> Stage {
    stage.set("TWILIO_API_BASE_URL", twilio)
}

/// The answer to somebody without a key, and how long it took.
async fn ask(function: &Router) -> (u16, Value, Duration) {
    let begun = Instant::now();
    let request = Request::new("GET", "/health");
    let answer = request.send(function).await;
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
    ApiDocument::new(&outdial::http::openapi::document([health::openapi()]))
        .check(&request, &answer);
    (answer.status.as_u16(), answer.json(), begun.elapsed())
}

async fn looks_at_the_account(twilio: &Twilio) -> usize {
    twilio
        .requests("GET", &format!("/Accounts/{ACCOUNT_SID}.json"))
        .await
        .len()
}

#[tokio::test]
async fn everything_up_is_healthy() {
    let twilio = Twilio::start().await;
    let function = function(&at(Stage::new().await, twilio.url()));
    let (status, body, _) = ask(&function).await;
    assert_eq!(status, 200, "{body}");
    let mut fields: Vec<_> = body
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        ["database", "status", "timestamp", "twilio", "version"]
    );
    assert_eq!(
        (&body["status"], &body["database"], &body["twilio"]),
        (&json!("healthy"), &json!("up"), &json!("up"))
    );
    assert_eq!(body["version"], env!("CARGO_PKG_VERSION"));
    let timestamp = DateTime::parse_rfc3339_str(body["timestamp"].as_str().unwrap()).unwrap();
    assert!((DateTime::now().timestamp_millis() - timestamp.timestamp_millis()).abs() < 60_000);
}

#[tokio::test]
async fn twilio_is_asked_once_in_a_while_however_often_we_are() {
    let twilio = Twilio::start().await;
    let function = function(&at(Stage::new().await, twilio.url()));
    let asked = tokio::join!(ask(&function), ask(&function), ask(&function));
    assert_eq!([asked.0.0, asked.1.0, asked.2.0], [200; 3]);
    for _ in 0..5 {
        assert_eq!(ask(&function).await.0, 200);
    }
    assert_eq!(looks_at_the_account(&twilio).await, 1);
}

#[tokio::test]
async fn a_twilio_that_is_away_is_named_and_not_asked_again_at_once() {
    let twilio = Twilio::start().await;
    let proxy = Proxy::to(&twilio.address().to_string()).await;
    proxy.cut();
    let function = function(&at(
        Stage::new().await,
        &format!("http://{}", proxy.address()),
    ));
    let (status, body, elapsed) = ask(&function).await;
    assert_eq!((status, &body["status"]), (503, &json!("unhealthy")));
    assert_eq!(
        (&body["database"], &body["twilio"]),
        (&json!("up"), &json!("down"))
    );
    assert!(elapsed < Duration::from_secs(3), "{elapsed:?}");
    proxy.restore();
    assert_eq!(ask(&function).await.0, 503);
    assert_eq!(looks_at_the_account(&twilio).await, 0);
}

#[tokio::test]
async fn a_twilio_that_refuses_our_credentials_is_down() {
    let twilio = Twilio::start().await;
    let stage = at(Stage::new().await, twilio.url()).set("TWILIO_AUTH_TOKEN", "another token");
    let (status, body, _) = ask(&function(&stage)).await;
    assert_eq!((status, &body["twilio"]), (503, &json!("down")));
}

#[tokio::test]
async fn a_silent_twilio_or_database_costs_two_seconds() {
    let twilio = Twilio::start().await;
    let proxy = Proxy::to(&twilio.address().to_string()).await;
    let (stage, database) = at(Stage::new().await, &format!("http://{}", proxy.address()))
        .behind_proxy()
        .await;
    proxy.stall();
    database.stall();
    let (status, body, elapsed) = ask(&function(&stage)).await;
    assert_eq!(status, 503);
    assert_eq!(
        (&body["database"], &body["twilio"]),
        (&json!("down"), &json!("down"))
    );
    assert!(
        elapsed < Duration::from_secs(3),
        "side by side: {elapsed:?}"
    );
}

#[tokio::test]
async fn a_database_that_is_away_is_named_until_it_is_back() {
    let twilio = Twilio::start().await;
    let (stage, database) = at(Stage::new().await, twilio.url()).behind_proxy().await;
    let function = function(&stage);
    assert_eq!(ask(&function).await.0, 200);
    database.cut();
    let (status, body, elapsed) = ask(&function).await;
    assert_eq!(status, 503, "{body}");
    assert_eq!(
        (&body["database"], &body["twilio"]),
        (&json!("down"), &json!("up"))
    );
    assert!(elapsed < Duration::from_secs(3), "{elapsed:?}");
    database.restore();
    let (status, body, _) = ask(&function).await;
    assert_eq!(status, 200, "{body}");
}
