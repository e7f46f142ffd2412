//! Tests when the secret is read again, and what happens if that fails.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, routing::post};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{
    ROUNDS,
    support::{CREDENTIALS, Ended, run_as},
};

/// Starts a Secrets Manager that returns these secrets in turn, and then always the last one. Returns its endpoint and the
/// number of requests.
async fn holding_in_turn(secrets: &'static [&'static str]) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let serve = async move || {
        let turn = count.fetch_add(1, Ordering::Relaxed);
        let secret = secrets.get(turn).or(secrets.last());
        let media = [("content-type", "application/x-amz-json-1.1")];
        (media, json!({ "SecretString": secret }).to_string())
    };
    let router = Router::new().route("/", post(serve));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (endpoint, asked)
}

/// Runs a process that asks for renewed tokens. Returns the result of each attempt.
async fn refresh(who: &str, endpoint: &str) -> (Ended, Vec<Value>) {
    let mut variables = CREDENTIALS.to_vec();
    variables.push(("AWS_ENDPOINT_URL", endpoint));
    let ended = run_as("refresher", who, &variables).await;
    let refreshed = ended.lines.iter().filter(|line| line["level"] == "REFRESH");
    let renewed: Vec<_> = refreshed.map(|line| line["renewed"].clone()).collect();
    assert!(renewed.len() >= ROUNDS, "{:?}", ended.lines);
    (ended, renewed)
}

const ONE: &str = r#"{"TWILIO_AUTH_TOKEN": "one"}"#;

const TWO: &str = r#"{"TWILIO_AUTH_TOKEN": "two"}"#;

#[tokio::test]
async fn repeated_refreshes_read_the_secret_once_for_each_reason() {
    let (endpoint, asked) = holding_in_turn(&[ONE]).await;
    let (_, renewed) = refresh("everybody", &endpoint).await;
    assert!(renewed.iter().all(Value::is_null), "{renewed:?}");
    // The init phase, the first unknown token and the first refused token each read the secret. A slow run may read it again.
    let asked = asked.load(Ordering::Relaxed);
    assert!((3..6).contains(&asked), "{asked}");
}

#[tokio::test]
async fn changed_secret_is_read_on_the_first_unknown_token() {
    let (endpoint, _) = holding_in_turn(&[ONE, TWO]).await;
    let (_, renewed) = refresh("everybody", &endpoint).await;
    assert_eq!(renewed[0], "two");
    assert!(renewed[1..].iter().all(Value::is_null), "{renewed:?}");
}

#[tokio::test]
async fn failed_or_malformed_reading_keeps_the_last_values() {
    let (endpoint, asked) =
        holding_in_turn(&[ONE, "{", "[]", "", r#"{"API_KEYS": ""}"#, TWO]).await;
    let (_, renewed) = refresh("impatient", &endpoint).await;
    let first = renewed.iter().position(|token| !token.is_null());
    let token = first.map(|first| &renewed[first]);
    assert_eq!(token, Some(&json!("two")), "{renewed:?}");
    assert_eq!(asked.load(Ordering::Relaxed), 1 + 3 * ROUNDS);
}

#[tokio::test]
async fn silent_service_delays_unknown_tokens_once_a_minute() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let serve = async move || {
        if count.fetch_add(1, Ordering::Relaxed) > 0 {
            std::future::pending::<()>().await;
        }
        let media = [("content-type", "application/x-amz-json-1.1")];
        (media, json!({ "SecretString": ONE }).to_string())
    };
    let router = Router::new().route("/", post(serve));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let (ended, renewed) = refresh("stranger", &endpoint).await;
    assert!(renewed.iter().all(Value::is_null), "{renewed:?}");
    assert!(
        ended.elapsed < Duration::from_secs(5),
        "{:?}",
        ended.elapsed
    );
}
