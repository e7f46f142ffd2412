//! HTTP to events and back, as an HTTP API and function URLs do it: payload version 2.0.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::Utc;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Failure, Host, home};

/// What the gateway takes.
const BODY_MAX: usize = 10 * 1024 * 1024;

pub fn router(host: Host) -> Router {
    Router::new()
        .route("/2015-03-31/functions/{name}/invocations", post(invoke))
        .fallback(handle)
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(host)
}

/// A function does not stop because whoever asked has hung up.
async fn invoke_to_the_end(
    host: Host,
    function: impl AsRef<str> + Send + 'static,
    event: Value,
) -> Result<Value, Failure> {
    let invocation = async move { host.invoke(function.as_ref(), &event).await };
    let invoked = tokio::spawn(invocation).await;
    invoked.unwrap_or(Err(Failure::Crashed))
}

/// Lambda's own API: one event, of whatever source.
async fn invoke(
    State(host): State<Host>,
    Path(name): Path<String>,
    Json(event): Json<Value>,
) -> Response {
    match invoke_to_the_end(host, name, event).await {
        Ok(answer) => Json(answer).into_response(),
        Err(Failure::Unknown) => message(StatusCode::NOT_FOUND, &Failure::Unknown.to_string()),
        Err(failure) => message(StatusCode::BAD_GATEWAY, &failure.to_string()),
    }
}

/// The template's routes.
fn function_of(path: &str) -> &'static str {
    let segments: Vec<_> = path.split('/').skip(1).collect();
    match segments[..] {
        ["users", ..] => "users",
        ["blocked-numbers" | "calls", ..] | ["recordings", _, ..] | ["stats"] => "outbound-calls",
        ["twilio", "voice"] => "voice",
        ["twilio", "status"] => "status",
        ["twilio", "recording"] => "recording",
        ["media"] => "media",
        ["console", ..] => "console",
        _ => "health",
    }
}

async fn handle(
    State(host): State<Host>,
    head: Parts,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    if home::is_asked_for(&head) {
        return home::page();
    }
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return message(rejection.status(), "the body cannot be read"),
    };
    let event = event(&head, &body);
    match invoke_to_the_end(host, function_of(head.uri.path()), event).await {
        Ok(answer) => respond(&answer)
            .unwrap_or_else(|| message(StatusCode::BAD_GATEWAY, "Internal Server Error")),
        Err(Failure::TimedOut) => message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
        Err(_) => message(StatusCode::BAD_GATEWAY, "Internal Server Error"),
    }
}

fn message(status: StatusCode, text: &str) -> Response {
    (status, Json(json!({ "message": text }))).into_response()
}

/// The event of a request.
fn event(head: &Parts, body: &Bytes) -> Value {
    let path = head.uri.path();
    let text = std::str::from_utf8(body).ok();
    let headers = joined(&head.headers);
    let now = Utc::now();
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": head.uri.query().unwrap_or_default(),
        "cookies": cookies(&head.headers),
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "local",
            "domainName": "local.execute-api.us-east-1.amazonaws.com",
            "domainPrefix": "local",
            "http": {
                "method": head.method.as_str(),
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": headers.get("user-agent").cloned().unwrap_or_default(),
            },
            "requestId": Uuid::new_v4().to_string(),
            "routeKey": "$default",
            "stage": "$default",
            "time": now.format("%d/%b/%Y:%H:%M:%S %z").to_string(),
            "timeEpoch": now.timestamp_millis(),
        },
        "body": match (body.is_empty(), text) {
            (true, _) => Value::Null,
            (false, Some(text)) => text.into(),
            (false, None) => BASE64_STANDARD.encode(body).into(),
        },
        "isBase64Encoded": text.is_none(),
    })
}

/// Names in lower case; several values of a name are joined by commas.
fn joined(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in headers {
        if name == header::COOKIE {
            continue;
        }
        let value = String::from_utf8_lossy(value.as_bytes());
        all.entry(name.as_str().to_owned())
            .and_modify(|values| {
                values.push(',');
                values.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    all
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    let all = headers.get_all(header::COOKIE).iter();
    all.filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split("; "))
        .map(str::to_owned)
        .collect()
}

/// A function's answer as HTTP; none where it is no answer to a gateway.
fn respond(answer: &Value) -> Option<Response> {
    let status = u16::try_from(answer["statusCode"].as_u64()?).ok()?;
    let text = answer["body"].as_str().unwrap_or_default();
    let body = if answer["isBase64Encoded"] == true {
        BASE64_STANDARD.decode(text).ok()?
    } else {
        text.as_bytes().to_vec()
    };
    let mut response = (StatusCode::from_u16(status).ok()?, body).into_response();
    response.headers_mut().remove(header::CONTENT_TYPE);
    let single = answer["headers"].as_object().into_iter().flatten();
    let several = answer["multiValueHeaders"]
        .as_object()
        .into_iter()
        .flatten();
    let several = several.flat_map(|(name, values)| {
        values
            .as_array()
            .into_iter()
            .flatten()
            .map(move |value| (name, value))
    });
    let cookies = answer["cookies"].as_array().into_iter().flatten();
    let set_cookie = header::SET_COOKIE.to_string();
    let all = single
        .chain(several)
        .map(|(name, value)| (name.as_str(), value));
    for (name, value) in all.chain(cookies.map(|value| (set_cookie.as_str(), value))) {
        let (Ok(name), Some(Ok(value))) = (
            HeaderName::try_from(name),
            value.as_str().map(HeaderValue::try_from),
        ) else {
            continue;
        };
        if name == header::SET_COOKIE {
            response.headers_mut().append(name, value);
        } else {
            response.headers_mut().insert(name, value);
        }
    }
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_the_query_verbatim_and_repeated_headers_joined() {
        let request = axum::http::Request::builder()
            .method("POST")
            .uri("/twilio/status?call_id=1&x=%20+a%2Fb")
            .header("X-Test", "a")
            .header("X-Test", "b")
            .header("Cookie", "one=1; two=2")
            .body(())
            .unwrap();
        let (head, ()) = request.into_parts();
        let event = event(&head, &Bytes::from_static(b"a=b"));
        assert_eq!(event["rawQueryString"], "call_id=1&x=%20+a%2Fb");
        assert_eq!(event["headers"]["x-test"], "a,b");
        assert_eq!(event["cookies"], json!(["one=1", "two=2"]));
        assert_eq!(
            (&event["body"], &event["isBase64Encoded"]),
            (&json!("a=b"), &json!(false))
        );
        let binary = super::event(&head, &Bytes::from_static(b"\xff"));
        assert_eq!(
            (&binary["body"], &binary["isBase64Encoded"]),
            (&json!("/w=="), &json!(true))
        );
    }

    #[test]
    fn an_event_has_the_path_verbatim() {
        for path in [
            "/calls/x/../outbound",
            "//users",
            "/users/",
            "/a/%2e%2E/b",
            "/users;x",
            "/a\\b",
        ] {
            let request = axum::http::Request::builder().uri(path).body(()).unwrap();
            let (head, ()) = request.into_parts();
            let event = event(&head, &Bytes::new());
            assert_eq!(event["rawPath"], path);
            assert_eq!(event["requestContext"]["http"]["path"], path);
        }
    }

    #[test]
    fn an_answer_becomes_http() {
        let answer = respond(&json!({
            "statusCode": 201,
            "headers": { "location": "/calls/1" },
            "multiValueHeaders": { "x-a": ["1"] },
            "cookies": ["a=1", "b=2"],
            "body": "aGk=",
            "isBase64Encoded": true,
        }))
        .unwrap();
        assert_eq!(answer.status(), 201);
        assert_eq!(answer.headers()["location"], "/calls/1");
        assert_eq!(answer.headers()["x-a"], "1");
        assert_eq!(answer.headers().get_all("set-cookie").iter().count(), 2);
        assert!(respond(&json!({ "body": "x" })).is_none());
    }

    #[test]
    fn each_path_has_its_function() {
        for (path, function) in [
            ("/", "health"),
            ("/openapi.json", "health"),
            ("/users", "users"),
            ("/users/1/calls", "users"),
            ("/calls", "outbound-calls"),
            ("/calls/outbound", "outbound-calls"),
            ("/stats", "outbound-calls"),
            ("/recordings/1", "outbound-calls"),
            ("/blocked-numbers", "outbound-calls"),
            ("/blocked-numbers/%2B12125550123", "outbound-calls"),
            ("/twilio/voice", "voice"),
            ("/twilio/status", "status"),
            ("/twilio/recording", "recording"),
            ("/media", "media"),
            ("/console", "console"),
            ("/console/", "console"),
            ("/console/1/main.js", "console"),
            ("/twilio/other", "health"),
            ("/twilio/voice/x", "health"),
            ("/media/x", "health"),
            ("/recordings", "health"),
            ("/consoles", "health"),
            ("/stats/x", "health"),
            ("//users", "health"),
            ("*", "health"),
            ("", "health"),
        ] {
            assert_eq!(function_of(path), function, "{path}");
        }
    }
}
