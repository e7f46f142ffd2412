//! A handler runs for its exact path only, and never for a path that a URL parser turns into it.

use axum::Router;
use lambda_http::{LambdaEvent, Service, lambda_runtime::Context};
use outdial::boot;
use serde_json::{Value, json};
use testkit::{API_KEY, Request, Stage, Twilio};

use crate::functions_on;

/// Sends the request with this `rawPath`, the way Lambda does.
async fn send(function: &Router, request: &Request, raw_path: &str) -> Value {
    let mut event = request.event().clone();
    event["rawPath"] = raw_path.into();
    event["requestContext"]["http"]["path"] = raw_path.into();
    answer(function, &event).await
}

async fn answer(function: &Router, event: &Value) -> Value {
    let event = serde_json::from_value(event.clone()).unwrap();
    let event = LambdaEvent::new(event, Context::default());
    let Ok(answer) = boot::service(function.clone()).call(event).await;
    serde_json::to_value(answer).unwrap()
}

/// Returns paths that differ from `path`, but that a URL parser may turn into it.
fn tricks(path: &str) -> Vec<String> {
    let bare = &path[1..];
    let (head, tail) = path.split_at(path.len() - 1);
    let mut tricks: Vec<_> = [
        "/x/..",
        "/.",
        "/./.",
        "/..",
        "/%2e",
        "/%2E%2e",
        "/x/%2e%2E",
        "/x/.%2e",
        "/x/\\..",
        "\\",
        "/",
        "//",
        " ",
        "\t",
        "\n",
        "\r\n",
        "\0",
        "\u{7f}",
        "@",
        ":80",
        ":99999",
        "//evil.example.com",
        "https://gateway.example.com",
        "#",
        "?",
        "é",
        "\u{ff0f}",
    ]
    .map(|before| format!("{before}{path}"))
    .into();
    tricks.extend(
        [
            "#", "#x", "?", "?x", "#/..", " ", "\t", "\n", "\r", "\0", "\u{b}", "\u{7f}", "/",
            "/.", "/x/..", "/%2e", "/%2e.", "\\", "é", "\u{a0}", "\u{200b}", "\u{feff}", "{}", "`",
            "\"",
        ]
        .map(|after| format!("{path}{after}")),
    );
    tricks.extend(
        ["\t", "\n", "\r", "\0", "\\", "#", "?"].map(|within| format!("{head}{within}{tail}")),
    );
    tricks.push(bare.to_owned());
    tricks.push(path.replace('/', "\\"));
    tricks.push(path.to_uppercase());
    tricks.push(String::new());
    tricks
}

#[tokio::test]
async fn only_the_exact_path_reaches_a_handler() {
    let twilio = Twilio::start().await;
    let stage = Stage::new().await.playing(&twilio);
    let functions = functions_on(&stage);
    let call =
        json!({"user_id": stage.user().await, "to_number": "+12125550109", "script": "Hello."});
    let get = |path: &str| Request::new("GET", path).with_key(API_KEY);
    let hook =
        |path: &str| Request::webhook(path, &[("CallSid", "CA0123456789abcdef0123456789abcdef")]);
    for (function, request) in [
        (
            functions.router("outbound-calls"),
            Request::post("/calls/outbound", &call),
        ),
        (functions.router("outbound-calls"), get("/stats")),
        (functions.router("outbound-calls"), get("/blocked-numbers")),
        (functions.router("users"), get("/users")),
        (functions.router("health"), get("/health")),
        (functions.router("health"), get("/openapi.json")),
        (functions.router("voice"), hook("/twilio/voice")),
        (functions.router("fallback"), hook("/twilio/fallback")),
        (functions.router("status"), hook("/twilio/status")),
        (functions.router("recording"), hook("/twilio/recording")),
        (functions.router("media"), get("/media")),
        (functions.router("console"), get("/console")),
    ] {
        let path = request.path();
        let exact = send(function, &request, &path).await;
        assert_ne!(exact["statusCode"], 404, "{path}: {exact}");
        let dials = twilio.dials().await.len();
        for trick in tricks(&path) {
            if trick == "/console/" {
                continue;
            }
            let answer = send(function, &request, &trick).await;
            assert_eq!(answer["statusCode"], 404, "{trick:?}: {answer}");
            let headers = &answer["headers"];
            assert_eq!(
                headers["content-type"], "application/problem+json",
                "{trick:?}"
            );
            assert_eq!(headers["cache-control"], "no-store", "{trick:?}");
            let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
            assert_eq!(body["code"], "not_found", "{trick:?}");
            assert!(body["request_id"].is_string(), "{trick:?}");
        }
        assert_eq!(twilio.dials().await.len(), dials, "{path}");
    }
    assert_eq!(twilio.dials().await.len(), 1);
}

/// The gateway throttles the route of the plain path only, so no other path may reach its handler.
#[tokio::test]
async fn escaped_path_does_not_reach_the_handler() {
    let twilio = Twilio::start().await;
    let stage = Stage::new().await.playing(&twilio);
    let functions = functions_on(&stage);
    let call =
        json!({"user_id": stage.user().await, "to_number": "+12125550109", "script": "Hello."});
    let dial = Request::post("/calls/outbound", &call);
    let users = Request::new("GET", "/users").with_key(API_KEY);
    for (function, request, paths) in [
        (
            functions.router("outbound-calls"),
            &dial,
            [
                "/calls/outboun%64",
                "/calls/%6futbound",
                "/%63alls/outbound",
                "/calls%2Foutbound",
                "/calls/outbound%20",
                "/calls/outbound%00",
                "/calls/outbound%",
                "/calls/outbound;x",
                "/calls/x%2f..%2foutbound",
            ]
            .as_slice(),
        ),
        (
            functions.router("users"),
            &users,
            &[
                "/user%73",
                "/users%20",
                "/users%3F",
                "/users;x",
                "/users%",
                "/x%2f..%2fusers",
            ],
        ),
    ] {
        for path in paths {
            let answer = send(function, request, path).await;
            let status = answer["statusCode"].as_u64().unwrap();
            assert!([404, 405].contains(&status), "{path}: {answer}");
        }
    }
    assert_eq!(twilio.dials().await.len(), 0);
}

/// API Gateway may choose the route, and its throttle, before it cuts the path at a decoded `?`.
#[tokio::test]
async fn call_is_placed_through_its_own_route_only() {
    let twilio = Twilio::start().await;
    let stage = Stage::new().await.playing(&twilio);
    let functions = functions_on(&stage);
    let function = functions.router("outbound-calls");
    let call =
        json!({"user_id": stage.user().await, "to_number": "+12125550109", "script": "Hello."});
    let mut event = Request::post("/calls/outbound", &call).event().clone();
    for (route_key, status, dials) in [
        ("ANY /calls/{proxy+}", 404, 0),
        ("POST /{proxy+}", 404, 0),
        ("ANY /recordings/{proxy+}", 404, 0),
        ("POST /calls/outbound", 201, 1),
        ("$default", 201, 2),
    ] {
        event["routeKey"] = route_key.into();
        event["requestContext"]["routeKey"] = route_key.into();
        let answer = answer(function, &event).await;
        assert_eq!(answer["statusCode"], status, "{route_key}: {answer}");
        assert_eq!(twilio.dials().await.len(), dials, "{route_key}");
    }
}

/// A URL parser drops everything after a `#`. It would silently drop a filter there.
#[tokio::test]
async fn parameters_after_a_hash_are_refused() {
    let functions = functions_on(&Stage::new().await);
    for (function, path) in [
        (functions.router("outbound-calls"), "/calls"),
        (functions.router("users"), "/users"),
    ] {
        for query in ["#", "#to_number=%2B12125550109", "page_size=1&#to_number=x"] {
            let mut event = Request::get(path).event().clone();
            event["rawQueryString"] = query.into();
            let answer = answer(function, &event).await;
            assert_eq!(answer["statusCode"], 422, "{path} {query}: {answer}");
        }
    }
}

/// The gateway puts the name of the stage before the path, and Lambda's runtime does too.
#[tokio::test]
async fn named_stage_does_not_change_the_path() {
    let functions = functions_on(&Stage::new().await);
    let mut event = Request::get("/users").event().clone();
    for (stage, raw_path) in [
        ("prod", "/users"),
        ("prod", "/../users"),
        ("prod", "/prod/users"),
        ("prod", "/prod/../users"),
        ("", "/users"),
        ("users?", "/x"),
        ("users#", "/x"),
    ] {
        event["requestContext"]["stage"] = stage.into();
        event["rawPath"] = raw_path.into();
        let answer = answer(functions.router("users"), &event).await;
        let status = answer["statusCode"].as_u64().unwrap();
        assert!([400, 404].contains(&status), "{stage} {raw_path}: {answer}");
    }
}
