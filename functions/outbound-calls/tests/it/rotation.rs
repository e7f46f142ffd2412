//! Changes of the secret while the functions run, in a separate Secrets Manager.

use std::time::Duration;

use outbound_calls::App;
use outdial::config::{RefreshPolicy, Settings};
use serde_json::{Value, json};
use testkit::{API_KEY, Answer, Request, Secret, ServerUri, Stage, api_key, secret_with};

use crate::support::{Api, QUEUED, status_callback};

/// A router whose secret changes after the init phase.
async fn rotated(api: &Api, from: &Value, to: &Value) -> axum::Router {
    let secret = Secret::holding(from).await;
    let router = router(&api.stage.settings_by(&secret).await);
    secret.rotate(to).await;
    router
}

fn router(settings: &Settings) -> axum::Router {
    outbound_calls::router(App::from_settings(settings).unwrap())
}

async fn read_with_key(router: &axum::Router, key: &str) -> Answer {
    let path = format!("/calls/{}", outdial::domain::CallId::generate());
    Request::new("GET", &path).with_key(key).send(router).await
}

/// The response to an authenticated caller: there is no such call.
const IN: u16 = 404;

#[tokio::test]
async fn new_api_key_works_at_once_and_the_replaced_one_stops() {
    let api = Api::new().await;
    let old = secret_with(&json!({}));
    let new = secret_with(&json!({ "API_KEYS": api_key("tester", "a new key", "") }));
    let router = rotated(&api, &old, &new).await;
    assert_eq!(read_with_key(&router, API_KEY).await.status, IN);
    assert_eq!(read_with_key(&router, "a new key").await.status, IN);
    assert_eq!(read_with_key(&router, API_KEY).await.status, 401);
}

#[tokio::test]
async fn unknown_key_refreshes_the_secret_once_a_minute() {
    let api = Api::new().await;
    let secret = Secret::holding(&secret_with(&json!({}))).await;
    let router = router(&api.stage.settings_by(&secret).await);
    assert_eq!(read_with_key(&router, "a new key").await.status, 401);
    let new = secret_with(&json!({ "API_KEYS": api_key("tester", "a new key", "") }));
    secret.rotate(&new).await;
    assert_eq!(read_with_key(&router, "a new key").await.status, 401);
    assert_eq!(read_with_key(&router, API_KEY).await.status, IN);
}

#[tokio::test]
async fn revoked_key_is_refused_after_the_next_refresh() {
    let api = Api::new().await;
    let secret = Secret::holding(&secret_with(&json!({}))).await;
    let pauses = RefreshPolicy {
        max_age: Duration::ZERO,
        ..RefreshPolicy::default()
    };
    let old = api
        .stage
        .settings_with_refresh_policy(&secret, pauses)
        .await;
    let fresh = api.stage.settings_by(&secret).await;
    let new = secret_with(&json!({ "API_KEYS": api_key("tester", "a new key", "") }));
    secret.rotate(&new).await;
    for (settings, status) in [(fresh, IN), (old, 401)] {
        let router = router(&settings);
        settings.secret().unwrap().keep_fresh().await;
        assert_eq!(read_with_key(&router, API_KEY).await.status, status);
    }
}

#[tokio::test]
async fn malformed_secret_changes_nothing() {
    let api = Api::new().await;
    for malformed in [
        json!({}),
        secret_with(&json!({ "API_KEYS": "tester" })),
        json!([]),
        json!({ "API_KEYS": 1 }),
    ] {
        let router = rotated(&api, &secret_with(&json!({})), &malformed).await;
        assert_eq!(read_with_key(&router, "unknown").await.status, 401);
        assert_eq!(read_with_key(&router, API_KEY).await.status, IN);
    }
}

#[tokio::test]
async fn dial_with_a_replaced_token_is_made_once_with_the_new_one() {
    let api = Api::new().await;
    let old = secret_with(&json!({ "TWILIO_AUTH_TOKEN": "the-token-before" }));
    let router = rotated(&api, &old, &secret_with(&json!({}))).await;
    let answer = Request::post("/calls/outbound", &api.body_to(QUEUED))
        .send(&router)
        .await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let statuses: Vec<_> = api
        .twilio
        .dials()
        .await
        .iter()
        .map(|dial| dial["status"].as_u64().unwrap())
        .collect();
    assert_eq!(statuses, [401, 201]);
    assert_eq!(api.twilio.calls().await.len(), 1);
}

#[tokio::test]
async fn invalid_token_is_a_refusal() {
    let api = Api::new().await;
    let wrong = secret_with(&json!({ "TWILIO_AUTH_TOKEN": "the-token-before" }));
    let router = rotated(&api, &wrong, &wrong).await;
    let answer = Request::post("/calls/outbound", &api.body_to(QUEUED))
        .send(&router)
        .await;
    answer.assert_problem(502, "twilio_refused");
    assert_eq!(api.twilio.dials().await.len(), 1);
    api.assert_counted(0).await;
}

#[tokio::test]
async fn request_refused_by_the_database_succeeds_with_the_new_login() {
    let api = Api::new().await;
    let right = api.stage.variable("MONGO_URI").unwrap();
    let server = ServerUri::parse(right).unwrap();
    let wrong = server.with_login("nobody:secret");
    let router = rotated(
        &api,
        &secret_with(&json!({ "MONGO_URI": wrong })),
        &secret_with(&json!({ "MONGO_URI": right })),
    )
    .await;
    let answer = Request::post("/calls/outbound", &api.body_to(QUEUED))
        .send(&router)
        .await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    api.assert_counted(1).await;
}

#[tokio::test]
async fn webhook_signed_with_a_new_token_is_applied_and_a_forged_one_refused() {
    let stage = Stage::new().await;
    let call = stage.call(|_| ()).await;
    let old = secret_with(&json!({ "TWILIO_AUTH_TOKEN": "the-token-before" }));
    let secret = Secret::holding(&old).await;
    let settings = stage.settings_by(&secret).await;
    let router = status::router(status::App::from_settings(&settings).unwrap());
    secret.rotate(&secret_with(&json!({}))).await;
    let sid = call.twilio_sid.unwrap();
    let callback = status_callback(&call.call_id.to_string(), sid.as_str(), "ringing", 1);
    assert_eq!(callback.send(&router).await.status, 200);
    let stored = stage.stored(&call.call_id.to_string()).await;
    assert_eq!(stored.get_str("status").unwrap(), "ringing");

    let forged = callback.header("x-twilio-signature", "bm90IHR3aWxpbyBhdCBhbGw=");
    assert_eq!(forged.send(&router).await.status, 403);
}
