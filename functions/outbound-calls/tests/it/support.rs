//! The function under test, and helpers.

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use axum::Router;
use chrono::{DateTime, SecondsFormat, Utc};
use mongodb::bson::{Document, doc};
use outbound_calls::App;
use outdial::http::openapi;
use serde_json::{Value, json};
use testkit::{Answer, ApiDocument, Proxy, Request, Stage, Twilio};

/// Stays queued for half a minute, so that no webhook arrives during a test.
pub const QUEUED: &str = "+12125550109";
/// Rings for 25 seconds.
pub const RINGS: &str = "+12125550112";

static DOCUMENT: LazyLock<ApiDocument> =
    LazyLock::new(|| ApiDocument::new(&openapi::document([outbound_calls::openapi()])));

/// The function with its database, Twilio and one user.
pub struct Api {
    pub stage: Stage,
    pub twilio: Twilio,
    pub router: Router,
    pub user: String,
}

impl Api {
    pub async fn new() -> Self {
        Self::with(|stage| stage).await
    }

    /// Returns a router with other variables.
    pub async fn with(change: impl FnOnce(Stage) -> Stage) -> Self {
        let twilio = Twilio::start().await;
        let stage = change(Stage::new().await.playing(&twilio));
        Self::of(stage, twilio).await
    }

    /// Returns a router with a dial queue.
    pub async fn with_queue() -> Self {
        Self::with(having_queue).await
    }

    pub async fn of(stage: Stage, twilio: Twilio) -> Self {
        Self {
            user: stage.user().await,
            router: router(&stage),
            stage,
            twilio,
        }
    }

    /// A body with the required fields only.
    pub fn body(&self) -> Value {
        json!({ "user_id": self.user, "to_number": QUEUED, "script": "Hello." })
    }

    pub fn body_to(&self, to: &str) -> Value {
        json!({ "user_id": self.user, "to_number": to, "script": "Hello." })
    }

    pub async fn post(&self, body: &Value) -> Answer {
        self.send(&post(body)).await
    }

    pub async fn post_with_key(&self, key: &str, body: &Value) -> Answer {
        self.send(&with_key(key, body)).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(&Request::get(path)).await
    }

    /// Sends a request, and checks the response against the API document.
    pub async fn send(&self, request: &Request) -> Answer {
        let answer = request.send(&self.router).await;
        if !matches!(answer.status.as_u16(), 404 | 405) {
            DOCUMENT.check(request, &answer);
        }
        answer
    }

    /// Places a call that is due at this time, with these changes of the body, and returns its `call_id`.
    pub async fn schedule(&self, at: DateTime<Utc>, changes: &Value) -> String {
        let mut body = self.body();
        body["scheduled_at"] = json!(at.to_rfc3339());
        for (field, value) in changes.as_object().unwrap() {
            body[field] = value.clone();
        }
        let answer = self.post(&body).await;
        assert_eq!(answer.status, 202, "{}", answer.text());
        text(&answer.json()["call_id"])
    }

    pub async fn patch(&self, id: &str, body: &Value) -> Answer {
        let path = format!("/calls/{id}");
        let request = Request::new("PATCH", &path).with_key(testkit::API_KEY);
        let request = request
            .header("content-type", "application/json")
            .body(&body.to_string());
        self.send(&request).await
    }

    pub async fn cancel(&self, id: &str) -> Answer {
        let path = format!("/calls/{id}/cancel");
        let request = Request::new("POST", &path).with_key(testkit::API_KEY);
        self.send(&request).await
    }

    /// Changes the stored document of a call.
    pub async fn change_stored(&self, id: &str, change: Document) {
        let calls = self.stage.database().collection::<Document>("calls");
        let changed = calls
            .update_one(doc! { "call_id": id }, change)
            .await
            .unwrap();
        assert_eq!(changed.matched_count, 1);
    }

    pub async fn call(&self, id: &str) -> Value {
        let answer = self.get(&format!("/calls/{id}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    pub async fn hang_up(&self, id: &str) -> Answer {
        let path = format!("/calls/{id}/hangup");
        let request = Request::new("POST", &path).with_key(testkit::API_KEY);
        self.send(&request).await
    }

    /// Returns the `CallSid` of each call at Twilio.
    pub async fn sids(&self) -> Vec<String> {
        let calls = self.twilio.calls().await;
        calls.iter().map(|call| text(&call["sid"])).collect()
    }

    /// Asserts that no call was stored and Twilio got no dial request.
    #[track_caller]
    pub fn assert_untouched(&self) -> impl Future<Output = ()> {
        let place = std::panic::Location::caller();
        async move {
            assert_eq!(self.stage.count("calls").await, 0, "stored, at {place}");
            let dials = self.twilio.dials().await;
            assert!(dials.is_empty(), "dialled, at {place}: {dials:?}");
        }
    }

    /// Asserts that requests with one key placed one call: one response is the first, and the others replay it or are a 409.
    pub async fn assert_placed_once(&self, answers: &[Answer]) {
        let mut placed = 0;
        for answer in answers {
            match answer.status.as_u16() {
                201 if answer.header("idempotent-replayed").is_empty() => placed += 1,
                201 => {}
                _ => {
                    answer.assert_problem(409, "request_in_progress");
                }
            }
        }
        assert_eq!(placed, 1);
        assert_eq!(self.twilio.dials().await.len(), 1);
        assert_eq!(self.stage.count("calls").await, 1);
        self.assert_counted(1).await;
    }

    /// Asserts the number of calls in each of today's counters.
    #[track_caller]
    pub fn assert_counted(&self, expected: i64) -> impl Future<Output = ()> {
        let place = std::panic::Location::caller();
        async move {
            let counts = counts(&self.stage).await;
            assert!(
                counts.iter().all(|&count| count == expected),
                "{counts:?}, and not {expected}, at {place}"
            );
        }
    }
}

/// Returns the function with a connection to the database that a test can break.
pub async fn with_line() -> (Api, Proxy) {
    let twilio = Twilio::start().await;
    let (stage, line) = Stage::new().await.playing(&twilio).behind_proxy().await;
    (Api::of(stage, twilio).await, line)
}

/// Configures a dial queue. The function only stores calls for it.
pub fn having_queue(stage: Stage) -> Stage {
    stage.set("DIAL_QUEUE_URL", "https://sqs.example/1/dial")
}

/// The time in a number of minutes, in whole milliseconds.
pub fn in_minutes(minutes: i64) -> DateTime<Utc> {
    let now = Utc::now().timestamp_millis();
    DateTime::from_timestamp_millis(now + minutes * 60_000).unwrap()
}

/// A time as the API shows it.
pub fn shown(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

pub fn router(stage: &Stage) -> Router {
    let app = App::from_settings(&stage.settings()).expect("the stage is well configured");
    outbound_calls::router(app)
}

pub fn post(body: &Value) -> Request {
    Request::post("/calls/outbound", body)
}

pub fn with_key(key: &str, body: &Value) -> Request {
    post(body).header("idempotency-key", key)
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The values of the day's counters.
pub async fn counts(stage: &Stage) -> Vec<i64> {
    let counters = stage.database().collection::<Document>("counters");
    let mut found = counters
        .find(mongodb::bson::doc! { "count": { "$exists": true } })
        .await
        .unwrap();
    let mut counts = Vec::new();
    while found.advance().await.unwrap() {
        let counter = found.deserialize_current().unwrap();
        counts.push(counter.get_i64("count").unwrap());
    }
    counts
}

/// Waits until `look` returns something, and returns it.
pub async fn eventually<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A status callback for the call with this `call_id`.
pub fn status_callback(id: &str, sid: &str, status: &str, sequence: u32) -> Request {
    let sequence = sequence.to_string();
    Request::webhook(
        &format!("/twilio/status?call_id={id}"),
        &[
            ("AccountSid", testkit::ACCOUNT_SID),
            ("CallSid", sid),
            ("CallStatus", status),
            ("SequenceNumber", &sequence),
            ("Timestamp", "Thu, 01 Jan 2026 00:00:00 +0000"),
        ],
    )
}

pub fn status_router(stage: &Stage) -> Router {
    status::router(
        status::App::from_settings(&stage.settings()).expect("the stage is well configured"),
    )
}
