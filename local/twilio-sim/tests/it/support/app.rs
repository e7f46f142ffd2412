//! An application that responds to webhooks and remembers them.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::{DEADLINE, GOODBYE};

/// A request that the application received.
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

/// A response of the application.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
    pub after: Duration,
}

pub fn no_content() -> Reply {
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
        ..no_content()
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

pub fn audio(media_type: &str) -> Reply {
    let media_type = media_type.to_owned();
    Reply {
        status: 200,
        headers: vec![("content-type", media_type), ("etag", "\"1\"".to_owned())],
        body: "sound".to_owned(),
        after: Duration::ZERO,
    }
}

pub fn redirect(status: u16, to: &str) -> Reply {
    Reply {
        status,
        headers: vec![("location", to.to_owned())],
        ..no_content()
    }
}

type Respond = dyn Fn(&Hit, usize) -> Reply + Send + Sync;

/// An application that responds to webhooks and remembers them.
pub struct App {
    pub origin: String,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

struct Shared {
    hits: Mutex<Vec<Hit>>,
    respond: Box<Respond>,
}

impl Drop for App {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl App {
    /// Starts an application that says goodbye at `/voice` and responds with 204 elsewhere.
    pub async fn start() -> Self {
        Self::with_twiml(GOODBYE).await
    }

    pub async fn with_twiml(text: &str) -> Self {
        let text = text.to_owned();
        Self::responding(move |hit, _| {
            if hit.path == "/voice" {
                twiml(&text)
            } else {
                no_content()
            }
        })
        .await
    }

    /// Starts an application. `respond` gets the request and the number of earlier requests to the same path.
    pub async fn responding(
        respond: impl Fn(&Hit, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            hits: Mutex::default(),
            respond: Box::new(respond),
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

    /// Waits for `count` requests to a path.
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
    let reply = (shared.respond)(&hit, before);
    tokio::time::sleep(reply.after).await;
    let mut response = (StatusCode::from_u16(reply.status).unwrap(), reply.body).into_response();
    response.headers_mut().remove(CONTENT_TYPE);
    for (name, value) in reply.headers {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}
