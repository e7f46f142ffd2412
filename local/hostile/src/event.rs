use std::{cell::RefCell, error::Error, pin::Pin};

use arbitrary::Arbitrary;
use axum::{
    Router,
    extract::Request,
    middleware::{self, Next},
    response::Response,
    routing::{get, post},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue};
use lambda_http::{
    LambdaEvent, Service, aws_lambda_events::apigw::ApiGatewayV2httpRequest,
    lambda_runtime::Context, request::LambdaRequest,
};
use mongodb::bson::DateTime;
use outdial::{
    boot,
    config::Settings,
    domain::{UserCreate, UserId},
    http::{Id, Idempotency, Json, PageQuery, Problem, with_common_layers},
};
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

/// An event, as far as a client can make it up, and some more.
#[derive(Debug, Arbitrary)]
struct Input<'a> {
    method: Method<'a>,
    path: Path<'a>,
    query: &'a str,
    headers: Vec<(Name<'a>, &'a str)>,
    cookies: Option<Vec<&'a str>>,
    domain: Option<&'a str>,
    stage: Option<&'a str>,
    body: Body<'a>,
}

#[derive(Debug, Arbitrary)]
enum Method<'a> {
    Get,
    Post,
    Patch,
    Delete,
    Head,
    Options,
    Other(&'a str),
}

#[derive(Debug, Arbitrary)]
enum Path<'a> {
    Users(&'a str),
    Calls(&'a str),
    Recordings(&'a str),
    Voice,
    Status,
    Recording,
    Media,
    Other(&'a str),
}

#[derive(Debug, Arbitrary)]
enum Name<'a> {
    Host,
    Proto,
    ContentType,
    Authorization,
    Key,
    Idempotency,
    Signature,
    Range,
    Other(&'a str),
}

#[derive(Debug, Arbitrary)]
enum Body<'a> {
    None,
    Text(&'a str),
    Bytes(&'a [u8]),
    NoBytes(&'a str),
}

/// The way of an event to a request and back: whatever the event, nothing panics, nobody is let in, no answer is a 5xx, each
/// has the headers that every answer has, and a handler sees the path that the gateway routed. The bytes are an event in JSON, or
/// stand for one.
///
/// # Panics
///
/// Where that does not hold.
pub fn event(bytes: &[u8]) {
    let event = match serde_json::from_slice(bytes) {
        Ok(event) => Some(event),
        Err(_) => {
            crate::read::<Input>(bytes).and_then(|input| serde_json::from_value(input.event()).ok())
        }
    };
    let Some(LambdaRequest::ApiGatewayV2(request)) = event else {
        return;
    };
    FUNCTIONS.with_borrow_mut(|functions| {
        let Functions { runtime, handlers } = functions;
        for (name, handle) in handlers {
            let event = LambdaRequest::ApiGatewayV2(request.clone());
            let answer = runtime.block_on(handle(event));
            check(name, &request, &answer);
        }
    });
}

fn check(function: &str, request: &ApiGatewayV2httpRequest, answer: &Value) {
    let status = answer["statusCode"].as_u64().unwrap_or_default();
    assert!((200..500).contains(&status), "{function}: {answer}");
    let headers = &answer["headers"];
    assert_eq!(headers["x-content-type-options"], "nosniff", "{answer}");
    assert_eq!(headers["strict-transport-security"], "max-age=31536000");
    assert_eq!(headers["cache-control"], "no-store", "{function}: {answer}");
    if let Some(path) = headers.get(SEEN_PATH.as_str()) {
        let raw_path = request.raw_path.as_deref();
        assert_eq!(path.as_str(), raw_path, "{function}: {answer}");
    }
    if status >= 400 {
        assert_eq!(headers["content-type"], "application/problem+json");
        let body = answer["body"].as_str().unwrap_or_default();
        if request.request_context.http.method == http::Method::HEAD {
            assert_eq!(body, "", "{function}: {answer}");
        } else {
            let body: Value = serde_json::from_str(body).unwrap_or_default();
            assert_eq!(body["status"], status, "{function}: {answer}");
        }
    } else {
        // A page's preflight is answered to everybody.
        let is_preflight = function == "media"
            && status == 204
            && request.request_context.http.method == http::Method::OPTIONS;
        assert!(is_preflight || function == "extractors", "let in: {answer}");
    }
}

type Answering = Pin<Box<dyn Future<Output = Value>>>;
type Handler = Box<dyn FnMut(LambdaRequest) -> Answering>;

struct Functions {
    runtime: Runtime,
    handlers: Vec<(&'static str, Handler)>,
}

thread_local! {
    static FUNCTIONS: RefCell<Functions> = RefCell::new(
        Functions::new().expect("the functions can be configured"),
    );
}

impl Functions {
    /// The real routers, whose database and Twilio are out of reach, and one of what stands behind the API keys.
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
        let routers = [
            (
                "users",
                users::router(users::App::from_settings(&settings)?),
            ),
            (
                "outbound-calls",
                outbound_calls::router(outbound_calls::App::from_settings(&settings)?),
            ),
            (
                "voice",
                voice::router(voice::App::from_settings(&settings)?),
            ),
            (
                "status",
                status::router(status::App::from_settings(&settings)?),
            ),
            (
                "recording",
                recording::router(recording::App::from_settings(&settings)?),
            ),
            (
                "media",
                media::router(media::App::from_settings(&settings)?),
            ),
            ("extractors", extractors()),
        ];
        let handlers = routers.map(|(name, router)| (name, handler(router)));
        Ok(Self {
            handlers: handlers.into(),
            runtime,
        })
    }
}

fn handler(router: Router) -> Handler {
    let mut service = boot::service(router);
    Box::new(move |event| {
        let answering = service.call(LambdaEvent::new(event, Context::default()));
        Box::pin(async move {
            let answer = answering.await.unwrap_or_else(|never| match never {});
            serde_json::to_value(answer).expect("an answer is JSON")
        })
    })
}

/// What reads a caller's request, without what it would be read for.
fn extractors() -> Router {
    with_common_layers(
        Router::new()
            .route("/users", post(create))
            .route("/users/{user_id}/calls", get(list))
            .route("/calls/{call_id}", get(list_all))
            .layer(middleware::from_fn(show_path)),
    )
}

/// The header with the path that a handler sees.
const SEEN_PATH: HeaderName = HeaderName::from_static("seen-path");

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

impl Input<'_> {
    fn event(&self) -> Value {
        let headers = self.headers.iter();
        let headers: Map<_, _> = headers
            .map(|(name, value)| (name.to_text(), Value::from(*value)))
            .collect();
        let path = self.path.to_text();
        let (body, encoded) = match self.body {
            Body::None => (Value::Null, false),
            Body::Text(text) => (text.into(), false),
            Body::Bytes(bytes) => (BASE64_STANDARD.encode(bytes).into(), true),
            Body::NoBytes(text) => (text.into(), true),
        };
        json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": self.query,
            "cookies": self.cookies,
            "headers": headers,
            "requestContext": {
                "domainName": self.domain,
                "http": {"method": self.method.as_str(), "path": path},
                "requestId": "request-of-a-stranger",
                "stage": self.stage.unwrap_or("$default"),
            },
            "body": body,
            "isBase64Encoded": encoded,
        })
    }
}

impl Method<'_> {
    fn as_str(&self) -> &str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
            Self::Other(text) => text,
        }
    }
}

impl Path<'_> {
    fn to_text(&self) -> String {
        match self {
            Self::Users(rest) => format!("/users{rest}"),
            Self::Calls(rest) => format!("/calls/{rest}"),
            Self::Recordings(rest) => format!("/recordings/{rest}"),
            Self::Voice => "/twilio/voice".to_owned(),
            Self::Status => "/twilio/status".to_owned(),
            Self::Recording => "/twilio/recording".to_owned(),
            Self::Media => "/media".to_owned(),
            Self::Other(text) => (*text).to_owned(),
        }
    }
}

impl Name<'_> {
    fn to_text(&self) -> String {
        let name = match self {
            Self::Host => "host",
            Self::Proto => "x-forwarded-proto",
            Self::ContentType => "content-type",
            Self::Authorization => "authorization",
            Self::Key => "x-api-key",
            Self::Idempotency => "idempotency-key",
            Self::Signature => "x-twilio-signature",
            Self::Range => "range",
            Self::Other(name) => name,
        };
        name.to_owned()
    }
}
