//! How a function starts: logs, configuration, what it is built of, and the Lambda runtime.

use std::{convert::Infallible, future::Future, process::ExitCode, sync::Arc, time::Instant};

use axum::{Router, routing::any};
use base64::{Engine, prelude::BASE64_STANDARD};
use futures_util::{FutureExt, future::BoxFuture};
use http::{Uri, uri::PathAndQuery};
use lambda_http::{
    Adapter, Error, LambdaEvent, Service, StreamAdapter,
    aws_lambda_events::apigw::ApiGatewayV2httpRequest,
    lambda_runtime::{self, Context},
    request::LambdaRequest,
    service_fn,
};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tracing::Instrument;
use url::{Host, Url};

use crate::{
    config::Settings,
    http::{Problem, with_common_layers},
    logs, metrics,
    secret::Secret,
    tls,
};

/// Runs a function: logs, configuration, the router that `build` makes of it, and the Lambda runtime.
///
/// A failure of the init phase is one log line, and exit code 1.
pub async fn run<F, Fut>(function: &str, build: F) -> ExitCode
where
    F: FnOnce(Settings) -> Fut,
    Fut: Future<Output = Result<Router, Error>>,
{
    serve(function, build, |router, secret| async {
        lambda_runtime::run_concurrent(service_fn(fresh(secret, handler(router, Adapter::from))))
            .await
    })
    .await
}

/// Like [`run`], for a function whose answers are streamed.
pub async fn run_streaming<F, Fut>(function: &str, build: F) -> ExitCode
where
    F: FnOnce(Settings) -> Fut,
    Fut: Future<Output = Result<Router, Error>>,
{
    serve(function, build, |router, secret| async {
        lambda_runtime::run_concurrent(service_fn(fresh(
            secret,
            handler(router, StreamAdapter::from),
        )))
        .await
    })
    .await
}

/// Like [`run`], for a function that no HTTP request reaches: `handle` is given what `build` makes, an event, and its
/// invocation.
///
/// An error of the handler is Lambda's business: it is logged, and the event comes again if its source repeats it.
pub async fn run_events<T, F, Fut, E, H, HFut, A>(function: &str, build: F, handle: H) -> ExitCode
where
    T: Send + Sync,
    F: FnOnce(Settings) -> Fut,
    Fut: Future<Output = Result<T, Error>>,
    E: DeserializeOwned,
    H: Fn(Arc<T>, E, Context) -> HFut,
    HFut: Future<Output = Result<A, Error>>,
    A: Serialize,
{
    serve(function, build, |app, secret| async {
        let app = Arc::new(app);
        let (handle, secret) = (&handle, secret);
        lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
            let (event, context) = event.into_parts();
            // An error's span, or LOG_LEVEL=ERROR would leave the lines without it.
            let span = tracing::error_span!("invocation", request_id = context.request_id);
            let (app, secret) = (app.clone(), secret.clone());
            async move {
                let begun = Instant::now();
                if let Some(secret) = secret {
                    secret.keep_fresh().await;
                }
                let handled = match E::deserialize(event) {
                    Ok(event) => handle(app, event, context).await,
                    // What serde says of it quotes the event.
                    Err(_) => Err("the event is none that this function takes".into()),
                };
                metrics::flush();
                let elapsed_ms = logs::elapsed_ms(begun);
                match &handled {
                    Ok(_) => tracing::info!(elapsed_ms, "handled"),
                    Err(error) => tracing::error!(elapsed_ms, cause = %error, "failed"),
                }
                handled
            }
            .instrument(span)
        }))
        .await
    })
    .await
}

async fn serve<T, F, Fut, P, PFut>(function: &str, build: F, poll: P) -> ExitCode
where
    F: FnOnce(Settings) -> Fut,
    Fut: Future<Output = Result<T, Error>>,
    P: FnOnce(T, Option<Secret>) -> PFut,
    PFut: Future<Output = Result<(), Error>>,
{
    let begun = async {
        logs::start(function)?;
        metrics::start(function)?;
        tls::install_provider();
        let settings = Settings::load().await?;
        let secret = settings.secret().cloned();
        Ok((build(settings).await?, secret))
    };
    let ended = match begun.await {
        Ok((built, secret)) => poll(built, secret).await,
        Err(error) => Err(error),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            metrics::flush();
            ExitCode::FAILURE
        }
    }
}

/// The handler, which is begun once it is sure that the secret is not older than it may be.
fn fresh<F: Future + Send + 'static>(
    secret: Option<Secret>,
    mut handler: impl FnMut(LambdaEvent<LambdaRequest>) -> F + Clone,
) -> impl FnMut(LambdaEvent<LambdaRequest>) -> BoxFuture<'static, F::Output> + Clone {
    move |event| {
        let secret = secret.clone();
        let request_id = event.context.request_id.clone();
        let handled = handler(event);
        async move {
            if let Some(secret) = secret {
                let span = tracing::error_span!("invocation", request_id);
                secret.keep_fresh().instrument(span).await;
            }
            handled.await
        }
        .boxed()
    }
}

/// What the Lambda runtime hands events to: the event of an HTTP request in, the answer as the gateway wants it out.
///
/// An event of which no request can be made does not reach the router, and is answered 400.
pub fn service(
    router: Router,
) -> impl Service<LambdaEvent<LambdaRequest>, Response = impl Serialize, Error = Infallible> {
    service_fn(handler(router, Adapter::from))
}

fn handler<A>(
    router: Router,
    adapt: fn(Router) -> A,
) -> impl FnMut(LambdaEvent<LambdaRequest>) -> A::Future + Clone
where
    A: Service<LambdaEvent<LambdaRequest>>,
{
    let refuse = async || {
        Problem::malformed_request("No request can be made of what the gateway has handed over.")
    };
    let refusal = with_common_layers(Router::new().route("/", any(refuse)));
    // An adapter cannot go to another thread, as requests do that are handled at the same time; a router can.
    move |mut event| {
        let router = if make_readable(&mut event.payload) {
            &router
        } else {
            &refusal
        };
        adapt(router.clone()).call(event)
    }
}

/// Sees to it that a request can be made of the event: where it cannot, the runtime panics, and a client may have put
/// anything into the headers, the query and the body. False where it still could not; what was at fault is gone then.
///
/// The headers that a URI would be made from are taken out; the gateway's own account of the request is in its context.
/// A query with characters that no URI may have gets them percent-encoded, a `#` too, which would cut it; every other
/// query stays as it is, for signatures are over it. A path that does not begin with `/` would become part of the host: it is taken out, and
/// [`with_common_layers`] answers 404.
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

/// Whether a URI can have the query, whole.
fn is_query(query: &str) -> bool {
    format!("/?{query}")
        .parse::<PathAndQuery>()
        .is_ok_and(|uri| uri.query() == Some(query))
}

/// Whether the host and the path make a URL, and this and the query a URI: the runtime wants both, and no longer than a
/// URI may be. The stage may come to stand before the path.
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

/// Whether the body is what it is said to be.
fn has_body(request: &ApiGatewayV2httpRequest) -> bool {
    let body = request.body.as_deref().unwrap_or_default();
    !request.is_base64_encoded || BASE64_STANDARD.decode(body).is_ok()
}

/// What a query may not have (RFC 3986), but `%`, which is an escape already or is none.
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
mod tests {
    use axum::routing::any as any_method;
    use percent_encoding::percent_decode_str;
    use proptest::prelude::{
        Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest,
    };

    use super::*;

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

    /// What the runtime makes of an event with that path and query.
    fn uri(path: &str, query: &str) -> Uri {
        let mut event = serde_json::from_value(event(path, query)).unwrap();
        assert!(make_readable(&mut event));
        http::Request::<lambda_http::Body>::from(event)
            .uri()
            .clone()
    }

    /// What a router answers to the event that says `read` at `/users`.
    async fn answer(event: Value) -> Value {
        answer_of(
            with_common_layers(Router::new().route("/users", any_method(async || "read"))),
            event,
        )
        .await
    }

    async fn answer_of(router: Router, event: Value) -> Value {
        let payload = serde_json::from_value(event).unwrap();
        let event = LambdaEvent::new(payload, Context::default());
        serde_json::to_value(service(router).call(event).await.unwrap()).unwrap()
    }

    #[test]
    fn a_well_formed_query_stays_as_it_is() {
        for query in ["a=1&b=%20+&c=%zz", "call_id=1&x=[]{}|^'é", "", "%"] {
            assert_eq!(uri("/users", query).query().unwrap_or_default(), query);
        }
    }

    proptest! {
        #[test]
        fn a_handler_sees_the_whole_query(query in "(\\PC|[#?&=%+ \\x00-\\x7f]){0,40}") {
            let uri = uri("/users", &query);
            let seen = uri.query().unwrap_or_default();
            let decoded = |text| percent_decode_str(text).collect::<Vec<_>>();
            prop_assert_eq!(decoded(seen), decoded(&query));
        }
    }

    #[test]
    fn hostile_events_make_requests_too() {
        for query in ["a b", "<script>", "a#b", "a\u{0}b", "\u{7f}", "`"] {
            assert!(uri("/users", query).query().is_some(), "{query:?}");
        }
        for path in [
            "", "users", ":99999", "//", "/a b", "/é", "/%zz", "/a?b", "/a#b", "/\\", "/\u{0}",
            "@x", "/../..",
        ] {
            assert!(uri(path, "a=b").path().starts_with('/'), "{path:?}");
        }
    }

    /// Text that a parser of URLs may drop, resolve or encode.
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
        fn a_handler_sees_the_path_that_the_gateway_routed(
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
            let answer = runtime.block_on(answer_of(with_common_layers(router), event));
            if answer["statusCode"] == 200 {
                prop_assert_eq!(&answer["body"], &path);
            } else {
                prop_assert!([400, 404].map(Value::from).contains(&answer["statusCode"]), "{}", answer);
            }
        }
    }

    #[tokio::test]
    async fn an_event_that_makes_no_request_is_refused_before_the_router() {
        let mut broken_body = event("/users", "");
        broken_body["isBase64Encoded"] = true.into();
        broken_body["body"] = "{\"name\": \"no base64\"}".into();
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
            let answer = answer(event).await;
            assert_eq!(answer["statusCode"], 400);
            let headers = &answer["headers"];
            assert_eq!(headers["content-type"], "application/problem+json");
            assert_eq!(headers["x-content-type-options"], "nosniff");
            assert_eq!(headers["strict-transport-security"], "max-age=31536000");
            assert_eq!(headers["cache-control"], "no-store");
            assert!(
                answer["body"]
                    .as_str()
                    .unwrap()
                    .contains("malformed_request")
            );
        }
    }

    #[tokio::test]
    async fn a_body_in_base64_reaches_the_router() {
        let mut event = event("/users", "a=b");
        event["isBase64Encoded"] = true.into();
        event["body"] = "/w==".into();
        assert_eq!(answer(event).await["body"], "read");
    }
}
