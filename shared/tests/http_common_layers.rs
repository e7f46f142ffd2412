//! Tests the layers that surround every router.

#![expect(clippy::unwrap_used, reason = "a helper that fails must fail the test")]

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use axum::{
    Router,
    body::{Body, Bytes},
    routing::{get, post},
};
use http::{Request, Response, StatusCode};
use lambda_http::RequestExt;
use outdial::http::{Problem, with_common_layers};
use serde_json::Value;
use tower::ServiceExt;

async fn send(router: &Router, method: &str, path: &str) -> Response<Bytes> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .body(Body::empty())
        .unwrap()
        .with_raw_http_path(path);
    let (head, body) = router.clone().oneshot(request).await.unwrap().into_parts();
    Response::from_parts(head, axum::body::to_bytes(body, 100_000).await.unwrap())
}

fn json_of(response: &Response<Bytes>) -> Value {
    serde_json::from_slice(response.body()).unwrap()
}

fn header<'a>(response: &'a Response<Bytes>, name: &str) -> &'a str {
    response
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

/// Returns a router whose first request panics with personal data in the message.
fn panics_at_first() -> Router {
    let requests = Arc::new(AtomicU32::new(0));
    with_common_layers(Router::new().route(
        "/",
        get(async move || {
            assert!(
                requests.fetch_add(1, Ordering::SeqCst) > 0,
                "ada@example.com"
            );
            "alive"
        }),
    ))
}

#[tokio::test]
async fn panic_is_a_500_and_the_next_request_succeeds() {
    let router = panics_at_first();
    let answer = send(&router, "GET", "/").await;
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(header(&answer, "content-type"), "application/problem+json");
    assert_eq!(header(&answer, "cache-control"), "no-store");
    let body = json_of(&answer);
    assert_eq!(
        (&body["code"], &body["status"]),
        (&"internal".into(), &500.into())
    );
    assert!(!body["request_id"].as_str().unwrap().is_empty());
    assert!(
        !body.to_string().contains("panic") && !body.to_string().contains("ada@"),
        "{body}"
    );
    let answer = send(&router, "GET", "/").await;
    assert_eq!(
        (answer.status(), &answer.body()[..]),
        (StatusCode::OK, &b"alive"[..])
    );
}

#[tokio::test]
async fn panic_of_an_awaited_task_is_a_500() {
    let router = with_common_layers(Router::new().route(
        "/",
        post(async || {
            tokio::task::yield_now().await;
            let nothing: Option<u8> = None;
            nothing.map(|byte| byte.to_string()).expect("something")
        }),
    ));
    assert_eq!(
        json_of(&send(&router, "POST", "/").await)["code"],
        "internal"
    );
}

#[tokio::test]
async fn every_refusal_becomes_a_document_with_its_headers() {
    let router = with_common_layers(
        Router::new()
            .route(
                "/away",
                get(async || Problem::unavailable("Away.", "the cause")),
            )
            .route(
                "/many",
                get(async || Problem::too_many("cap", "Too many.", 77)),
            )
            .route("/key", get(async || Problem::unauthorized("A key.")))
            .route(
                "/rule",
                get(async || Problem::rule("country_not_allowed", "to_number", "goes nowhere")),
            )
            .route("/long", get(async || Problem::invalid_fields(Vec::new()))),
    );
    let away = send(&router, "GET", "/away").await;
    assert_eq!(
        (away.status().as_u16(), header(&away, "retry-after")),
        (503, "5")
    );
    assert!(!json_of(&away).to_string().contains("cause"));
    let many = send(&router, "GET", "/many").await;
    assert_eq!(
        (many.status().as_u16(), header(&many, "retry-after")),
        (429, "77")
    );
    let key = send(&router, "GET", "/key").await;
    assert_eq!(
        (key.status().as_u16(), header(&key, "www-authenticate")),
        (401, "Bearer realm=\"outdial\"")
    );
    let rule = json_of(&send(&router, "GET", "/rule").await);
    assert_eq!(rule["code"], "country_not_allowed");
    assert_eq!(rule["errors"][0]["field"], "to_number");
    assert_eq!(rule["errors"][0]["message"], "goes nowhere");
    let unknown = send(&router, "GET", "/nowhere").await;
    assert_eq!(json_of(&unknown)["code"], "not_found");
    let method = send(&router, "POST", "/away").await;
    assert_eq!(
        (method.status().as_u16(), header(&method, "allow")),
        (405, "GET,HEAD")
    );
}

#[tokio::test]
async fn cache_control_of_a_handler_is_kept() {
    let router = with_common_layers(
        Router::new().route("/", get(async || ([("cache-control", "max-age=60")], "x"))),
    );
    assert_eq!(
        header(&send(&router, "GET", "/").await, "cache-control"),
        "max-age=60"
    );
}

#[tokio::test]
async fn path_that_the_gateway_did_not_route_is_404() {
    let router = with_common_layers(
        Router::new().route("/a", post(async || -> () { panic!("a handler ran") })),
    );
    for raw_path in ["/x/../a", "/a#x", "/a ", "a", "/b", ""] {
        for method in ["POST", "GET"] {
            let request = Request::builder().method(method).uri("/a");
            let request = request
                .body(Body::empty())
                .unwrap()
                .with_raw_http_path(raw_path);
            let answer = router.clone().oneshot(request).await.unwrap();
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{raw_path:?}");
            assert_eq!(answer.headers()["content-type"], "application/problem+json");
            assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
        }
    }
    let unnamed = Request::post("/a").body(Body::empty()).unwrap();
    let answer = router.oneshot(unnamed).await.unwrap();
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
}
