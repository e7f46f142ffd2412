use std::time::{Duration, Instant};

use axum::Router;
use lambda_http::{LambdaEvent, Service, lambda_runtime::Context};
use outdial::{boot, config::Settings};
use serde_json::{Value, json};
use testkit::{Request, Stage};

use crate::trap::Trap;

/// How long strangers send requests: work in the background that connects would have begun by then.
const SIEGE: Duration = Duration::from_millis(100);

/// Every kind of request without authentication to that path.
fn forged(path: &str) -> Vec<Request> {
    let mut requests = Vec::new();
    for method in [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW",
    ] {
        let bare = Request::new(method, path);
        let signed = Request::signed_by(
            "another token",
            path,
            &[("CallSid", "CA0123456789abcdef0123456789abcdef")],
        );
        requests.extend([
            bare.clone().with_key("unknown"),
            bare.clone().with_key(""),
            bare.clone().header("x-api-key", "unknown"),
            bare.clone()
                .header("authorization", "Basic YTpi")
                .header("x-api-key", "unknown"),
            bare.clone().with_key("unknown").body("{"),
            bare.clone()
                .with_key("unknown")
                .json(&json!({"script": "a".repeat(70_000)})),
            bare.clone()
                .with_key("unknown")
                .header("idempotency-key", "k")
                .json(&json!({})),
            bare.clone()
                .with_key("unknown")
                .header("if-none-match", "*"),
            bare.with_key("unknown")
                .header("x-twilio-signature", "AAAA"),
            signed,
        ]);
    }
    requests
}

/// Requests without a key. A stranger may ask `/health`.
fn bare(path: &str) -> Vec<Request> {
    [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW",
    ]
    .map(|method| {
        let request = Request::new(method, path);
        [
            request.clone(),
            request.clone().header("authorization", "Basic YTpi"),
            request.json(&json!({})),
        ]
    })
    .concat()
}

async fn status(function: &Router, event: &Value) -> u64 {
    let event = LambdaEvent::new(
        serde_json::from_value(event.clone()).unwrap(),
        Context::default(),
    );
    let Ok(answer) = boot::service(function.clone()).call(event).await;
    let answer = serde_json::to_value(answer).unwrap();
    answer["statusCode"].as_u64().unwrap()
}

/// A function whose database and Twilio are traps.
struct Besieged {
    function: Router,
    database: Trap,
    twilio: Trap,
}

impl Besieged {
    async fn new(build: impl FnOnce(&Settings) -> Router) -> Self {
        let (database, twilio) = (Trap::set().await, Trap::set().await);
        let stage = Stage::new()
            .await
            .set(
                "MONGO_URI",
                &format!("mongodb://{}/?directConnection=true", database.host()),
            )
            .set("TWILIO_API_BASE_URL", &format!("http://{}", twilio.host()));
        Self {
            function: build(&stage.settings()),
            database,
            twilio,
        }
    }

    /// Asserts that these requests are refused without a connection, and that one of a known caller connects.
    async fn connects_for(self, strangers: Vec<Request>, known: Request) {
        let begun = Instant::now();
        let mut malformed = known.event().clone();
        malformed["isBase64Encoded"] = true.into();
        malformed["body"] = "{".into();
        let mut astray = known.event().clone();
        astray["rawPath"] = format!("/x/..{}", known.path()).into();
        while begun.elapsed() < SIEGE {
            for event in [&malformed, &astray]
                .into_iter()
                .chain(strangers.iter().map(Request::event))
            {
                let status = status(&self.function, event).await;
                assert!((400..500).contains(&status), "{status}: {event}");
            }
        }
        assert_eq!(self.twilio.sprung().await, 0, "Twilio was asked");
        assert_eq!(
            self.database.sprung().await,
            0,
            "the database was connected to"
        );
        tokio::select! {
            status = status(&self.function, known.event()) => panic!("{status} without a database"),
            () = self.database.visited() => {}
        }
    }
}

#[tokio::test]
async fn users_connects_for_callers_with_a_key_only() {
    let besieged =
        Besieged::new(|settings| users::router(users::App::from_settings(settings).unwrap())).await;
    let paths = [
        "/users",
        "/users/65f0a1b2c3d4e5f601234567",
        "/users/65f0a1b2c3d4e5f601234567/calls",
        "/users/x/y/z",
    ];
    let strangers = paths
        .iter()
        .flat_map(|path| [forged(path), bare(path)].concat())
        .collect();
    besieged
        .connects_for(strangers, Request::get("/users"))
        .await;
}

#[tokio::test]
async fn outbound_calls_connects_for_callers_with_a_key_only() {
    let build = |settings: &Settings| {
        outbound_calls::router(outbound_calls::App::from_settings(settings).unwrap())
    };
    let besieged = Besieged::new(build).await;
    let call = "/calls/82c48e11-aaf3-4c4b-9cfc-e49f8c928e87";
    let strangers = [
        "/calls",
        "/calls/outbound",
        call,
        &format!("{call}/hangup"),
        &format!("{call}/recordings"),
        "/recordings/65f0a1b2c3d4e5f601234567",
        "/recordings/65f0a1b2c3d4e5f601234567/media",
        "/blocked-numbers",
        "/blocked-numbers/+12125550123",
        "/stats",
        "/calls/x/y/z",
    ];
    let strangers = strangers
        .iter()
        .flat_map(|path| [forged(path), bare(path)].concat())
        .collect();
    besieged.connects_for(strangers, Request::get(call)).await;
}

#[tokio::test]
async fn voice_connects_for_signed_requests_only() {
    let build = |settings: &Settings| voice::router(voice::App::from_settings(settings).unwrap());
    assert_connects_for_webhooks(build, "/twilio/voice").await;
}

#[tokio::test]
async fn status_connects_for_signed_requests_only() {
    let build = |settings: &Settings| status::router(status::App::from_settings(settings).unwrap());
    assert_connects_for_webhooks(build, "/twilio/status").await;
}

#[tokio::test]
async fn recording_connects_for_signed_requests_only() {
    let build =
        |settings: &Settings| recording::router(recording::App::from_settings(settings).unwrap());
    assert_connects_for_webhooks(build, "/twilio/recording").await;
}

async fn assert_connects_for_webhooks(build: impl FnOnce(&Settings) -> Router, path: &str) {
    let named = format!("{path}?call_id=82c48e11-aaf3-4c4b-9cfc-e49f8c928e87");
    let form = [
        ("CallSid", "CA0123456789abcdef0123456789abcdef"),
        ("CallStatus", "ringing"),
        ("RecordingSid", "RE0123456789abcdef0123456789abcdef"),
        ("RecordingStatus", "completed"),
    ];
    let signed = Request::webhook(&named, &form);
    let mut strangers: Vec<_> = [path, &named, "/twilio/other"]
        .iter()
        .flat_map(|path| [forged(path), bare(path)].concat())
        .collect();
    strangers.push(
        signed
            .clone()
            .body("CallSid=CA00000000000000000000000000000000"),
    );
    strangers.push(signed.clone().body(&"a".repeat(70_000)));
    strangers.push(signed.clone().moved(&format!("{named}&retry=1")));
    Besieged::new(build)
        .await
        .connects_for(strangers, signed)
        .await;
}

/// `GET /health` itself checks the database for a stranger too, once in a while.
#[tokio::test]
async fn health_connects_for_a_request_for_health_only() {
    let build = |settings: &Settings| health::router(health::App::from_settings(settings).unwrap());
    let paths = ["/", "/docs/nothing", "/users"];
    let mut strangers: Vec<_> = paths
        .iter()
        .flat_map(|path| [forged(path), bare(path)].concat())
        .collect();
    let is_refused = |request: &Request| {
        let headers = &request.event()["headers"];
        let has_key = headers["authorization"]
            .as_str()
            .is_some_and(|value| value.starts_with("Bearer"))
            || headers.get("x-api-key").is_some();
        has_key || !["GET", "HEAD"].contains(&&*request.method())
    };
    strangers.extend(
        [forged("/health"), bare("/health")]
            .concat()
            .into_iter()
            .filter(is_refused),
    );
    Besieged::new(build)
        .await
        .connects_for(strangers, Request::new("GET", "/health"))
        .await;
}
