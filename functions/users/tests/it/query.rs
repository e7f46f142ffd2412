//! Tests that unknown and repeated query parameters are refused.

use serde_json::json;
use testkit::{API_KEY, Request};

use crate::support::{create_ada, start, stored_users};

#[tokio::test]
async fn every_route_refuses_unknown_parameters_by_name() {
    let (stage, function) = start().await;
    let path = create_ada(&function).await;
    let calls = format!("{path}/calls");
    for (method, path) in [
        ("GET", "/users"),
        ("POST", "/users"),
        ("GET", &path),
        ("PATCH", &path),
        ("DELETE", &path),
        ("GET", &calls),
    ] {
        for (query, fields) in [
            ("colour=red", &["colour"][..]),
            ("_=1764350000", &["_"]),
            ("Page=1&colour=red&colour=blue", &["Page", "colour"]),
            ("to_number=%2B12125550123", &["to_number"]),
        ] {
            let request = Request::new(method, &format!("{path}?{query}")).with_key(API_KEY);
            let request = match method {
                "POST" | "PATCH" => request.json(&json!({})),
                _ => request,
            };
            let answer = request.send(&function).await;
            answer.assert_problem(422, "validation_failed");
            assert_eq!(answer.fields(), fields, "{method} {path} {query}");
            let stranger = request.without("authorization").send(&function).await;
            stranger.assert_problem(401, "unauthorized");
        }
    }
    assert_eq!(stored_users(&stage).await, 1);
}

#[tokio::test]
async fn repeated_parameter_is_rejected_by_name() {
    let (_stage, function) = start().await;
    let path = create_ada(&function).await;
    for (path, name, value) in [
        ("/users", "page", "1"),
        ("/users", "page_size", "1"),
        ("/users", "email", "ada@example.com"),
        ("/users", "phone_number", "%2B12125550123"),
        (&format!("{path}/calls"), "status", "busy"),
    ] {
        let answer = Request::get(&format!("{path}?{name}={value}&{name}={value}"))
            .send(&function)
            .await;
        answer.assert_problem(422, "validation_failed");
        assert_eq!(answer.fields(), [name], "{path}");
    }
}
