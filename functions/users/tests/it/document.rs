//! Tests that requests and responses conform to the API document.

use axum::Router;
use outdial::domain::CallStatus;
use serde_json::json;
use testkit::{API_KEY, ApiDocument, Request, Stage};

use crate::support::{ada, create_ada, start, store_call};

fn document() -> ApiDocument {
    ApiDocument::new(&outdial::http::openapi::document([users::openapi()]))
}

async fn check(function: &Router, status: u16, request: Request) {
    let answer = request.send(function).await;
    assert_eq!(answer.status, status, "{}", answer.text());
    document().check(&request, &answer);
}

#[tokio::test]
async fn every_response_conforms_to_the_document() {
    let (stage, function) = start().await;
    let path = create_ada(&function).await;
    let user = path.trim_start_matches("/users/");
    for (at, status) in (1..).zip(CallStatus::ALL) {
        store_call(&stage, user, status, at).await;
    }
    let calls = format!("{path}/calls");
    let mut bob = ada();
    bob["email"] = "bob@example.com".into();
    let unknown = "/users/65f0a1b2c3d4e5f601234567";
    let change = |path: &str| Request::new("PATCH", path).with_key(API_KEY);
    for (status, request) in [
        (201, Request::post("/users", &bob)),
        (400, Request::post("/users", &ada()).body("{")),
        (401, Request::new("POST", "/users").json(&ada())),
        (409, Request::post("/users", &ada())),
        (
            413,
            Request::post("/users", &json!({"name": "a".repeat(70_000)})),
        ),
        (
            415,
            Request::post("/users", &ada()).header("content-type", "text/plain"),
        ),
        (422, Request::post("/users", &json!({}))),
        (200, Request::get("/users")),
        (200, Request::get("/users?page_size=1")),
        (401, Request::new("GET", "/users")),
        (422, Request::get("/users?page=0")),
        (200, Request::get(&path)),
        (404, Request::get(unknown)),
        (404, Request::get("/users/none")),
        (200, change(&path).json(&json!({"name": "Ada King"}))),
        (400, change(&path).json(&json!(1))),
        (404, change(unknown).json(&json!({"name": "Ada King"}))),
        (
            409,
            change(&path).json(&json!({"email": "bob@example.com"})),
        ),
        (
            413,
            change(&path).json(&json!({"name": "a".repeat(70_000)})),
        ),
        (415, change(&path).body("{}")),
        (422, change(&path).json(&json!({"name": null}))),
        (200, Request::get(&calls)),
        (
            200,
            Request::get(&format!("{calls}?status=busy&page_size=1")),
        ),
        (422, Request::get(&format!("{calls}?status=x"))),
        (404, Request::get(&format!("{unknown}/calls"))),
        (409, Request::new("DELETE", &path).with_key(API_KEY)),
        (404, Request::new("DELETE", unknown).with_key(API_KEY)),
    ] {
        check(&function, status, request).await;
    }
}

#[tokio::test]
async fn missing_scope_and_an_outage_are_in_the_document() {
    let key = testkit::api_key("caller", "calls", "calls:read");
    let (stage, proxy) = Stage::new()
        .await
        .set(
            "API_KEYS",
            &format!("{key},{}", testkit::api_key("all", "all", "")),
        )
        .behind_proxy()
        .await;
    let function = crate::support::function(&stage);
    proxy.cut();
    check(&function, 403, Request::get("/users").with_key("calls")).await;
    check(
        &function,
        403,
        Request::post("/users", &ada()).with_key("calls"),
    )
    .await;
    check(&function, 503, Request::get("/users").with_key("all")).await;
}

#[test]
fn document_and_parser_agree_on_bodies() {
    let document = document();
    for field in ["name", "email", "phone_number"] {
        assert!(
            document.schema("UserCreate")["required"]
                .as_array()
                .unwrap()
                .contains(&json!(field))
        );
        assert!(document.schema("UserCreate")["properties"][field]["example"].is_string());
        assert_eq!(
            document.schema("UserUpdate")["properties"][field]["type"],
            "string"
        );
    }
    assert_eq!(document.schema("UserUpdate")["required"], json!(null));
    for name in ["UserCreate", "UserUpdate"] {
        assert_eq!(document.schema(name)["additionalProperties"], false);
    }
}
