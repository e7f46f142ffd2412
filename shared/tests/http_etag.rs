//! Tests `ETag`s: a client that has the current document gets a 304.

#![expect(clippy::unwrap_used, reason = "a helper that fails must fail the test")]

use axum::{
    Json, Router,
    body::{Body, Bytes},
    response::IntoResponse,
    routing::get,
};
use http::{Request, Response, StatusCode, header};
use lambda_http::RequestExt;
use outdial::http::{Problem, with_common_layers, with_etags};
use serde_json::json;
use tower::ServiceExt;

fn router() -> Router {
    let document = async || Json(json!({ "a": 1 }));
    let created = async || (StatusCode::CREATED, Json(json!({ "a": 1 })));
    let secret = async || ([(header::CACHE_CONTROL, "no-store")], Json(json!({})));
    let varying = async || ([(header::VARY, "accept")], Json(json!({ "a": 1 })));
    let router = Router::new()
        .route("/", get(document).post(document))
        .route("/other", get(async || Json(json!({ "a": 2 }))))
        .route("/created", get(created))
        .route("/secret", get(secret))
        .route("/varying", get(varying))
        .route("/text", get(async || "a"))
        .route(
            "/not-found",
            get(async || Problem::not_found("a").into_response()),
        );
    with_common_layers(with_etags(router))
}

async fn send(method: &str, path: &str, known: Option<&str>) -> Response<Bytes> {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(known) = known {
        request = request.header("if-none-match", known);
    }
    let request = request
        .body(Body::empty())
        .unwrap()
        .with_raw_http_path(path);
    let (head, body) = router().oneshot(request).await.unwrap().into_parts();
    Response::from_parts(head, axum::body::to_bytes(body, 100_000).await.unwrap())
}

fn header_of<'a>(response: &'a Response<Bytes>, name: &str) -> &'a str {
    let value = response.headers().get(name);
    value.map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn matching_etag_is_answered_304() {
    let first = send("GET", "/", None).await;
    assert_eq!(first.status(), StatusCode::OK);
    let tag = header_of(&first, "etag").to_owned();
    assert!(
        tag.starts_with('"') && tag.ends_with('"') && tag.len() == 24,
        "{tag}"
    );
    for known in [
        tag.clone(),
        format!("W/{tag}"),
        format!("\"a\", {tag}"),
        "*".to_owned(),
    ] {
        let again = send("GET", "/", Some(&known)).await;
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{known}");
        assert!(again.body().is_empty());
        assert_eq!(header_of(&again, "content-type"), "");
        assert_eq!(header_of(&again, "content-length"), "");
        for name in ["etag", "cache-control", "vary"] {
            assert_eq!(header_of(&again, name), header_of(&first, name), "{name}");
        }
    }
    assert_eq!(header_of(&first, "cache-control"), "private, no-cache");
    assert_eq!(header_of(&first, "vary"), "authorization, x-api-key");
}

#[tokio::test]
async fn another_document_is_sent() {
    let tag = header_of(&send("GET", "/other", None).await, "etag").to_owned();
    for known in [&tag[..], "\"\"", "nonsense", "W/\"", "é"] {
        let answer = send("GET", "/", Some(known)).await;
        assert_eq!(answer.status(), StatusCode::OK, "{known}");
        assert_eq!(&answer.body()[..], br#"{"a":1}"#);
        assert_ne!(header_of(&answer, "etag"), tag);
    }
}

#[tokio::test]
async fn only_json_responses_to_get_have_an_etag() {
    for (method, path, status) in [
        ("POST", "/", StatusCode::OK),
        ("HEAD", "/", StatusCode::OK),
        ("GET", "/created", StatusCode::CREATED),
        ("GET", "/secret", StatusCode::OK),
        ("GET", "/text", StatusCode::OK),
        ("GET", "/not-found", StatusCode::NOT_FOUND),
        ("GET", "/nowhere", StatusCode::NOT_FOUND),
    ] {
        let answer = send(method, path, Some("*")).await;
        assert_eq!(answer.status(), status, "{method} {path}");
        assert_eq!(header_of(&answer, "etag"), "", "{method} {path}");
        assert_eq!(header_of(&answer, "cache-control"), "no-store");
    }
}

#[tokio::test]
async fn existing_vary_header_is_kept() {
    let answer = send("GET", "/varying", None).await;
    let varies = answer.headers().get_all("vary").iter();
    let varies: Vec<_> = varies.map(|value| value.to_str().unwrap()).collect();
    assert_eq!(varies, ["accept", "authorization, x-api-key"]);
}
