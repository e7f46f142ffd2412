//! Tests that requests with one `Idempotency-Key` create one batch.

use axum::Router;
use serde_json::{Value, json};
use testkit::{Answer, Request};

use crate::support::{Api, router};

async fn post(router: &Router, body: &Value) -> Answer {
    let request = Request::post("/batches", body).header("idempotency-key", "june");
    request.send(router).await
}

#[tokio::test]
async fn repeat_gets_the_batch_as_it_is_now() {
    let api = Api::new().await;
    let first = post(&api.router, &api.body()).await;
    assert_eq!(first.status, 201, "{}", first.text());
    assert_eq!(first.header("idempotent-replayed"), "");
    let id = first.json()["batch_id"].as_str().unwrap().to_owned();
    api.change(&id, "cancel").await;
    let again = post(&api.router, &api.body()).await;
    assert_eq!(again.status, 201);
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.json()["batch_id"], id.as_str());
    assert_eq!(again.json()["status"], "canceled");
    let mut other = api.body();
    other["name"] = json!("July");
    let answer = post(&api.router, &other).await;
    answer.assert_problem(422, "idempotency_key_reused");
    assert_eq!(api.stage.count("batches").await, 1);
}

#[tokio::test]
async fn concurrent_repeats_create_one_batch() {
    let api = Api::new().await;
    let routers = [(); 3].map(|()| router(&api.stage));
    let body = api.body();
    let answers = tokio::join!(
        post(&routers[0], &body),
        post(&routers[1], &body),
        post(&routers[2], &body)
    );
    let ids = [answers.0, answers.1, answers.2].map(|answer| {
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()["batch_id"].clone()
    });
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(api.stage.count("batches").await, 1);
}
