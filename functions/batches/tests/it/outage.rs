//! Tests that an unavailable database is a 503, and that a repeat of the request stores the rest.

use serde_json::json;
use testkit::{Request, Stage};

use crate::support::{Api, router, some};

#[tokio::test]
async fn unavailable_database_is_a_503_and_nothing_is_lost() {
    let queue = "http://127.0.0.1:1/123456789012/dial";
    let (stage, proxy) = Stage::new()
        .await
        .set("DIAL_QUEUE_URL", queue)
        .behind_proxy()
        .await;
    let api = Api {
        user: stage.user().await,
        router: router(&stage),
        stage,
    };
    let id = api.batch().await;
    proxy.cut();
    let body = json!({ "recipients": some(3) });
    for request in [
        Request::post("/batches", &api.body()),
        Request::get("/batches"),
        Request::get(&format!("/batches/{id}")),
        Request::post(&format!("/batches/{id}/recipients"), &body),
        Request::new("POST", &format!("/batches/{id}/start")).with_key(testkit::API_KEY),
        Request::get(&format!("/batches/{id}/results")),
    ] {
        api.send(&request).await.assert_problem(503, "unavailable");
    }
    proxy.restore();
    let answer = api.add(&id, &some(3)).await;
    assert_eq!(
        answer.json(),
        json!({ "added": 3, "duplicates": 0, "total": 3 })
    );
}

#[tokio::test]
async fn lost_response_of_the_database_stores_nothing_twice() {
    let queue = "http://127.0.0.1:1/123456789012/dial";
    let (stage, proxy) = Stage::new()
        .await
        .set("DIAL_QUEUE_URL", queue)
        .behind_proxy()
        .await;
    let api = Api {
        user: stage.user().await,
        router: router(&stage),
        stage,
    };
    let id = api.batch().await;
    proxy.lose_answers_to(&["insert"]);
    api.add(&id, &some(3))
        .await
        .assert_problem(503, "unavailable");
    proxy.restore();
    let answer = api.add(&id, &some(4)).await;
    assert_eq!(
        answer.json(),
        json!({ "added": 1, "duplicates": 3, "total": 4 })
    );
    assert_eq!(api.stage.count("calls").await, 4);
}
