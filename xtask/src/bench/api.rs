//! A Runtime API that does nothing but take the time, and the processes that ask it for events.

use std::collections::HashMap;
use std::path::Path as File;
use std::process::{Child, Command, Stdio};
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
use tokio::net::TcpListener;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::time::timeout;
use uuid::Uuid;

use crate::Result;

/// How long a function may take for anything: what the template gives the slowest of those that are measured, reconcile.
const PATIENCE: Duration = Duration::from_secs(270);

/// The Runtime API. Clones are the same.
#[derive(Clone)]
pub struct Api {
    url: String,
    seats: Arc<Mutex<HashMap<u64, Arc<Seat>>>>,
    next: Arc<AtomicU64>,
}

/// The API's end of an environment.
struct Seat {
    polls: UnboundedSender<Instant>,
    events: tokio::sync::Mutex<UnboundedReceiver<Bytes>>,
    handed_over: Mutex<Option<Instant>>,
    answers: UnboundedSender<Answer>,
}

/// What an event was answered with.
pub struct Answer {
    /// When it had come whole.
    pub at: Instant,
    /// How long that was after the event had been handed over.
    pub took: Duration,
    /// What the function sent: the gateway's JSON.
    pub body: Bytes,
    /// Whether it is the function's own error.
    pub failed: bool,
}

/// A process, which is killed when dropped.
pub struct Environment {
    child: Child,
    started: Instant,
    api: Api,
    id: u64,
    polls: UnboundedReceiver<Instant>,
    events: UnboundedSender<Bytes>,
    answers: UnboundedReceiver<Answer>,
}

impl Api {
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

    /// Starts a binary; what it prints goes to `log`.
    pub fn start(
        &self,
        binary: &File,
        variables: &[(String, String)],
        log: &File,
    ) -> Result<Environment> {
        let name = binary.file_name().unwrap_or_default();
        self.run(
            Command::new(binary),
            name.to_string_lossy().as_ref(),
            variables,
            log,
        )
    }

    /// Like [`Api::start`], by a command of one's own.
    pub fn run(
        &self,
        mut command: Command,
        name: &str,
        variables: &[(String, String)],
        log: &File,
    ) -> Result<Environment> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (polled, polls) = mpsc::unbounded_channel();
        let (events, to_handle) = mpsc::unbounded_channel();
        let (answered, answers) = mpsc::unbounded_channel();
        let seat = Seat {
            polls: polled,
            events: to_handle.into(),
            handed_over: Mutex::default(),
            answers: answered,
        };
        lock(&self.seats).insert(id, seat.into());
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(log)?;
        command
            .env_clear()
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .env("AWS_LAMBDA_RUNTIME_API", format!("{}/{id}", self.url))
            .env("AWS_LAMBDA_FUNCTION_NAME", name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let started = Instant::now();
        let child = command
            .spawn()
            .map_err(|error| format!("cannot start {name}: {error}"))?;
        Ok(Environment {
            child,
            started,
            api: self.clone(),
            id,
            polls,
            events,
            answers,
        })
    }

    fn seat(&self, id: u64) -> Option<Arc<Seat>> {
        lock(&self.seats).get(&id).cloned()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Answer {
    /// Whether it has that status.
    pub fn expect(&self, what: &str, status: Option<u16>) -> Result<()> {
        // A streamed one begins with its status, as JSON.
        let mut parts = serde_json::Deserializer::from_slice(&self.body).into_iter::<Value>();
        let has_status =
            |status| matches!(parts.next(), Some(Ok(head)) if head["statusCode"] == status);
        if !self.failed && status.is_none_or(has_status) {
            return Ok(());
        }
        let body = String::from_utf8_lossy(&self.body);
        let start: String = body.chars().take(1_000).collect();
        Err(format!("{what} does not answer as it should: {start}").into())
    }
}

impl Environment {
    /// Waits until it asks for an event, and tells when that was, counted from its start.
    pub async fn poll(&mut self) -> Result<Duration> {
        let polled = timeout(PATIENCE, self.polls.recv()).await;
        let Ok(Some(at)) = polled else {
            return Err(format!("a function does not ask for events: {}", self.end()).into());
        };
        Ok(at - self.started)
    }

    /// Has an event handled, which it must have asked for.
    pub async fn handle(&mut self, event: Bytes) -> Result<Answer> {
        self.events.send(event)?;
        self.answer().await
    }

    /// Has events handled, up to `at_once` of them at the same time, for which it must be made.
    pub async fn handle_all(
        &mut self,
        events: &[Bytes],
        at_once: usize,
        mut check: impl FnMut(Answer) -> Result<()>,
    ) -> Result<()> {
        let (first, rest) = events.split_at(at_once.min(events.len()));
        for event in first {
            self.events.send(event.clone())?;
        }
        for event in rest {
            check(self.answer().await?)?;
            self.events.send(event.clone())?;
        }
        for _ in first {
            check(self.answer().await?)?;
        }
        Ok(())
    }

    /// Gives it its first event as soon as it asks, and tells when it had asked and when it had answered, counted from its
    /// start.
    pub async fn first(&mut self, event: Bytes) -> Result<(Duration, Duration, Answer)> {
        self.events.send(event)?;
        let polled = self.poll().await?;
        let answer = self.answer().await?;
        Ok((polled, answer.at - self.started, answer))
    }

    /// Waits for its end, which it has been told to come to.
    pub fn wait(mut self) -> Result<()> {
        self.child.wait()?;
        Ok(())
    }

    /// The process.
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    async fn answer(&mut self) -> Result<Answer> {
        match timeout(PATIENCE, self.answers.recv()).await {
            Ok(Some(answer)) => Ok(answer),
            _ => Err(format!("a function does not answer: {}", self.end()).into()),
        }
    }

    fn end(&mut self) -> String {
        match self.child.try_wait() {
            Ok(Some(status)) => format!("it has ended ({status}); see target/bench/functions.log"),
            _ => "see target/bench/functions.log".to_owned(),
        }
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        lock(&self.api.seats).remove(&self.id);
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn next(State(api): State<Api>, Path(environment): Path<u64>) -> Response {
    let Some(seat) = api.seat(environment) else {
        return StatusCode::GONE.into_response();
    };
    // Whoever started it may have lost interest.
    let _ = seat.polls.send(Instant::now());
    let Some(event) = seat.events.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    *lock(&seat.handed_over) = Some(Instant::now());
    let deadline = SystemTime::now() + PATIENCE;
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
    State(api): State<Api>,
    Path((environment, _)): Path<(u64, String)>,
    body: Bytes,
) -> StatusCode {
    take(&api, environment, body, false)
}

async fn error(
    State(api): State<Api>,
    Path((environment, _)): Path<(u64, String)>,
    body: Bytes,
) -> StatusCode {
    take(&api, environment, body, true)
}

fn take(api: &Api, environment: u64, body: Bytes, failed: bool) -> StatusCode {
    let at = Instant::now();
    let Some(seat) = api.seat(environment) else {
        return StatusCode::GONE;
    };
    let handed_over = lock(&seat.handed_over).take().unwrap_or(at);
    let _ = seat.answers.send(Answer {
        at,
        took: at - handed_over,
        body,
        failed,
    });
    StatusCode::ACCEPTED
}
