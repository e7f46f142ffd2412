//! A function connects to the database and to Twilio only after it has authenticated the request.

use std::time::{Duration, Instant};

use axum::Router;
use lambda_http::{LambdaEvent, Service, lambda_runtime::Context};
use outdial::boot;
use serde_json::{Value, json};
use testkit::{Request, Stage};

use crate::{functions_on, honeypot::Honeypot};

/// The duration of the unauthenticated requests. A background task that connects would have started by then.
const ATTACK: Duration = Duration::from_millis(100);

/// Returns requests to this path with credentials or signatures that are wrong.
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

/// Returns requests to this path without a key. `/health` answers some of them.
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

/// A function whose database and Twilio are honeypots.
struct GuardedFunction {
    function: Router,
    database: Honeypot,
    twilio: Honeypot,
}

impl GuardedFunction {
    async fn new(name: &str) -> Self {
        let (database, twilio) = (Honeypot::start().await, Honeypot::start().await);
        let stage = Stage::new()
            .await
            .set(
                "MONGO_URI",
                &format!("mongodb://{}/?directConnection=true", database.host()),
            )
            .set("TWILIO_API_BASE_URL", &format!("http://{}", twilio.host()));
        Self {
            function: functions_on(&stage).router(name).clone(),
            database,
            twilio,
        }
    }

    /// Asserts that the function refuses the unauthenticated requests without a connection, and that it connects for
    /// the authenticated one.
    async fn connects_only_for(self, authenticated: Request, unauthenticated: Vec<Request>) {
        let begun = Instant::now();
        let mut malformed = authenticated.event().clone();
        malformed["isBase64Encoded"] = true.into();
        malformed["body"] = "{".into();
        let mut other_path = authenticated.event().clone();
        other_path["rawPath"] = format!("/x/..{}", authenticated.path()).into();
        while begun.elapsed() < ATTACK {
            for event in [&malformed, &other_path]
                .into_iter()
                .chain(unauthenticated.iter().map(Request::event))
            {
                let status = status(&self.function, event).await;
                assert!((400..500).contains(&status), "{status}: {event}");
            }
        }
        let to_twilio = self.twilio.connections().await;
        assert_eq!(to_twilio, 0, "connected to Twilio");
        let to_database = self.database.connections().await;
        assert_eq!(to_database, 0, "connected to the database");
        tokio::select! {
            status = status(&self.function, authenticated.event()) => panic!("{status} without a database"),
            () = self.database.connected() => {}
        }
    }
}

#[tokio::test]
async fn users_connects_only_for_requests_with_a_key() {
    let paths = [
        "/users",
        "/users/65f0a1b2c3d4e5f601234567",
        "/users/65f0a1b2c3d4e5f601234567/calls",
        "/users/x/y/z",
    ];
    let unauthenticated = paths
        .iter()
        .flat_map(|path| [forged(path), bare(path)].concat())
        .collect();
    GuardedFunction::new("users")
        .await
        .connects_only_for(Request::get("/users"), unauthenticated)
        .await;
}

#[tokio::test]
async fn outbound_calls_connects_only_for_requests_with_a_key() {
    let call = "/calls/82c48e11-aaf3-4c4b-9cfc-e49f8c928e87";
    let paths = [
        "/calls",
        "/calls/outbound",
        call,
        &format!("{call}/cancel"),
        &format!("{call}/hangup"),
        &format!("{call}/recordings"),
        "/recordings/65f0a1b2c3d4e5f601234567",
        "/recordings/65f0a1b2c3d4e5f601234567/media",
        "/blocked-numbers",
        "/blocked-numbers/+12125550123",
        "/stats",
        "/calls/x/y/z",
    ];
    let unauthenticated = paths
        .iter()
        .flat_map(|path| [forged(path), bare(path)].concat())
        .collect();
    GuardedFunction::new("outbound-calls")
        .await
        .connects_only_for(Request::get(call), unauthenticated)
        .await;
}

#[tokio::test]
async fn voice_connects_only_for_signed_requests() {
    assert_connects_only_for_webhooks("voice", "/twilio/voice").await;
}

#[tokio::test]
async fn status_connects_only_for_signed_requests() {
    assert_connects_only_for_webhooks("status", "/twilio/status").await;
}

#[tokio::test]
async fn recording_connects_only_for_signed_requests() {
    assert_connects_only_for_webhooks("recording", "/twilio/recording").await;
}

async fn assert_connects_only_for_webhooks(function: &str, path: &str) {
    let named = format!("{path}?call_id=82c48e11-aaf3-4c4b-9cfc-e49f8c928e87");
    let form = [
        ("CallSid", "CA0123456789abcdef0123456789abcdef"),
        ("CallStatus", "ringing"),
        ("RecordingSid", "RE0123456789abcdef0123456789abcdef"),
        ("RecordingStatus", "completed"),
    ];
    let signed = Request::webhook(&named, &form);
    let mut unauthenticated: Vec<_> = [path, &named, "/twilio/other"]
        .iter()
        .flat_map(|path| [forged(path), bare(path)].concat())
        .collect();
    unauthenticated.push(
        signed
            .clone()
            .body("CallSid=CA00000000000000000000000000000000"),
    );
    unauthenticated.push(signed.clone().body(&"a".repeat(70_000)));
    unauthenticated.push(signed.clone().moved(&format!("{named}&retry=1")));
    GuardedFunction::new(function)
        .await
        .connects_only_for(signed, unauthenticated)
        .await;
}

/// `GET /health` checks the database for unauthenticated requests too, at intervals.
#[tokio::test]
async fn health_connects_only_for_its_own_route() {
    let paths = ["/", "/docs/nothing", "/users"];
    let mut refused: Vec<_> = paths
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
    refused.extend(
        [forged("/health"), bare("/health")]
            .concat()
            .into_iter()
            .filter(is_refused),
    );
    GuardedFunction::new("health")
        .await
        .connects_only_for(Request::new("GET", "/health"), refused)
        .await;
}
