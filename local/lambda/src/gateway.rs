//! The HTTP API in front of the functions, and Lambda's own API to invoke one.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{StatusCode, request::Parts};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::functions::Function;
use crate::host::{Failure, Host, Options};
use crate::runtime_api::Registry;
use crate::{event, home_page, runtime_api};

/// The most bytes of a request body, as in API Gateway.
const BODY_MAX: usize = 10 * 1024 * 1024;

/// A gateway that listens. Its address is known before the functions start, since their variables contain it.
pub struct Gateway {
    listener: TcpListener,
    url: String,
}

impl Gateway {
    /// Listens on a port of 127.0.0.1; 0 picks a free one.
    ///
    /// # Errors
    ///
    /// When the port is taken.
    pub async fn bind(port: u16) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        Ok(Self { listener, url })
    }

    /// The gateway's origin.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Serves requests from now on. Functions start with their first request.
    #[must_use]
    pub fn serve(self, options: Options) -> Host {
        let registry = Registry::default();
        let host = Host::new(self.url, registry.clone(), options);
        let router = router(host.clone()).merge(runtime_api::router(registry));
        tokio::spawn(async move { axum::serve(self.listener, router).await });
        host
    }
}

fn router(host: Host) -> Router {
    Router::new()
        .route("/2015-03-31/functions/{name}/invocations", post(invoke))
        .fallback(handle)
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(host)
}

/// Invokes a function in a task of its own, so that it runs to the end even if the client hangs up.
async fn invoke_to_the_end(
    host: Host,
    function: impl AsRef<str> + Send + 'static,
    event: Value,
) -> Result<Value, Failure> {
    let invocation = async move { host.invoke(function.as_ref(), &event).await };
    let invoked = tokio::spawn(invocation).await;
    invoked.unwrap_or(Err(Failure::Crashed))
}

/// Lambda's Invoke API: one event of any source.
async fn invoke(
    State(host): State<Host>,
    Path(name): Path<String>,
    Json(event): Json<Value>,
) -> Response {
    match invoke_to_the_end(host, name, event).await {
        Ok(result) => Json(result).into_response(),
        Err(Failure::Unknown) => message(StatusCode::NOT_FOUND, &Failure::Unknown.to_string()),
        Err(failure) => message(StatusCode::BAD_GATEWAY, &failure.to_string()),
    }
}

async fn handle(
    State(host): State<Host>,
    head: Parts,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    if home_page::is_requested(&head) {
        return home_page::response();
    }
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return message(rejection.status(), "the body cannot be read"),
    };
    let event = event::from_request(&head, &body);
    let function = Function::at(head.uri.path()).name;
    match invoke_to_the_end(host, function, event).await {
        Ok(result) => event::into_response(&result)
            .unwrap_or_else(|| message(StatusCode::BAD_GATEWAY, "Internal Server Error")),
        Err(Failure::TimedOut) => message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
        Err(_) => message(StatusCode::BAD_GATEWAY, "Internal Server Error"),
    }
}

fn message(status: StatusCode, text: &str) -> Response {
    (status, Json(json!({ "message": text }))).into_response()
}
