//! Tests responses while the database is unavailable, and the recovery after that.

use std::time::{Duration, Instant};

use axum::Router;
use serde_json::json;
use testkit::{Proxy, Request, Stage};

use crate::support::{ada, create, create_ada, function, stored_users, text};

async fn behind_proxy() -> (Stage, Proxy, Router, String) {
    let (stage, proxy) = Stage::new().await.behind_proxy().await;
    let function = function(&stage);
    let path = create_ada(&function).await;
    (stage, proxy, function, path)
}

/// Asserts that every kind of request gets a 503 within five seconds.
async fn assert_all_unavailable(function: &Router, path: &str) {
    let mut bob = ada();
    bob["email"] = "bob@example.com".into();
    let calls = format!("{path}/calls");
    let requests = [
        Request::get("/users"),
        Request::get(path),
        Request::get(&calls),
        Request::post("/users", &bob),
        Request::new("PATCH", path)
            .with_key(testkit::API_KEY)
            .json(&json!({"name": "x"})),
        Request::new("DELETE", path).with_key(testkit::API_KEY),
    ];
    let answers = requests.map(|request| {
        let function = function.clone();
        tokio::spawn(async move {
            let begun = Instant::now();
            (request.send(&function).await, begun.elapsed())
        })
    });
    for answer in answers {
        let (answer, elapsed) = answer.await.unwrap();
        answer.assert_problem(503, "unavailable");
        assert!(answer.header("retry-after").parse::<u32>().is_ok());
        assert!(elapsed < Duration::from_secs(5), "{elapsed:?}");
        let words = answer.text();
        for inner in ["mongodb", "127.0.0.1", "Cause", "driver"] {
            assert!(!words.contains(inner), "{words}");
        }
    }
}

#[tokio::test]
async fn unreachable_database_is_503_until_it_is_back() {
    let (stage, proxy, function, path) = behind_proxy().await;
    proxy.cut();
    assert_all_unavailable(&function, &path).await;
    proxy.restore();
    let answer = Request::get(&path).send(&function).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(stored_users(&stage).await, 1);
}

#[tokio::test]
async fn silent_database_is_503_until_it_is_back() {
    let (_stage, proxy, function, path) = behind_proxy().await;
    proxy.stall();
    assert_all_unavailable(&function, &path).await;
    proxy.restore();
    let answer = Request::get(&path).send(&function).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn function_that_starts_during_an_outage_recovers() {
    let (stage, proxy) = Stage::new().await.behind_proxy().await;
    proxy.cut();
    let function = function(&stage);
    Request::get("/users")
        .send(&function)
        .await
        .assert_problem(503, "unavailable");
    proxy.restore();
    create(&function, &ada()).await;
}

#[tokio::test]
async fn connections_that_broke_while_idle_are_replaced() {
    let (_stage, proxy, function, path) = behind_proxy().await;
    proxy.cut();
    proxy.restore();
    assert_eq!(Request::get(&path).send(&function).await.status, 200);
    proxy.cut();
    proxy.restore();
    let mut bob = ada();
    bob["email"] = "bob@example.com".into();
    let created = create(&function, &bob).await;
    assert_eq!(text(&created, "email"), "bob@example.com");
}

#[tokio::test]
async fn invalid_requests_are_answered_without_the_database() {
    let (stage, proxy) = Stage::new().await.behind_proxy().await;
    proxy.cut();
    let function = function(&stage);
    let begun = Instant::now();
    Request::new("GET", "/users")
        .send(&function)
        .await
        .assert_problem(401, "unauthorized");
    Request::get("/users/none")
        .send(&function)
        .await
        .assert_problem(404, "not_found");
    Request::get("/users?page=0")
        .send(&function)
        .await
        .assert_problem(422, "validation_failed");
    Request::post("/users", &json!({}))
        .send(&function)
        .await
        .assert_problem(422, "validation_failed");
    assert!(begun.elapsed() < Duration::from_secs(2));
}
