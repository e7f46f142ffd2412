//! How a function starts: logs, configuration, what it is built of, and the Lambda runtime.

use std::{future::Future, process::ExitCode, sync::Arc, time::Instant};

use axum::Router;
use http::uri::PathAndQuery;
use lambda_http::{
    Error, LambdaEvent, Service,
    lambda_runtime::{self, Context},
    request::LambdaRequest,
    service_fn,
};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tracing::Instrument;

use crate::{config::Settings, logs, metrics, secret::Secret, tls};

/// Runs a function: logs, configuration, the router that `build` makes of it, and the Lambda runtime.
///
/// A failure of the init phase is one log line, and exit code 1.
pub async fn run<F, Fut>(function: &str, build: F) -> ExitCode
where
    F: FnOnce(Settings) -> Fut,
    Fut: Future<Output = Result<Router, Error>>,
{
    serve(function, build, |router, secret| async {
        let mut adapter = lambda_http::Adapter::from(router);
        lambda_runtime::run(service_fn(move |event| {
            fresh(secret.clone(), adapter.call(parsable(event)))
        }))
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
        let mut adapter = lambda_http::StreamAdapter::from(router);
        lambda_runtime::run(service_fn(move |event| {
            fresh(secret.clone(), adapter.call(parsable(event)))
        }))
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
        logs::begin(function)?;
        metrics::begin(function);
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

/// The answer, begun once it is sure that the secret is not older than it may be.
async fn fresh<T>(secret: Option<Secret>, answer: impl Future<Output = T>) -> T {
    if let Some(secret) = secret {
        secret.keep_fresh().await;
    }
    answer.await
}

/// Sees to it that a URI can be made of the event: where it cannot, the runtime panics, and a client may have put
/// anything into the headers and the query.
///
/// The headers that it would be made from are taken out; the gateway's own account of the request is in its context.
/// A query with characters that no URI may have gets them percent-encoded; every other one stays as it is, for
/// signatures are over it.
fn parsable(mut event: LambdaEvent<LambdaRequest>) -> LambdaEvent<LambdaRequest> {
    if let LambdaRequest::ApiGatewayV2(request) = &mut event.payload {
        request.headers.remove(http::header::HOST);
        request.headers.remove("x-forwarded-proto");
        if let Some(query) = &mut request.raw_query_string
            && format!("/?{query}").parse::<PathAndQuery>().is_err()
        {
            *query = utf8_percent_encode(query, NOT_IN_A_QUERY).to_string();
        }
        if let Some(path) = &mut request.raw_path
            && !path.starts_with('/')
        {
            path.insert(0, '/');
        }
    }
    event
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
    use super::*;

    /// What the runtime makes of an event with that path and query.
    fn uri(path: &str, query: &str) -> http::Uri {
        let event = serde_json::json!({
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
        });
        let payload = serde_json::from_value(event).unwrap();
        let event = parsable(LambdaEvent::new(payload, Context::default()));
        http::Request::<lambda_http::Body>::from(event.payload)
            .uri()
            .clone()
    }

    #[test]
    fn a_well_formed_query_stays_as_it_is() {
        for query in ["a=1&b=%20+&c=%zz", "call_id=1&x=[]{}|^'é", "", "%"] {
            assert_eq!(uri("/users", query).query().unwrap_or_default(), query);
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
}
