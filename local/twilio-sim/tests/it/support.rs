//! A simulator and an application, both on ports of their own.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use twilio_sim::clock::Speed;
use twilio_sim::{Config, Simulator};

/// The longest that anything is waited for.
pub const DEADLINE: Duration = Duration::from_secs(20);
pub const FROM: &str = "+15005550006";
pub const LISTENER: &str = "+12125551234";
pub const ALL_EVENTS: [(&str, &str); 4] = [
    ("StatusCallbackEvent", "initiated"),
    ("StatusCallbackEvent", "ringing"),
    ("StatusCallbackEvent", "answered"),
    ("StatusCallbackEvent", "completed"),
];
pub const GOODBYE: &str = "<Response><Say>Goodbye.</Say><Hangup/></Response>";

pub struct Sim {
    pub origin: String,
    pub account: String,
    pub token: String,
    pub client: reqwest::Client,
    server: JoinHandle<()>,
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Sim {
    /// A simulator in which ten minutes pass in a second.
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config {
            speed: Speed::parse("600").unwrap(),
            ..Config::default()
        };
        change(&mut config);
        let (account, token) = (config.account_sid.clone(), config.auth_token.clone());
        let simulator = Simulator::bind(config).await.unwrap();
        let origin = format!("http://{}", simulator.address());
        let server = tokio::spawn(async move { simulator.run().await.unwrap() });
        Self {
            origin,
            account,
            token,
            client: client(),
            server,
        }
    }

    /// A resource's URL: `/Calls.json` and so on.
    pub fn url(&self, rest: &str) -> String {
        format!("{}/2010-04-01/Accounts/{}{rest}", self.origin, self.account)
    }

    pub async fn get(&self, rest: &str) -> (StatusCode, Value) {
        self.send(self.client.get(self.url(rest))).await
    }

    pub async fn post(&self, rest: &str, form: &[(&str, &str)]) -> (StatusCode, Value) {
        self.send(self.client.post(self.url(rest)).form(form)).await
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> (StatusCode, Value) {
        let answer = request
            .basic_auth(&self.account, Some(&self.token))
            .send()
            .await
            .unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        (
            status,
            serde_json::from_str(&text).unwrap_or(Value::String(text)),
        )
    }

    /// Places a call that must be accepted, and returns its SID.
    pub async fn call(&self, to: &str, form: &[(&str, &str)]) -> String {
        let mut all = vec![("To", to), ("From", FROM)];
        all.extend(form);
        let (status, call) = self.post("/Calls.json", &all).await;
        assert_eq!(status, 201, "{call}");
        call["sid"].as_str().unwrap().to_owned()
    }

    pub async fn fetch(&self, sid: &str) -> Value {
        let (status, call) = self.get(&format!("/Calls/{sid}.json")).await;
        assert_eq!(status, 200, "{call}");
        call
    }

    /// Waits until the REST API shows this status.
    pub async fn reaches(&self, sid: &str, status: &str) -> Value {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let call = self.fetch(sid).await;
            if call["status"] == status {
                return call;
            }
            assert!(
                Instant::now() < deadline,
                "the call did not become {status}: {call}"
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// The entries of a call, once one of them satisfies `until`.
    pub async fn log(&self, sid: &str, until: impl Fn(&Value) -> bool) -> Vec<Value> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let url = format!("{}/_sim/log?call_sid={sid}", self.origin);
            let text = self
                .client
                .get(url)
                .send()
                .await
                .unwrap()
                .text()
                .await
                .unwrap();
            let entries: Vec<Value> = text
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect();
            if entries.iter().any(&until) {
                return entries;
            }
            assert!(Instant::now() < deadline, "not in the log: {entries:#?}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// The truth about one call.
    pub async fn truth(&self, sid: &str) -> Value {
        let url = format!("{}/_sim/calls?call_sid={sid}", self.origin);
        let all: Value = self
            .client
            .get(url)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        assert_eq!(all["calls"].as_array().unwrap().len(), 1);
        all["calls"][0].clone()
    }
}

pub fn client() -> reqwest::Client {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .build()
        .unwrap()
}

/// A request that the application got.
#[derive(Clone, Debug)]
pub struct Hit {
    pub method: String,
    pub path: String,
    pub query: String,
    pub headers: HeaderMap,
    pub form: Vec<(String, String)>,
}

impl Hit {
    pub fn param(&self, name: &str) -> &str {
        self.form
            .iter()
            .find(|(own, _)| own == name)
            .map_or("(absent)", |(_, value)| value)
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("(absent)", |value| value.to_str().unwrap())
    }

    pub fn params(&self) -> HashMap<String, String> {
        self.form.iter().cloned().collect()
    }
}

/// What the application answers.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
    pub after: Duration,
}

pub fn nothing() -> Reply {
    Reply {
        status: 204,
        headers: Vec::new(),
        body: String::new(),
        after: Duration::ZERO,
    }
}

pub fn status(status: u16) -> Reply {
    Reply {
        status,
        ..nothing()
    }
}

pub fn twiml(text: &str) -> Reply {
    let headers = vec![("content-type", "text/xml".to_owned())];
    Reply {
        status: 200,
        headers,
        body: text.to_owned(),
        after: Duration::ZERO,
    }
}

pub fn redirect(status: u16, to: &str) -> Reply {
    Reply {
        status,
        headers: vec![("location", to.to_owned())],
        ..nothing()
    }
}

type Answering = dyn Fn(&Hit, usize) -> Reply + Send + Sync;

/// An application that answers webhooks and remembers them.
pub struct App {
    pub origin: String,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

struct Shared {
    hits: Mutex<Vec<Hit>>,
    answer: Box<Answering>,
}

impl Drop for App {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl App {
    /// An application that says goodbye at `/voice` and answers everything else with 204.
    pub async fn start() -> Self {
        Self::speaking(GOODBYE).await
    }

    pub async fn speaking(text: &str) -> Self {
        let text = text.to_owned();
        Self::answering(move |hit, _| {
            if hit.path == "/voice" {
                twiml(&text)
            } else {
                nothing()
            }
        })
        .await
    }

    /// `answer` gets the request and how many of the same path came before it.
    pub async fn answering(answer: impl Fn(&Hit, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            hits: Mutex::default(),
            answer: Box::new(answer),
        });
        let router = Router::new()
            .fallback(serve)
            .with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            origin,
            shared,
            server,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    pub fn hits(&self, path: &str) -> Vec<Hit> {
        self.shared
            .hits
            .lock()
            .unwrap()
            .iter()
            .filter(|hit| hit.path == path)
            .cloned()
            .collect()
    }

    pub fn all(&self) -> Vec<Hit> {
        self.shared.hits.lock().unwrap().clone()
    }

    /// Waits for that many requests to a path.
    pub async fn wait(&self, path: &str, count: usize) -> Vec<Hit> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let hits = self.hits(path);
            if hits.len() >= count {
                return hits;
            }
            assert!(
                Instant::now() < deadline,
                "{} of {count} requests to {path}: {hits:#?}",
                hits.len()
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

async fn serve(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let hit = Hit {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        form: form_urlencoded::parse(&body).into_owned().collect(),
    };
    let before = {
        let mut hits = shared.hits.lock().unwrap();
        let before = hits
            .iter()
            .filter(|earlier| earlier.path == hit.path)
            .count();
        hits.push(hit.clone());
        before
    };
    let reply = (shared.answer)(&hit, before);
    tokio::time::sleep(reply.after).await;
    let mut response = (StatusCode::from_u16(reply.status).unwrap(), reply.body).into_response();
    response.headers_mut().remove(CONTENT_TYPE);
    for (name, value) in reply.headers {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}
