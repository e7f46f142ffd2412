//! Boot: starts a function in the Lambda runtime.
//!
//! The init phase starts logs and metrics, loads the settings, and builds the function's state. Then the runtime hands over
//! one event after another.

mod event;

use std::{future::Future, process::ExitCode, sync::Arc, time::Instant};

use axum::Router;
use futures_util::{FutureExt, future::BoxFuture};
use lambda_http::{
    Adapter, Error, LambdaEvent, StreamAdapter,
    lambda_runtime::{self, Context},
    request::LambdaRequest,
    service_fn,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tracing::Instrument;

pub use event::service;

use self::event::handler;
use crate::{
    aws::secret::Secret,
    config::Settings,
    telemetry::{logs, metrics},
    tls,
};

/// Runs a function that serves HTTP requests. `build` creates its router from the settings.
///
/// If the init phase fails, the error is one log line, and the exit code is 1.
pub async fn run<F, Fut>(function: &str, build: F) -> ExitCode
where
    F: FnOnce(Settings) -> Fut,
    Fut: Future<Output = Result<Router, Error>>,
{
    serve(function, build, |router, secret| async {
        lambda_runtime::run_concurrent(service_fn(with_fresh_secret(
            secret,
            handler(router, Adapter::from),
        )))
        .await
    })
    .await
}

/// Runs a function that streams its responses. Otherwise like [`run`].
pub async fn run_streaming<F, Fut>(function: &str, build: F) -> ExitCode
where
    F: FnOnce(Settings) -> Fut,
    Fut: Future<Output = Result<Router, Error>>,
{
    serve(function, build, |router, secret| async {
        lambda_runtime::run_concurrent(service_fn(with_fresh_secret(
            secret,
            handler(router, StreamAdapter::from),
        )))
        .await
    })
    .await
}

/// Runs a function that handles other events than HTTP requests. `handle` receives the state from `build`, the event, and
/// the invocation's context.
///
/// An error of the handler is logged and returned to Lambda. The source of the event may then send it again.
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
            // An ERROR span, because LOG_LEVEL=ERROR filters out lower ones, and the lines would lose their request_id.
            let span = tracing::error_span!("invocation", request_id = context.request_id);
            let (app, secret) = (app.clone(), secret.clone());
            async move {
                let begun = Instant::now();
                if let Some(secret) = secret {
                    secret.keep_fresh().await;
                }
                let handled = match E::deserialize(event) {
                    Ok(event) => handle(app, event, context).await,
                    // The error of serde is dropped, because it quotes the event.
                    Err(_) => {
                        Err("the event is malformed: not one that this function handles".into())
                    }
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

/// Wraps a handler so that the secret is fresh before it runs.
fn with_fresh_secret<F: Future + Send + 'static>(
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

/// Starts logs and metrics, loads the settings, builds the state, and hands it to `poll` until the runtime ends.
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
