//! A function under Lambda Managed Instances, where one environment gets several requests at a time.

use std::collections::HashMap;
use std::path::Path as File;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use testkit::{Request, Stage};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// The requests that the environment may get at a time.
const AT_ONCE: usize = 3;
const PATIENCE: Duration = Duration::from_secs(30);

/// An event or its result, with its request id.
type Event = (usize, Value);

/// Channels with everything that a Runtime API receives: polls and results.
#[derive(Clone)]
struct Received {
    polls: mpsc::UnboundedSender<oneshot::Sender<Event>>,
    answers: mpsc::UnboundedSender<Event>,
}

async fn next(
    State(received): State<Received>,
) -> Result<([(&'static str, String); 2], Json<Value>), StatusCode> {
    let (hand_over, event) = oneshot::channel();
    received
        .polls
        .send(hand_over)
        .map_err(|_| StatusCode::GONE)?;
    let (nth, event) = event.await.map_err(|_| StatusCode::GONE)?;
    let headers = [
        ("lambda-runtime-aws-request-id", nth.to_string()),
        ("lambda-runtime-deadline-ms", "4102444800000".to_owned()),
    ];
    Ok((headers, Json(event)))
}

async fn response(
    State(received): State<Received>,
    Path(nth): Path<usize>,
    body: Bytes,
) -> Result<StatusCode, StatusCode> {
    let answer = serde_json::from_slice(&body).map_err(|_| StatusCode::BAD_REQUEST)?;
    let answered = received.answers.send((nth, answer));
    answered.map_err(|_| StatusCode::GONE)?;
    Ok(StatusCode::ACCEPTED)
}

/// Returns what is received, or fails after [`PATIENCE`].
async fn soon<T>(waited_for: &str, received: impl Future<Output = Option<T>>) -> T {
    let received = timeout(PATIENCE, received).await;
    received
        .ok()
        .flatten()
        .unwrap_or_else(|| panic!("no {waited_for} in {PATIENCE:?}"))
}

#[tokio::test]
async fn concurrent_requests_get_their_own_responses() {
    let stage = Stage::new().await;
    let (polled, mut polls) = mpsc::unbounded_channel();
    let (answered, mut answers) = mpsc::unbounded_channel();
    let router = Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route(
            "/2018-06-01/runtime/invocation/{id}/response",
            post(response),
        )
        .with_state(Received {
            polls: polled,
            answers: answered,
        });
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    let _environment = Command::new(File::new(env!("CARGO_BIN_EXE_xtask")).with_file_name("users"))
        .env_clear()
        .envs(stage.variables())
        .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
        .env("AWS_LAMBDA_FUNCTION_NAME", "users")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
        .env("AWS_LAMBDA_MAX_CONCURRENCY", AT_ONCE.to_string())
        .kill_on_drop(true)
        .spawn()
        .expect("the function starts");

    for round in 0..10 {
        let mut waiting = Vec::new();
        for _ in 0..AT_ONCE {
            waiting.push(soon("concurrent poll", polls.recv()).await);
        }
        let mut expected = HashMap::new();
        for (place, hand_over) in waiting.into_iter().enumerate() {
            let nth = round * AT_ONCE + place;
            let email = format!("user-{nth}@example.com");
            let event = Request::post(
                "/users",
                &json!({ "name": "Ada", "email": email, "phone_number": "+14155552671" }),
            );
            hand_over
                .send((nth, event.event().clone()))
                .expect("it waits");
            expected.insert(nth, email);
        }
        for _ in 0..AT_ONCE {
            let (nth, answer) = soon("answer", answers.recv()).await;
            let email = expected.remove(&nth).expect("each is answered once");
            assert_eq!(answer["statusCode"], 201, "{answer}");
            let body = answer["body"].as_str().expect("a body");
            let user: Value = serde_json::from_str(body).expect("JSON");
            assert_eq!(user["email"], email);
        }
    }
}
