//! The functions that [`super::event`] sends events to.

use std::{cell::RefCell, error::Error, pin::Pin};

use axum::{
    Router,
    extract::Request,
    middleware::{self, Next},
    response::Response,
    routing::{get, post},
};
use http::{HeaderMap, HeaderName, HeaderValue};
use lambda_http::{LambdaEvent, Service, lambda_runtime::Context, request::LambdaRequest};
use mongodb::bson::DateTime;
use outdial::{
    boot,
    config::Settings,
    domain::{Idempotency, UserCreate, UserId},
    http::{Id, Json, PageQuery, Problem, with_common_layers},
};
use routers::HTTP_FUNCTIONS;
use serde_json::Value;
use tokio::runtime::Runtime;

type PendingResponse = Pin<Box<dyn Future<Output = Value>>>;
/// A function: takes an event, and returns the response as JSON.
pub type Handler = Box<dyn FnMut(LambdaRequest) -> PendingResponse>;

/// The functions, by name, and the runtime that they run on.
pub struct Functions {
    pub runtime: Runtime,
    pub handlers: Vec<(&'static str, Handler)>,
}

thread_local! {
    /// One set of functions for each thread.
    pub static FUNCTIONS: RefCell<Functions> = RefCell::new(
        Functions::new().expect("the configuration is valid"),
    );
}

impl Functions {
    /// Creates the deployed routers, with a database and a Twilio that can't be reached, and a router of the extractors
    /// that run after authentication.
    fn new() -> Result<Self, Box<dyn Error + Send + Sync>> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let _entered = runtime.enter();
        outdial::tls::install_provider();
        let settings = Settings::from_pairs([
            (
                "API_KEYS",
                concat!(
                    "nobody:",
                    "5f78c33274e43fa9de5659265c1d917e25c03722dcb0b8d27db8d5feaa813953"
                ),
            ),
            ("BASE_URL", "https://calls.example.com"),
            ("MEDIA_SIGNING_KEY", "b2a1c7f05a3e4d2f9f5b7c0d1e8a6f34"),
            ("MONGO_URI", "mongodb://127.0.0.1:1/?tls=true"),
            ("TWILIO_ACCOUNT_SID", "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
            ("TWILIO_API_BASE_URL", "https://127.0.0.1:1"),
            ("TWILIO_AUTH_TOKEN", "5f0c2f7de1a94b8e9d3c6a7b8190f2e4"),
            ("TWILIO_FROM_NUMBER", "+12125550100"),
        ])?;
        let mut handlers = vec![("extractors", handler(extractors()))];
        // `health` waits for the database, and `console` admits everyone.
        let private = HTTP_FUNCTIONS
            .iter()
            .filter(|function| !["health", "console"].contains(&function.name));
        for function in private {
            handlers.push((function.name, handler((function.router)(&settings)?)));
        }
        Ok(Self { runtime, handlers })
    }
}

fn handler(router: Router) -> Handler {
    let mut service = boot::service(router);
    Box::new(move |event| {
        let pending = service.call(LambdaEvent::new(event, Context::default()));
        Box::pin(async move {
            let response = pending.await.unwrap_or_else(|never| match never {});
            serde_json::to_value(response).expect("a response is JSON")
        })
    })
}

/// The extractors that read an authenticated caller's request, in front of handlers that do nothing.
fn extractors() -> Router {
    with_common_layers(
        Router::new()
            .route("/users", post(create))
            .route("/users/{user_id}/calls", get(list))
            .route("/calls/{call_id}", get(list_all))
            .layer(middleware::from_fn(show_path)),
    )
}

/// The header that returns the path that the handler has seen.
pub const SEEN_PATH: HeaderName = HeaderName::from_static("seen-path");

async fn show_path(request: Request, next: Next) -> Response {
    let path = HeaderValue::try_from(request.uri().path());
    let mut response = next.run(request).await;
    if let Ok(path) = path {
        response.headers_mut().insert(SEEN_PATH, path);
    }
    response
}

async fn create(headers: HeaderMap, Json(body): Json<UserCreate>) -> Result<(), Problem> {
    Idempotency::of(&headers, None, "POST /users", &body).map(|_| ())
}

async fn list(Id(user): Id<UserId>, query: PageQuery) -> Result<(), Problem> {
    let users = query.of_users();
    query.of_calls(user)?;
    users.map(|_| ())
}

async fn list_all(query: PageQuery) -> Result<(), Problem> {
    let calls = query.of_all_calls();
    let span = query.of_stats(DateTime::now())?;
    assert!(span.bucket_starts().count() <= 100 && span.days().count() <= 32);
    calls.map(|_| ())
}
