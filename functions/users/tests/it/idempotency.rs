//! Tests that requests with one `Idempotency-Key` create one user.

use serde_json::{Value, json};
use testkit::{Answer, Request, Stage};

use crate::support::{ada, function};

async fn post(router: &axum::Router, key: &str, body: &Value) -> Answer {
    Request::post("/users", body)
        .header("idempotency-key", key)
        .send(router)
        .await
}

#[tokio::test]
async fn repeat_gets_the_first_status_and_the_current_user() {
    let router = function(&Stage::new().await);
    let first = post(&router, "k", &ada()).await;
    assert_eq!(first.status, 201);
    assert_eq!(first.header("idempotent-replayed"), "");
    let location = first.header("location").to_owned();
    Request::new("PATCH", &location)
        .with_key(testkit::API_KEY)
        .json(&json!({"name": "Ada King"}))
        .send(&router)
        .await;
    let again = post(&router, "k", &ada()).await;
    assert_eq!(again.status, 201);
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.header("location"), location);
    assert_eq!(again.json()["name"], "Ada King");
    let list = Request::get("/users").send(&router).await;
    assert_eq!(list.json()["total"], 1);
}

#[tokio::test]
async fn different_request_with_the_same_key_is_rejected() {
    let router = function(&Stage::new().await);
    post(&router, "k", &ada()).await;
    let mut other = ada();
    other["name"] = "Grace".into();
    post(&router, "k", &other)
        .await
        .assert_problem(422, "idempotency_key_reused");
    post(&router, "", &other)
        .await
        .assert_problem(422, "validation_failed");
}

#[tokio::test]
async fn requests_without_a_key_are_independent() {
    let router = function(&Stage::new().await);
    assert_eq!(
        Request::post("/users", &ada()).send(&router).await.status,
        201
    );
    Request::post("/users", &ada())
        .send(&router)
        .await
        .assert_problem(409, "email_taken");
    post(&router, "k", &ada())
        .await
        .assert_problem(409, "email_taken");
}

#[tokio::test]
async fn concurrent_requests_with_one_key_create_one_user() {
    let stage = Stage::new().await;
    let routers = [function(&stage), function(&stage), function(&stage)];
    let body = ada();
    let answers = tokio::join!(
        post(&routers[0], "k", &body),
        post(&routers[1], "k", &body),
        post(&routers[2], "k", &body)
    );
    let answers = [answers.0, answers.1, answers.2];
    let ids: Vec<_> = answers
        .iter()
        .map(|answer| answer.json()["id"].clone())
        .collect();
    assert!(
        answers.iter().all(|answer| answer.status == 201),
        "{answers:?}"
    );
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}
