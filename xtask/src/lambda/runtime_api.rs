//! Lambda's Runtime API, version 2018-06-01: where environments ask for events, and answer them.

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

/// An event on its way.
pub struct Event {
    id: String,
    deadline_ms: u128,
    body: String,
}

impl Event {
    /// With as much time as the function has from now on.
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

/// Where an environment's events are handed over.
pub type Seat = mpsc::Sender<Event>;

type Answer = Result<Value, Value>;

/// The environments, and the answers that are awaited.
#[derive(Clone, Default)]
pub struct Registry(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    seats: HashMap<u64, Arc<tokio::sync::Mutex<mpsc::Receiver<Event>>>>,
    awaited: HashMap<String, (u64, oneshot::Sender<Answer>)>,
}

impl Registry {
    /// A seat for a new environment.
    pub fn seat(&self, worker: u64) -> Seat {
        let (seat, events) = mpsc::channel(1);
        let events = Arc::new(tokio::sync::Mutex::new(events));
        self.lock().seats.insert(worker, events);
        seat
    }

    /// What will be answered to that event.
    pub fn expect(&self, worker: u64, id: &str) -> oneshot::Receiver<Answer> {
        let (tell, answer) = oneshot::channel();
        self.lock().awaited.insert(id.to_owned(), (worker, tell));
        answer
    }

    /// Forgets an environment that has ended.
    pub fn forget(&self, worker: u64) {
        let mut known = self.lock();
        known.seats.remove(&worker);
        known.awaited.retain(|_, (of, _)| *of != worker);
    }

    fn answer(&self, id: &str, answer: Answer) -> StatusCode {
        match self.lock().awaited.remove(id) {
            Some((_, tell)) => {
                // Whoever asked may have given up.
                let _ = tell.send(answer);
                StatusCode::ACCEPTED
            }
            None => StatusCode::BAD_REQUEST,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an answer may have, streamed ones included: minutes of audio.
const ANSWER_MAX: usize = 20 * 1024 * 1024;

/// The paths that environments ask at: each has a base of its own.
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
        .layer(DefaultBodyLimit::max(ANSWER_MAX))
        .with_state(registry)
}

async fn next(
    State(registry): State<Registry>,
    Path((function, worker)): Path<(String, u64)>,
) -> Response {
    let events = registry.lock().seats.get(&worker).cloned();
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
    let answer = match mode {
        Some(mode) if mode == "streaming" => streamed(&body),
        _ => serde_json::from_slice(&body),
    };
    let answer = answer.map_err(|error| {
        json!({ "errorType": "Runtime.MalformedAnswer", "errorMessage": error.to_string() })
    });
    registry.answer(&id, answer)
}

/// A streamed answer, as it would be if it came at once: its head is JSON, eight zeros end it, and the body follows.
fn streamed(answer: &[u8]) -> serde_json::Result<Value> {
    const END: [u8; 8] = [0; 8];
    let end = answer.windows(END.len()).position(|bytes| bytes == END);
    let (head, body) = answer.split_at(end.unwrap_or(answer.len()));
    let mut answer: Value = serde_json::from_slice(head)?;
    let body = body.get(END.len()..).unwrap_or_default();
    answer["body"] = BASE64_STANDARD.encode(body).into();
    answer["isBase64Encoded"] = true.into();
    Ok(answer)
}

async fn error(
    State(registry): State<Registry>,
    Path((_, _, id)): Path<(String, u64, String)>,
    body: Bytes,
) -> StatusCode {
    registry.answer(&id, Err(serde_json::from_slice(&body).unwrap_or_default()))
}

/// The process ends by itself then.
async fn init_error() -> StatusCode {
    StatusCode::ACCEPTED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_streamed_answer_is_a_head_and_the_bytes_behind_it() {
        let answer = streamed(b"{\"statusCode\":206}\0\0\0\0\0\0\0\0RIFF\0").unwrap();
        assert_eq!(answer["statusCode"], 206);
        assert_eq!(
            (&answer["body"], &answer["isBase64Encoded"]),
            (&json!("UklGRgA="), &json!(true))
        );
        assert!(streamed(b"no head").is_err());
    }
}
