//! Serves the gateway's events: an event becomes an HTTP request for the router.

use std::convert::Infallible;

use axum::{Router, routing::any};
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{Uri, uri::PathAndQuery};
use lambda_http::{
    Adapter, LambdaEvent, Service, aws_lambda_events::apigw::ApiGatewayV2httpRequest,
    request::LambdaRequest, service_fn,
};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Serialize;
use url::{Host, Url};

use crate::http::{Problem, with_common_layers};

/// Serves the gateway's events with a router, as the Lambda runtime does.
///
/// An event that can't become a request is answered 400 and never reaches the router.
///
/// The [crate's page](crate) has an example.
pub fn service(
    router: Router,
) -> impl Service<LambdaEvent<LambdaRequest>, Response = impl Serialize, Error = Infallible> {
    service_fn(handler(router, Adapter::from))
}

/// Returns the handler of the gateway's events. `adapt` turns the router into a service for the Lambda runtime.
pub(super) fn handler<A>(
    router: Router,
    adapt: fn(Router) -> A,
) -> impl FnMut(LambdaEvent<LambdaRequest>) -> A::Future + Clone
where
    A: Service<LambdaEvent<LambdaRequest>>,
{
    let refuse = async || {
        Problem::malformed_request("The event from the gateway is not a valid HTTP request.")
    };
    let refusal = with_common_layers(Router::new().route("/", any(refuse)));
    // Concurrent requests need a handler that is `Send`: a router is, an adapter is not.
    move |mut event| {
        let router = if make_readable(&mut event.payload) {
            &router
        } else {
            &refusal
        };
        adapt(router.clone()).call(event)
    }
}

/// Changes an event so that the runtime can build a request from it. Returns false if that took replacing its content.
///
/// The runtime panics if it can't build a request, and clients control the headers, the query and the body.
///
/// - Removes the headers that the runtime would build the URI from. The request context has the gateway's own values.
/// - Percent-encodes the characters that are invalid in a query, and `#`, which would cut it. A valid query stays as it is,
///   because Twilio signs it.
/// - Removes a path without a leading `/`, which would become part of the host. The response is then 404, by
///   [`with_common_layers`].
/// - If there is still no valid URI or body, replaces them by valid ones, and returns false.
fn make_readable(event: &mut LambdaRequest) -> bool {
    let LambdaRequest::ApiGatewayV2(request) = event else {
        return true;
    };
    request.headers.remove(http::header::HOST);
    request.headers.remove("x-forwarded-proto");
    if let Some(query) = &mut request.raw_query_string
        && !is_query(query)
    {
        *query = utf8_percent_encode(query, NOT_IN_A_QUERY).to_string();
    }
    request.raw_path.take_if(|path| !path.starts_with('/'));
    if has_uri(request) && has_body(request) {
        return true;
    }
    request.request_context.domain_name = None;
    request.request_context.stage = None;
    request.raw_path = Some("/".to_owned());
    request.raw_query_string = None;
    request.body = None;
    false
}

/// Returns whether a URI can contain the whole query.
fn is_query(query: &str) -> bool {
    format!("/?{query}")
        .parse::<PathAndQuery>()
        .is_ok_and(|uri| uri.query() == Some(query))
}

/// Returns whether host, path and query form a URL and a URI, as the runtime requires. A URI has a maximum length.
///
/// The runtime may put the stage before the path.
fn has_uri(request: &ApiGatewayV2httpRequest) -> bool {
    let context = &request.request_context;
    let host = context.domain_name.as_deref().unwrap_or("localhost");
    let stage = context.stage.as_deref().unwrap_or_default();
    let path = request.raw_path.as_deref().unwrap_or_default();
    let query = request.raw_query_string.as_deref().unwrap_or_default();
    Host::parse(host).is_ok()
        && Url::parse(&format!("https://{host}/{stage}{path}"))
            .is_ok_and(|url| format!("{url}?{query}").parse::<Uri>().is_ok())
}

/// Returns whether a body that is marked as base64 is valid base64.
fn has_body(request: &ApiGatewayV2httpRequest) -> bool {
    let body = request.body.as_deref().unwrap_or_default();
    !request.is_base64_encoded || BASE64_STANDARD.decode(body).is_ok()
}

/// The characters that are invalid in a query (RFC 3986), except `%`.
const NOT_IN_A_QUERY: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'`')
    .add(b'{')
    .add(b'}');

#[cfg(test)]
mod tests;
