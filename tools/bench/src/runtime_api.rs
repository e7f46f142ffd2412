//! A Lambda Runtime API that records when functions poll and respond.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;
use stack::Result;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use uuid::Uuid;

/// The deadline of an invocation: the template's `Timeout` of `reconcile`, which is the longest of the measured functions.
pub const TIME_LIMIT: Duration = Duration::from_secs(270);

/// The Runtime API. Clones share their state.
#[derive(Clone)]
pub struct RuntimeApi {
    url: String,
    seats: Arc<Mutex<HashMap<u64, Arc<Seat>>>>,
    next: Arc<AtomicU64>,
}

/// The API's end of a [`Connection`].
struct Seat {
    polls: UnboundedSender<Instant>,
    events: tokio::sync::Mutex<UnboundedReceiver<Bytes>>,
    sent: Mutex<Option<Instant>>,
    responses: UnboundedSender<Invocation>,
}

/// An environment's place at the API. Dropping it makes the API refuse the environment.
pub struct Connection {
    api: RuntimeApi,
    id: u64,
    /// The times when the environment asked for an event.
    pub polls: UnboundedReceiver<Instant>,
    /// Events for the environment.
    pub events: UnboundedSender<Bytes>,
    /// The responses of the environment.
    pub responses: UnboundedReceiver<Invocation>,
}

/// A completed invocation.
pub struct Invocation {
    /// When the whole response had arrived.
    pub at: Instant,
    /// The time from sending the event until then.
    pub took: Duration,
    /// The function's response: JSON for the gateway.
    pub body: Bytes,
    /// True if the function has reported an error.
    pub failed: bool,
}

impl RuntimeApi {
    /// Listens on a free port.
    pub async fn serve() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let api = Self {
            url: format!("http://{}", listener.local_addr()?),
            seats: Arc::default(),
            next: Arc::default(),
        };
        let base = "/{environment}/2018-06-01/runtime";
        let router = Router::new()
            .route(&format!("{base}/invocation/next"), get(next))
            .route(
                &format!("{base}/invocation/{{id}}/response"),
                post(response),
            )
            .route(&format!("{base}/invocation/{{id}}/error"), post(error))
            .layer(DefaultBodyLimit::disable())
            .with_state(api.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(api)
    }

    /// Creates a place for an environment.
    pub fn connect(&self) -> Connection {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (poll_sender, polls) = mpsc::unbounded_channel();
        let (events, event_receiver) = mpsc::unbounded_channel();
        let (response_sender, responses) = mpsc::unbounded_channel();
        let seat = Seat {
            polls: poll_sender,
            events: event_receiver.into(),
            sent: Mutex::default(),
            responses: response_sender,
        };
        lock(&self.seats).insert(id, seat.into());
        Connection {
            api: self.clone(),
            id,
            polls,
            events,
            responses,
        }
    }

    fn seat(&self, id: u64) -> Option<Arc<Seat>> {
        lock(&self.seats).get(&id).cloned()
    }
}

impl Connection {
    /// Returns the value of `AWS_LAMBDA_RUNTIME_API`.
    pub fn url(&self) -> String {
        format!("{}/{}", self.api.url, self.id)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        lock(&self.api.seats).remove(&self.id);
    }
}

impl Invocation {
    /// Checks the status of the response. `None` accepts any response but an error of the function.
    ///
    /// # Errors
    ///
    /// If the response has another status; `what` names it.
    pub fn expect(&self, what: &str, status: Option<u16>) -> Result<()> {
        // A streamed response begins with its status, as JSON.
        let mut parts = serde_json::Deserializer::from_slice(&self.body).into_iter::<Value>();
        let has_status =
            |status| matches!(parts.next(), Some(Ok(head)) if head["statusCode"] == status);
        if !self.failed && status.is_none_or(has_status) {
            return Ok(());
        }
        let body = String::from_utf8_lossy(&self.body);
        let start: String = body.chars().take(1_000).collect();
        Err(format!("unexpected response of {what}: {start}").into())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn next(State(api): State<RuntimeApi>, Path(environment): Path<u64>) -> Response {
    let Some(seat) = api.seat(environment) else {
        return StatusCode::GONE.into_response();
    };
    // Sending fails after the connection was dropped.
    let _ = seat.polls.send(Instant::now());
    let Some(event) = seat.events.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    *lock(&seat.sent) = Some(Instant::now());
    let deadline = SystemTime::now() + TIME_LIMIT;
    let deadline = deadline.duration_since(SystemTime::UNIX_EPOCH);
    let headers = [
        ("lambda-runtime-aws-request-id", Uuid::new_v4().to_string()),
        (
            "lambda-runtime-deadline-ms",
            deadline.unwrap_or_default().as_millis().to_string(),
        ),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:us-east-1:123456789012:function:bench".to_owned(),
        ),
        ("content-type", "application/json".to_owned()),
    ];
    (headers, event).into_response()
}

async fn response(
    State(api): State<RuntimeApi>,
    Path((environment, _)): Path<(u64, String)>,
    body: Bytes,
) -> StatusCode {
    complete(&api, environment, body, false)
}

async fn error(
    State(api): State<RuntimeApi>,
    Path((environment, _)): Path<(u64, String)>,
    body: Bytes,
) -> StatusCode {
    complete(&api, environment, body, true)
}

fn complete(api: &RuntimeApi, environment: u64, body: Bytes, failed: bool) -> StatusCode {
    let at = Instant::now();
    let Some(seat) = api.seat(environment) else {
        return StatusCode::GONE;
    };
    let sent = lock(&seat.sent).take().unwrap_or(at);
    let _ = seat.responses.send(Invocation {
        at,
        took: at - sent,
        body,
        failed,
    });
    StatusCode::ACCEPTED
}
