//! The first programs of `docs/EXAMPLES.md`, unchanged, against a whole stack that first returns every retryable response.

mod dial_queue;
mod program;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use reqwest::Client;
use reqwest::header::{HeaderMap, HeaderName};
use reqwest::redirect::Policy;
use tokio::net::TcpListener;

use crate::dev_process::Dev;
use program::{Language, Program};

#[tokio::test(flavor = "multi_thread")]
async fn examples_work_and_retry_retryable_responses() {
    let dev = Dev::start_with(&["--speed", "50"]);
    for language in Language::installed() {
        let hurdles = Hurdles::before(dev.url()).await;
        let (url, key) = (hurdles.url.clone(), dev.api_key().to_owned());
        let run = move || Program::of_examples(language, "").run(&url, &key, &[]);
        let run = tokio::task::spawn_blocking(run).await.expect("no panic");
        let told = &run.told;
        let lines = |start: &str| told.lines().filter(|line| line.starts_with(start)).count();
        assert_eq!(lines("call "), 2, "{told}");
        assert!(
            told.lines()
                .filter(|line| line.ends_with(": completed"))
                .count()
                == 2,
            "{told}"
        );
        assert_eq!(lines("listed "), 2, "one call a page: {told}");
        assert!(lines("user ") >= 1, "lookup by number: {told}");
        assert_eq!(
            lines("called "),
            2,
            "the newest calls to the number: {told}"
        );
        assert!(told.contains("refused: email_taken\n"), "{told}");
        assert!(
            told.contains("refused: validation_failed script to_number\n")
                || told.contains("refused: validation_failed to_number script\n"),
            "{told}"
        );
        let audio = std::fs::read(run.file("recording.wav")).expect("the audio is there");
        assert!(audio.starts_with(b"RIFF"), "{language:?}");

        let tries = hurdles.tries();
        assert_eq!(tries.len(), 3, "a user and two calls: {tries:?}");
        for (key, times) in tries {
            assert_eq!(
                times.len(),
                HURDLES.len() + 1,
                "{key} was retried each time"
            );
            let waited = times[PATIENT + 1] - times[PATIENT];
            assert!(
                waited >= Duration::from_secs(1),
                "{key}: Retry-After is honoured, {waited:?}"
            );
        }
    }
}

/// The responses to a request with an idempotency key, in order: status, `code` and `Retry-After`. The service got the request
/// of the last one.
const HURDLES: [(u16, &str, &str); 5] = [
    (503, "unavailable", "0"),
    (429, "user_daily_cap", "1"),
    (409, "request_in_progress", "0"),
    (502, "twilio_unreachable", "0"),
    (504, "", "0"),
];
/// The response whose `Retry-After` is a second.
const PATIENT: usize = 1;

/// A proxy in front of the stack that returns the hurdles first, and records when each key came.
struct Hurdles {
    url: String,
    tries: Arc<Mutex<HashMap<String, Vec<Instant>>>>,
}

impl Hurdles {
    async fn before(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let tries: Arc<Mutex<HashMap<String, Vec<Instant>>>> = Arc::default();
        let (client, seen) = (client(), tries.clone());
        let router = Router::new().fallback(async move |request: Request| {
            let key = request.headers().get("idempotency-key");
            let key = key.and_then(|key| key.to_str().ok()).map(str::to_owned);
            let count = key.map_or(HURDLES.len(), |key| {
                let mut seen = seen.lock().expect("no thread panicked");
                let times = seen.entry(key).or_default();
                times.push(Instant::now());
                times.len() - 1
            });
            let answer = if count + 1 >= HURDLES.len() {
                Some(forward(&client, &target, request).await)
            } else {
                None
            };
            match (HURDLES.get(count), answer) {
                (None, Some(answer)) => answer,
                (Some(&(status, code, pause)), _) => refusal(status, code, pause),
                (None, None) => unreachable!("a request without a hurdle is forwarded"),
            }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, tries }
    }

    fn tries(&self) -> HashMap<String, Vec<Instant>> {
        self.tries.lock().expect("no thread panicked").clone()
    }
}

fn refusal(status: u16, code: &str, pause: &str) -> Response {
    let status = axum::http::StatusCode::from_u16(status).expect("a status");
    let headers = [
        ("content-type", "application/problem+json"),
        ("retry-after", pause),
    ];
    let body = match code {
        "" => r#"{"message": "Endpoint request timed out"}"#.to_owned(),
        code => format!(
            r#"{{"status": {}, "code": "{code}", "detail": "Later."}}"#,
            status.as_u16()
        ),
    };
    (status, headers, body).into_response()
}

/// The service's own response.
async fn forward(client: &Client, target: &str, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body: Bytes = to_bytes(body, 100_000).await.expect("a small body");
    let headers = chosen(
        &head.headers,
        ["authorization", "content-type", "idempotency-key"],
    );
    let url = format!("{target}{}", head.uri);
    let answer = client
        .request(head.method, url)
        .headers(headers)
        .body(body)
        .send()
        .await;
    let answer = answer.expect("the service answers");
    let status = answer.status();
    let headers = chosen(
        answer.headers(),
        ["content-type", "location", "retry-after"],
    );
    (status, headers, answer.bytes().await.expect("a body")).into_response()
}

fn chosen(headers: &HeaderMap, names: [&'static str; 3]) -> HeaderMap {
    let named = |name| Some((HeaderName::from_static(name), headers.get(name)?.clone()));
    names.into_iter().filter_map(named).collect()
}

fn client() -> Client {
    let tls = outdial::tls::client_config().expect("TLS");
    Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .redirect(Policy::none())
        .build()
        .expect("a client")
}
