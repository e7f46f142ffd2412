//! An HTTP request as an event, and a function's result as a response: payload version 2.0 of HTTP APIs and function URLs.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::Utc;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::ACCOUNT;

/// The event of a request.
pub fn from_request(head: &Parts, body: &Bytes) -> Value {
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
            "accountId": ACCOUNT,
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

/// The headers by lower-case name. Commas join the values of a repeated name.
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

/// The HTTP response of a function's result, or `None` if the result isn't one for a gateway.
pub fn into_response(result: &Value) -> Option<Response> {
    let status = u16::try_from(result["statusCode"].as_u64()?).ok()?;
    let text = result["body"].as_str().unwrap_or_default();
    let body = if result["isBase64Encoded"] == true {
        BASE64_STANDARD.decode(text).ok()?
    } else {
        text.as_bytes().to_vec()
    };
    let mut response = (StatusCode::from_u16(status).ok()?, body).into_response();
    response.headers_mut().remove(header::CONTENT_TYPE);
    let single = result["headers"].as_object().into_iter().flatten();
    let several = result["multiValueHeaders"]
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
    let cookies = result["cookies"].as_array().into_iter().flatten();
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
    fn event_keeps_the_query_verbatim_and_joins_repeated_headers() {
        let request = axum::http::Request::builder()
            .method("POST")
            .uri("/twilio/status?call_id=1&x=%20+a%2Fb")
            .header("X-Test", "a")
            .header("X-Test", "b")
            .header("Cookie", "one=1; two=2")
            .body(())
            .unwrap();
        let (head, ()) = request.into_parts();
        let event = from_request(&head, &Bytes::from_static(b"a=b"));
        assert_eq!(event["rawQueryString"], "call_id=1&x=%20+a%2Fb");
        assert_eq!(event["headers"]["x-test"], "a,b");
        assert_eq!(event["cookies"], json!(["one=1", "two=2"]));
        assert_eq!(
            (&event["body"], &event["isBase64Encoded"]),
            (&json!("a=b"), &json!(false))
        );
        let binary = from_request(&head, &Bytes::from_static(b"\xff"));
        assert_eq!(
            (&binary["body"], &binary["isBase64Encoded"]),
            (&json!("/w=="), &json!(true))
        );
    }

    #[test]
    fn event_keeps_the_path_verbatim() {
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
            let event = from_request(&head, &Bytes::new());
            assert_eq!(event["rawPath"], path);
            assert_eq!(event["requestContext"]["http"]["path"], path);
        }
    }

    #[test]
    fn result_becomes_a_response() {
        let response = into_response(&json!({
            "statusCode": 201,
            "headers": { "location": "/calls/1" },
            "multiValueHeaders": { "x-a": ["1"] },
            "cookies": ["a=1", "b=2"],
            "body": "aGk=",
            "isBase64Encoded": true,
        }))
        .unwrap();
        assert_eq!(response.status(), 201);
        assert_eq!(response.headers()["location"], "/calls/1");
        assert_eq!(response.headers()["x-a"], "1");
        assert_eq!(response.headers().get_all("set-cookie").iter().count(), 2);
        assert!(into_response(&json!({ "body": "x" })).is_none());
    }
}
