//! The router of `users`, and requests with valid bodies.

use axum::Router;
use mongodb::bson::DateTime;
use outdial::domain::CallStatus;
use serde_json::{Value, json};
use testkit::{Request, Stage};

/// Returns the function on this stage.
pub fn function(stage: &Stage) -> Router {
    users::router(users::App::from_settings(&stage.settings()).unwrap())
}

/// Returns a new stage, and the function on it.
pub async fn start() -> (Stage, Router) {
    let stage = Stage::new().await;
    let function = function(&stage);
    (stage, function)
}

/// Returns a valid body of `POST /users`.
pub fn ada() -> Value {
    json!({"name": "Ada Lovelace", "email": "ada@example.com", "phone_number": "+12125550123"})
}

/// Creates a user. Returns the body of the response.
pub async fn create(function: &Router, body: &Value) -> Value {
    let answer = Request::post("/users", body).send(function).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

/// Creates a user. Returns the path of the user.
pub async fn create_ada(function: &Router) -> String {
    format!("/users/{}", text(&create(function, &ada()).await, "id"))
}

pub fn text<'a>(body: &'a Value, field: &str) -> &'a str {
    body[field]
        .as_str()
        .unwrap_or_else(|| panic!("{field} of {body}"))
}

pub async fn stored_users(stage: &Stage) -> u64 {
    stage.count("users").await
}

/// Stores a call of the user, created this many seconds after the epoch.
pub async fn store_call(stage: &Stage, user: &str, status: CallStatus, at: i64) -> String {
    let call = stage.call(|call| {
        user.clone_into(&mut call.user_id);
        call.status = status;
        call.twilio_sid = None;
        call.dial_outcome = None;
        call.created_at = DateTime::from_millis(at * 1_000);
        call.updated_at = call.created_at;
    });
    call.await.call_id.to_string()
}

/// Returns true if the text is RFC 3339 in UTC with milliseconds and a `Z`, and within a minute of now.
pub fn is_recent(text: &str) -> bool {
    let Ok(at) = DateTime::parse_rfc3339_str(text) else {
        return false;
    };
    let age = DateTime::now().timestamp_millis() - at.timestamp_millis();
    text.len() == "2026-01-01T00:00:00.000Z".len() && text.ends_with('Z') && age.abs() < 60_000
}
