//! Tests methods, paths, response headers and `ETag`s.

use serde_json::json;
use testkit::{API_KEY, Answer, Request};

use crate::support::{ada, create_ada, is_recent, start, text};

fn allowed(answer: &Answer) -> Vec<String> {
    let mut methods: Vec<_> = answer
        .header("allow")
        .split(',')
        .map(|method| method.trim().to_owned())
        .collect();
    methods.sort();
    methods
}

#[tokio::test]
async fn unknown_method_is_405_with_allow() {
    let (_stage, function) = start().await;
    let path = create_ada(&function).await;
    let calls = format!("{path}/calls");
    for (path, methods, known) in [
        (
            "/users",
            &["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"][..],
            &["GET", "HEAD", "POST"][..],
        ),
        (
            &path,
            &["PUT", "POST", "OPTIONS"],
            &["DELETE", "GET", "HEAD", "PATCH"],
        ),
        (
            &calls,
            &["PUT", "POST", "PATCH", "DELETE"],
            &["GET", "HEAD"],
        ),
    ] {
        for method in methods {
            for request in [
                Request::new(method, path),
                Request::new(method, path).with_key(API_KEY),
            ] {
                let answer = request.send(&function).await;
                answer.assert_problem(405, "method_not_allowed");
                assert_eq!(allowed(&answer), known, "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn unknown_path_is_404() {
    let (_stage, function) = start().await;
    let path = create_ada(&function).await;
    for path in [
        "/",
        "//",
        "/user",
        "/Users",
        "/users/",
        "/users//",
        &format!("{path}/"),
        &format!("{path}/calls/"),
        &format!("{path}/recordings"),
        "/users%2f",
        "/%ff",
        "/users/a/b/c",
        "/users;x",
        "/*",
        "/health",
    ] {
        for method in ["GET", "POST", "DELETE"] {
            let answer = Request::new(method, path)
                .with_key(API_KEY)
                .send(&function)
                .await;
            answer.assert_problem(404, "not_found");
        }
    }
}

#[tokio::test]
async fn head_is_get_without_its_body() {
    let (_stage, function) = start().await;
    let path = create_ada(&function).await;
    for path in ["/users", &path, &format!("{path}/calls")] {
        let get = Request::get(path).send(&function).await;
        let head = Request::new("HEAD", path)
            .with_key(API_KEY)
            .send(&function)
            .await;
        assert_eq!(head.status, 200);
        assert!(head.body.is_empty());
        assert_eq!(head.header("content-type"), get.header("content-type"));
    }
    let refused = Request::new("HEAD", "/users").send(&function).await;
    assert_eq!(refused.status, 401);
    assert!(refused.body.is_empty());
}

#[tokio::test]
async fn every_response_has_the_security_headers() {
    let (_stage, function) = start().await;
    for (request, caching) in [
        (Request::get("/users"), "private, no-cache"),
        (Request::post("/users", &ada()), "no-store"),
        (Request::new("GET", "/users"), "no-store"),
        (Request::get("/nowhere"), "no-store"),
        (Request::new("PUT", "/users"), "no-store"),
        (Request::post("/users", &ada()).body("{"), "no-store"),
    ] {
        let answer = request.send(&function).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("cache-control"), caching);
        assert!(
            answer
                .header("strict-transport-security")
                .starts_with("max-age=")
        );
    }
}

#[tokio::test]
async fn error_has_the_request_id() {
    let (_stage, function) = start().await;
    let answer = Request::new("GET", "/users").send(&function).await;
    answer.assert_problem(401, "unauthorized");
    let body = answer.json();
    assert_eq!(body["request_id"], "request-of-a-test");
    assert!(is_recent(text(&body, "timestamp")), "{body}");
    assert_eq!(body["title"], "Unauthorized");
    let mut members: Vec<_> = body
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    members.sort_unstable();
    assert_eq!(
        members,
        [
            "code",
            "detail",
            "errors",
            "request_id",
            "status",
            "timestamp",
            "title",
            "type"
        ]
    );
}

#[tokio::test]
async fn unchanged_resource_is_304_until_it_changes() {
    let (_stage, function) = start().await;
    let path = create_ada(&function).await;
    let calls = format!("{path}/calls");
    let mut tags = Vec::new();
    for path in ["/users", &path, &calls] {
        let first = Request::get(path).send(&function).await;
        let tag = first.header("etag").to_owned();
        let again = Request::get(path).header("if-none-match", &tag);
        let again = again.send(&function).await;
        assert_eq!(
            (again.status.as_u16(), again.text()),
            (304, String::new()),
            "{path}"
        );
        tags.push(tag);
    }
    let rename = json!({"name": "Ada"});
    let renamed = Request::new("PATCH", &path).with_key(API_KEY).json(&rename);
    assert_eq!(renamed.send(&function).await.header("etag"), "");
    let changed = Request::get(&path).header("if-none-match", &tags.join(", "));
    assert_eq!(changed.send(&function).await.json()["name"], "Ada");
}
