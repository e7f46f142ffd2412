//! The layers of every router: the routed path, errors as JSON, panics, one log line per request, metrics and headers.
//!
//! The layers and the extractors read a request's id and its body here.

use std::time::Instant;

use axum::{
    Router,
    body::{self, Bytes},
    extract::{MatchedPath, Request},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, header};
use lambda_http::{RequestExt, request::RequestContext};
use tower_http::catch_panic::CatchPanicLayer;
use tracing::{Instrument, field};

use super::Problem;
use crate::telemetry::{logs::elapsed_ms, metrics};

/// The maximum size of a request body, unless a route has its own.
pub const BODY_MAX_BYTES: usize = 64 * 1024;

/// Adds the layers of every router.
///
/// They answer 404 and 405 as [`Problem`]s, catch panics, log one line per request, count responses, and set the common
/// headers. A request whose path differs from the one that the gateway routed is a 404, and no handler runs.
pub fn with_common_layers(router: Router) -> Router {
    router
        .fallback(async || Problem::not_found("path"))
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(CatchPanicLayer::custom(|_| {
            Problem::internal("a handler panicked").into_response()
        }))
        .layer(middleware::from_fn(observe))
}

async fn observe(request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let request_id = request_id(&request);
    let is_as_routed = is_as_routed(&request);
    let route = request.extensions().get::<MatchedPath>();
    let route = route.filter(|_| is_as_routed);
    // An ERROR span, because LOG_LEVEL=ERROR filters out lower ones, and the lines would lose their request_id.
    let span = tracing::error_span!(
        "request",
        request_id,
        method = %request.method(),
        // Never the path itself, which may contain anything.
        route = route.map_or("none", MatchedPath::as_str),
        api_key = field::Empty,
        call_id = field::Empty,
        to = field::Empty,
    );
    async {
        let mut response = if is_as_routed {
            next.run(request).await
        } else {
            Problem::not_found("path").into_response()
        };
        let problem = response.extensions_mut().remove::<Problem>();
        log(response.status(), problem.as_ref(), begun);
        metrics::count_response(response.status(), problem.as_ref().map(Problem::code));
        metrics::flush();
        if let Some(problem) = problem {
            response = with_body(response, problem, request_id);
        }
        let headers = response.headers_mut();
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        headers.insert(
            HeaderName::from_static("strict-transport-security"),
            HeaderValue::from_static("max-age=31536000"),
        );
        headers
            .entry(header::CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-store"));
        response
    }
    .instrument(span)
    .await
}

/// Returns whether the request's path equals the gateway's `rawPath`.
///
/// The gateway chooses function and throttle by `rawPath`. The runtime then parses it as part of a URL, which resolves `..`,
/// and drops blanks and everything after `#`.
fn is_as_routed(request: &Request) -> bool {
    request.uri().path() == request.extensions().raw_http_path()
}

fn log(status: http::StatusCode, problem: Option<&Problem>, begun: Instant) {
    let elapsed_ms = elapsed_ms(begun);
    let status = status.as_u16();
    let twilio_code = problem.and_then(Problem::twilio_code);
    match problem {
        Some(problem) if status >= 500 => tracing::error!(
            status,
            elapsed_ms,
            code = problem.code(),
            cause = problem.cause(),
            twilio_code,
            "answered"
        ),
        Some(problem) if twilio_code.is_some() => tracing::warn!(
            status,
            elapsed_ms,
            code = problem.code(),
            twilio_code,
            "answered"
        ),
        problem => tracing::info!(
            status,
            elapsed_ms,
            code = problem.map(Problem::code),
            "answered"
        ),
    }
}

fn with_body(response: Response, problem: Problem, request_id: String) -> Response {
    let (mut head, _) = response.into_parts();
    head.headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    head.headers.remove(header::CONTENT_LENGTH);
    let body = serde_json::to_vec(&problem.into_body(request_id)).unwrap_or_default();
    Response::from_parts(head, body.into())
}

/// Middleware for a path with its own route, and so its own throttle, at the gateway.
///
/// Answers 404 to a request that took a route with a variable, such as `ANY /calls/{proxy+}`. API Gateway decodes the path into
/// `rawPath`, and reportedly cuts it at a decoded `?`. So `/calls/outbound%3F` could take the route with a variable, and arrive
/// as `/calls/outbound`.
pub async fn on_own_route(request: Request, next: Next) -> Response {
    let route_key = match request.extensions().request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.route_key.as_deref(),
        _ => None,
    };
    if route_key.is_some_and(|key| key.contains('{')) {
        return Problem::not_found("path").into_response();
    }
    next.run(request).await
}

/// Returns the request's id for logs and error responses. It is Lambda's, the gateway's, or a new one.
pub(crate) fn request_id(request: &Request) -> String {
    if let Some(context) = request.extensions().lambda_context_ref() {
        return context.request_id.clone();
    }
    match request.extensions().request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.request_id.clone(),
        _ => None,
    }
    .unwrap_or_else(|| uuid::Uuid::new_v4().to_string())
}

/// Reads the whole body.
///
/// # Errors
///
/// 413 when it is larger than `max_bytes`.
pub async fn read_body(request: Request, max_bytes: usize) -> Result<Bytes, Problem> {
    body::to_bytes(request.into_body(), max_bytes)
        .await
        .map_err(|_| Problem::payload_too_large(max_bytes))
}
