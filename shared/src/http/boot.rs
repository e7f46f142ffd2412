use std::{future::Future, process::ExitCode};

use axum::Router;
use lambda_http::{
    Error, LambdaEvent, Service, lambda_runtime, request::LambdaRequest, service_fn,
};
use tracing::Level;
use tracing_subscriber::{Layer, filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

use crate::{
    config::{ConfigError, Settings},
    tls,
};

/// Runs a function: logs, configuration, the router that `build` makes of it, and the Lambda runtime.
///
/// A failure of the init phase is one log line, and exit code 1.
pub async fn run<F, Fut>(function: &str, build: F) -> ExitCode
where
    F: FnOnce(Settings) -> Fut,
    Fut: Future<Output = Result<Router, Box<dyn std::error::Error + Send + Sync>>>,
{
    serve(function, build, |router| async {
        let mut adapter = lambda_http::Adapter::from(router);
        lambda_runtime::run(service_fn(move |event| {
            adapter.call(without_vouching(event))
        }))
        .await
    })
    .await
}

/// Like [`run`], for a function whose answers are streamed.
pub async fn run_streaming<F, Fut>(function: &str, build: F) -> ExitCode
where
    F: FnOnce(Settings) -> Fut,
    Fut: Future<Output = Result<Router, Box<dyn std::error::Error + Send + Sync>>>,
{
    serve(function, build, |router| async {
        let mut adapter = lambda_http::StreamAdapter::from(router);
        lambda_runtime::run(service_fn(move |event| {
            adapter.call(without_vouching(event))
        }))
        .await
    })
    .await
}

async fn serve<F, Fut, P, PFut>(function: &str, build: F, poll: P) -> ExitCode
where
    F: FnOnce(Settings) -> Fut,
    Fut: Future<Output = Result<Router, Box<dyn std::error::Error + Send + Sync>>>,
    P: FnOnce(Router) -> PFut,
    PFut: Future<Output = Result<(), Error>>,
{
    let begun = async {
        log_as_json(function)?;
        tls::install_provider();
        let settings = Settings::load().await?;
        build(settings).await
    };
    let ended = match begun.await {
        Ok(router) => poll(router).await,
        Err(error) => Err(error),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(function, "{error}");
            ExitCode::FAILURE
        }
    }
}

/// Takes the headers from which the request's URI would be made out of the event: a client may have put anything
/// into them, and a URI that cannot be parsed must not end in a panic. The gateway's own account of the request
/// is in its context.
fn without_vouching(mut event: LambdaEvent<LambdaRequest>) -> LambdaEvent<LambdaRequest> {
    if let LambdaRequest::ApiGatewayV2(request) = &mut event.payload {
        request.headers.remove(http::header::HOST);
        request.headers.remove("x-forwarded-proto");
    }
    event
}

/// The crates whose spans and events follow `LOG_LEVEL`. All others are capped at INFO: the runtime logs whole
/// events, with personal data in them, below it.
const OWN: [&str; 8] = [
    "outdial",
    "health",
    "users",
    "outbound_calls",
    "voice",
    "status",
    "recording",
    "media",
];

fn log_as_json(function: &str) -> Result<(), ConfigError> {
    let level = match std::env::var("LOG_LEVEL") {
        Ok(text) if !text.is_empty() => text
            .parse::<Level>()
            .map_err(|_| ConfigError::malformed("LOG_LEVEL", "TRACE, DEBUG, INFO, WARN or ERROR")),
        _ => Ok(Level::INFO),
    };
    let chosen = *level.as_ref().unwrap_or(&Level::INFO);
    let targets = Targets::new()
        .with_default(chosen.min(Level::INFO))
        .with_targets(OWN.map(|name| (name, chosen)));
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_ansi(false)
        .with_filter(targets);
    // Whoever has set a subscriber already keeps it.
    let _ = tracing_subscriber::registry().with(lines).try_init();
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "panicked");
    }));
    tracing::debug!(function, version = env!("CARGO_PKG_VERSION"), "starting");
    level.map(|_| ())
}
