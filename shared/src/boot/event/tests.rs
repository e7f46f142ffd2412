//! Events that can and can't become requests.

use axum::routing::any as any_method;
use percent_encoding::percent_decode_str;
use proptest::prelude::{Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};

use axum::Router;
use http::Uri;
use lambda_http::{LambdaEvent, Service, lambda_runtime::Context, request::LambdaRequest};
use serde_json::Value;

use super::make_readable;
use crate::{boot::service, http::with_common_layers};

fn event(path: &str, query: &str) -> Value {
    serde_json::json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"host": "a b", "x-forwarded-proto": "::", "x-note": "é"},
        "requestContext": {
            "domainName": "gateway.example.com",
            "http": {"method": "GET", "path": path},
            "stage": "$default",
        },
        "isBase64Encoded": false,
    })
}

/// The URI of the request that the runtime builds from an event with this path and query.
fn uri(path: &str, query: &str) -> Uri {
    let mut event: LambdaRequest = serde_json::from_value(event(path, query)).unwrap();
    assert!(make_readable(&mut event));
    http::Request::<lambda_http::Body>::from(event)
        .uri()
        .clone()
}

/// The response of a router that returns `read` at `/users`.
async fn response(event: Value) -> Value {
    response_of(
        with_common_layers(Router::new().route("/users", any_method(async || "read"))),
        event,
    )
    .await
}

async fn response_of(router: Router, event: Value) -> Value {
    let payload = serde_json::from_value(event).unwrap();
    let event = LambdaEvent::new(payload, Context::default());
    serde_json::to_value(service(router).call(event).await.unwrap()).unwrap()
}

#[test]
fn well_formed_query_is_unchanged() {
    for query in ["a=1&b=%20+&c=%zz", "call_id=1&x=[]{}|^'é", "", "%"] {
        assert_eq!(uri("/users", query).query().unwrap_or_default(), query);
    }
}

proptest! {
    #[test]
    fn handler_sees_the_whole_query(query in "(\\PC|[#?&=%+ \\x00-\\x7f]){0,40}") {
        let uri = uri("/users", &query);
        let seen = uri.query().unwrap_or_default();
        let decoded = |text| percent_decode_str(text).collect::<Vec<_>>();
        prop_assert_eq!(decoded(seen), decoded(&query));
    }
}

#[test]
fn hostile_events_become_requests() {
    for query in ["a b", "<script>", "a#b", "a\u{0}b", "\u{7f}", "`"] {
        assert!(uri("/users", query).query().is_some(), "{query:?}");
    }
    for path in [
        "", "users", ":99999", "//", "/a b", "/é", "/%zz", "/a?b", "/a#b", "/\\", "/\u{0}", "@x",
        "/../..",
    ] {
        assert!(uri(path, "a=b").path().starts_with('/'), "{path:?}");
    }
}

/// Paths with parts that a URL parser may drop, resolve or encode.
fn path() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "/",
        "/users",
        "/calls",
        "/outbound",
        "/..",
        "/.",
        "%2e",
        "%2E.",
        "..",
        "//",
        "\\",
        "#",
        "?",
        "\0",
        "\t",
        "\n",
        "\r",
        " ",
        "%64",
        "%",
        ";",
        "@",
        ":",
        "é",
        "\u{feff}",
        "{",
        "^",
        "|",
        "\"",
        "\u{7f}",
    ]);
    prop_oneof![
        any::<String>(),
        any::<String>().prop_map(|text| format!("/{text}")),
        prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat()),
    ]
}

async fn seen_path(uri: Uri) -> String {
    uri.path().to_owned()
}

proptest! {
    #[test]
    fn handler_sees_the_path_that_the_gateway_routed(
        path in path(),
        stage in prop::option::of("(\\$default|prod|\\.\\.?|[a-z#?/\\\\ ]{0,3})"),
    ) {
        let router = Router::new()
            .route("/", any_method(seen_path))
            .route("/users", any_method(seen_path))
            .route("/{*path}", any_method(seen_path));
        let mut event = event(&path, "a=b");
        event["requestContext"]["stage"] = stage.into();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let response = runtime.block_on(response_of(with_common_layers(router), event));
        if response["statusCode"] == 200 {
            prop_assert_eq!(&response["body"], &path);
        } else {
            prop_assert!([400, 404].map(Value::from).contains(&response["statusCode"]), "{}", response);
        }
    }
}

#[tokio::test]
async fn malformed_event_never_reaches_the_router() {
    let mut broken_body = event("/users", "");
    broken_body["isBase64Encoded"] = true.into();
    broken_body["body"] = "{\"name\": \"not base64\"}".into();
    let with_host = |host: &str| {
        let mut event = event("/users", "");
        event["requestContext"]["domainName"] = host.into();
        event["requestContext"]["stage"] = "xn--".into();
        event
    };
    let long_path = event(&"/a".repeat(40_000), "");
    let long_query = event("/users", &"a".repeat(70_000));
    for event in [
        broken_body,
        with_host("a b"),
        with_host(""),
        long_path,
        long_query,
    ] {
        let response = response(event).await;
        assert_eq!(response["statusCode"], 400);
        let headers = &response["headers"];
        assert_eq!(headers["content-type"], "application/problem+json");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["strict-transport-security"], "max-age=31536000");
        assert_eq!(headers["cache-control"], "no-store");
        assert!(
            response["body"]
                .as_str()
                .unwrap()
                .contains("malformed_request")
        );
    }
}

#[tokio::test]
async fn base64_body_reaches_the_router() {
    let mut event = event("/users", "a=b");
    event["isBase64Encoded"] = true.into();
    event["body"] = "/w==".into();
    assert_eq!(response(event).await["body"], "read");
}
