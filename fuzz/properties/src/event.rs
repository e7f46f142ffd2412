//! Property `event`: any event from the gateway gets a safe response.

mod functions;
mod input;

use lambda_http::{aws_lambda_events::apigw::ApiGatewayV2httpRequest, request::LambdaRequest};
use serde_json::Value;

use crate::structured;
use functions::{FUNCTIONS, Functions, SEEN_PATH};
use input::Input;

/// Sends an event to every function. No function panics, admits the caller or answers with a 5xx. Each response has the
/// headers that all responses must have. A handler sees the path that the gateway routed.
///
/// The bytes are an event in JSON, or stand for an event in a structured form.
///
/// # Panics
///
/// If the property is violated.
pub fn event(bytes: &[u8]) {
    let event = match serde_json::from_slice(bytes) {
        Ok(event) => Some(event),
        Err(_) => structured::read::<Input>(bytes)
            .and_then(|input| serde_json::from_value(input.event()).ok()),
    };
    let Some(LambdaRequest::ApiGatewayV2(request)) = event else {
        return;
    };
    FUNCTIONS.with_borrow_mut(|functions| {
        let Functions { runtime, handlers } = functions;
        for (name, handle) in handlers {
            let event = LambdaRequest::ApiGatewayV2(request.clone());
            let response = runtime.block_on(handle(event));
            check(name, &request, &response);
        }
    });
}

fn check(function: &str, request: &ApiGatewayV2httpRequest, response: &Value) {
    let status = response["statusCode"].as_u64().unwrap_or_default();
    assert!((200..500).contains(&status), "{function}: {response}");
    let headers = &response["headers"];
    assert_eq!(headers["x-content-type-options"], "nosniff", "{response}");
    assert_eq!(headers["strict-transport-security"], "max-age=31536000");
    let caching = &headers["cache-control"];
    assert_eq!(caching, "no-store", "{function}: {response}");
    if let Some(path) = headers.get(SEEN_PATH.as_str()) {
        let raw_path = request.raw_path.as_deref();
        assert_eq!(path.as_str(), raw_path, "{function}: {response}");
    }
    if status >= 400 {
        assert_eq!(headers["content-type"], "application/problem+json");
        let body = response["body"].as_str().unwrap_or_default();
        if request.request_context.http.method == http::Method::HEAD {
            assert_eq!(body, "", "{function}: {response}");
        } else {
            let body: Value = serde_json::from_str(body).unwrap_or_default();
            assert_eq!(body["status"], status, "{function}: {response}");
        }
    } else {
        // A CORS preflight needs no authentication.
        let is_preflight = function == "media"
            && status == 204
            && request.request_context.http.method == http::Method::OPTIONS;
        // This function apologizes to anybody.
        let is_open = ["extractors", "fallback"].contains(&function);
        assert!(is_preflight || is_open, "admitted: {response}");
    }
}
