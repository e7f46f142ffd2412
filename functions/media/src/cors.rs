//! Cross-origin requests (CORS): a page of any origin may read audio, because the URL is the only credential.
//!
//! At a function URL, Lambda answers preflight requests and adds these headers, as `template.yaml` says. A test compares the two.

use axum::{extract::Request, middleware::Next, response::Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use lambda_http::{RequestExt, request::RequestContext};

const ALLOW_METHODS: &str = "GET, HEAD";
/// All headers of the API, because a browser sends them again when it follows the redirect from
/// `/recordings/{recording_id}/media`. `*` would not include `authorization`.
const ALLOW_HEADERS: &str =
    "authorization, content-type, idempotency-key, if-none-match, if-range, range, x-api-key";
const EXPOSE_HEADERS: &str = "accept-ranges, content-range";
const MAX_AGE_SECONDS: &str = "600";

/// Answers a preflight request.
pub(crate) async fn preflight() -> (StatusCode, HeaderMap) {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, ALLOW_METHODS),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOW_HEADERS),
        (header::ACCESS_CONTROL_MAX_AGE, MAX_AGE_SECONDS),
    ]
    .map(|(name, value)| (name, HeaderValue::from_static(value)));
    (StatusCode::NO_CONTENT, HeaderMap::from_iter(headers))
}

/// Lets pages read each response. At a function URL, Lambda adds these headers, and browsers reject duplicates.
pub(crate) async fn readable_by_pages(request: Request, next: Next) -> Response {
    let is_function_url = match request.extensions().request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context
            .domain_name
            .as_deref()
            .is_some_and(|domain| domain.contains(".lambda-url.")),
        _ => false,
    };
    let mut response = next.run(request).await;
    if !is_function_url {
        let headers = response.headers_mut();
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_ORIGIN,
            HeaderValue::from_static("*"),
        );
        headers.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static(EXPOSE_HEADERS),
        );
    }
    response
}
