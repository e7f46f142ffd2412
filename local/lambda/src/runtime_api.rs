//! Lambda's Runtime API, version 2018-06-01: execution environments poll it for events and post their results.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

/// An event for one environment.
pub struct Event {
    id: String,
    deadline_ms: u128,
    body: String,
}

impl Event {
    /// An event whose deadline is `time_limit` from now.
    pub fn new(id: String, time_limit: Duration, event: &Value) -> Self {
        let deadline = SystemTime::now() + time_limit;
        let since_1970 = deadline.duration_since(SystemTime::UNIX_EPOCH);
        Self {
            id,
            deadline_ms: since_1970.unwrap_or_default().as_millis(),
            body: event.to_string(),
        }
    }
}

/// Sends events to one environment.
pub type EventSender = mpsc::Sender<Event>;

/// A function's result, or the error that it reported.
type Outcome = Result<Value, Value>;

/// The environments that may poll, and the invocations that await a result. Clones share both.
#[derive(Clone, Default)]
pub struct Registry(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    events: HashMap<u64, Arc<tokio::sync::Mutex<mpsc::Receiver<Event>>>>,
    pending: HashMap<String, (u64, oneshot::Sender<Outcome>)>,
}

impl Registry {
    /// Registers a new environment.
    pub fn register(&self, worker: u64) -> EventSender {
        let (sender, events) = mpsc::channel(1);
        let events = Arc::new(tokio::sync::Mutex::new(events));
        self.lock().events.insert(worker, events);
        sender
    }

    /// Returns the receiver of the result of an event.
    pub fn expect(&self, worker: u64, id: &str) -> oneshot::Receiver<Outcome> {
        let (sender, outcome) = oneshot::channel();
        let mut known = self.lock();
        known.pending.insert(id.to_owned(), (worker, sender));
        outcome
    }

    /// Removes an environment that has ended, with its invocations.
    pub fn forget(&self, worker: u64) {
        let mut known = self.lock();
        known.events.remove(&worker);
        known.pending.retain(|_, (of, _)| *of != worker);
    }

    fn complete(&self, id: &str, outcome: Outcome) -> StatusCode {
        match self.lock().pending.remove(id) {
            Some((_, sender)) => {
                // The caller may have given up.
                let _ = sender.send(outcome);
                StatusCode::ACCEPTED
            }
            None => StatusCode::BAD_REQUEST,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The most bytes of a response, streamed ones included: minutes of audio.
const RESPONSE_MAX: usize = 20 * 1024 * 1024;

/// The routes of the API. Each environment has its own base path.
pub fn router(registry: Registry) -> Router {
    let base = "/rt/{function}/{worker}/2018-06-01/runtime";
    Router::new()
        .route(&format!("{base}/invocation/next"), get(next))
        .route(
            &format!("{base}/invocation/{{id}}/response"),
            post(response),
        )
        .route(&format!("{base}/invocation/{{id}}/error"), post(error))
        .route(&format!("{base}/init/error"), post(init_error))
        .layer(DefaultBodyLimit::max(RESPONSE_MAX))
        .with_state(registry)
}

async fn next(
    State(registry): State<Registry>,
    Path((function, worker)): Path<(String, u64)>,
) -> Response {
    let events = registry.lock().events.get(&worker).cloned();
    let event = match events {
        Some(events) => events.lock().await.recv().await,
        None => None,
    };
    let Some(event) = event else {
        return StatusCode::GONE.into_response();
    };
    let arn = format!("arn:aws:lambda:us-east-1:123456789012:function:{function}");
    let headers = [
        ("lambda-runtime-aws-request-id", event.id),
        ("lambda-runtime-deadline-ms", event.deadline_ms.to_string()),
        ("lambda-runtime-invoked-function-arn", arn),
        ("content-type", "application/json".to_owned()),
    ];
    (headers, event.body).into_response()
}

async fn response(
    State(registry): State<Registry>,
    Path((_, _, id)): Path<(String, u64, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let mode = headers.get("lambda-runtime-function-response-mode");
    let result = match mode {
        Some(mode) if mode == "streaming" => streamed(&body),
        _ => serde_json::from_slice(&body),
    };
    let outcome = result.map_err(|error| {
        json!({ "errorType": "Runtime.MalformedResponse", "errorMessage": error.to_string() })
    });
    registry.complete(&id, outcome)
}

/// A streamed response as a buffered one. It is a JSON head, eight zero bytes, and the body.
fn streamed(response: &[u8]) -> serde_json::Result<Value> {
    const END: [u8; 8] = [0; 8];
    let end = response.windows(END.len()).position(|bytes| bytes == END);
    let (head, body) = response.split_at(end.unwrap_or(response.len()));
    let mut result: Value = serde_json::from_slice(head)?;
    let body = body.get(END.len()..).unwrap_or_default();
    result["body"] = BASE64_STANDARD.encode(body).into();
    result["isBase64Encoded"] = true.into();
    Ok(result)
}

async fn error(
    State(registry): State<Registry>,
    Path((_, _, id)): Path<(String, u64, String)>,
    body: Bytes,
) -> StatusCode {
    registry.complete(&id, Err(serde_json::from_slice(&body).unwrap_or_default()))
}

/// The process ends by itself after it has posted this.
async fn init_error() -> StatusCode {
    StatusCode::ACCEPTED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streamed_response_is_a_head_and_the_bytes_after_it() {
        let result = streamed(b"{\"statusCode\":206}\0\0\0\0\0\0\0\0RIFF\0").unwrap();
        assert_eq!(result["statusCode"], 206);
        assert_eq!(
            (&result["body"], &result["isBase64Encoded"]),
            (&json!("UklGRgA="), &json!(true))
        );
        assert!(streamed(b"no head").is_err());
    }
}
