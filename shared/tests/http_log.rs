//! Tests the log lines of routers and of the DAO.
//!
//! Other tests of these are in other binaries: without their own subscriber, they would register the same log callsites
//! concurrently.

#![expect(clippy::unwrap_used, reason = "a helper that fails must fail the test")]

use std::sync::{Arc, Mutex};

use axum::{Router, body::Body, routing::get};
use http::Request;
use lambda_http::RequestExt;
use outdial::http::{Problem, with_common_layers};
use serde_json::{Value, json};
use tower::ServiceExt;
use tracing_subscriber::{fmt::MakeWriter, layer::SubscriberExt};

async fn get_from(router: Router, path: &str) {
    let (raw_path, _) = path.split_once('?').unwrap_or((path, ""));
    get_as(router, path, raw_path).await;
}

async fn get_as(router: Router, path: &str, raw_path: &str) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let request = request.with_raw_http_path(raw_path);
    router.oneshot(request).await.unwrap();
}

/// Returns the logged lines.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn each_request_logs_one_line_with_the_cause_of_a_failure() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::registry()
        .with(outdial::telemetry::logs::lines("things", lines.clone()));
    let _guard = tracing::subscriber::set_default(subscriber);
    let router = with_common_layers(Router::new().route(
        "/things/{id}",
        get(async || Problem::unavailable("Away.", "the cause")),
    ));
    get_from(router, "/things/7?token=pa55word").await;
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let logged: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(logged.len(), 1, "{text}");
    let line = &logged[0];
    for (field, value) in [
        ("level", json!("ERROR")),
        ("message", json!("answered")),
        ("function", json!("things")),
        ("method", json!("GET")),
        ("route", json!("/things/{id}")),
        ("status", json!(503)),
        ("code", json!("unavailable")),
        ("cause", json!("the cause")),
    ] {
        assert_eq!(line[field], value, "{field} of {text}");
    }
    assert!(
        line["elapsed_ms"].is_u64()
            && line["request_id"].is_string()
            && line["timestamp"].is_string()
    );
    assert!(!text.contains("pa55word"));
}

#[tokio::test]
async fn path_that_the_gateway_did_not_route_is_logged_without_a_route() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::registry()
        .with(outdial::telemetry::logs::lines("things", lines.clone()));
    let _guard = tracing::subscriber::set_default(subscriber);
    let router = with_common_layers(Router::new().route("/things", get(async || "read")));
    get_as(router, "/things", "/pa55word/../things").await;
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let line: Value = serde_json::from_str(&text).unwrap();
    for (field, value) in [
        ("route", json!("none")),
        ("status", json!(404)),
        ("code", json!("not_found")),
    ] {
        assert_eq!(line[field], value, "{field} of {text}");
    }
    assert!(!text.contains("pa55word"));
}

#[tokio::test]
async fn panic_is_logged_without_its_message() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::registry()
        .with(outdial::telemetry::logs::lines("things", lines.clone()));
    let _guard = tracing::subscriber::set_default(subscriber);
    outdial::telemetry::logs::log_panics();
    let broken = get(async || -> &str { panic!("ada@example.com") });
    get_from(with_common_layers(Router::new().route("/", broken)), "/").await;
    drop(std::panic::take_hook());
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(
        text.contains("a handler panicked")
            && text.contains(r#""message":"panicked""#)
            && text.contains(r#""place":"shared/tests/http_log.rs"#)
            && !text.contains("ada@"),
        "{text}"
    );
}

/// `dialing_disabled` is a 503 that raises no alarm.
#[tokio::test]
async fn unreadable_kill_switch_is_an_error_and_off_is_not() {
    let stage = testkit::Stage::new().await;
    let switch = stage.database().collection("counters");
    let dao = outdial::dao::Dao::new(&stage.settings().mongo().unwrap()).unwrap();
    for (on, reports) in [(json!("no"), 1), (json!(false), 0)] {
        let lines = Lines::default();
        let subscriber = tracing_subscriber::registry()
            .with(outdial::telemetry::logs::lines("things", lines.clone()));
        let _guard = tracing::subscriber::set_default(subscriber);
        let stored = json!({ "_id": "dialing", "on": on });
        let this = mongodb::bson::doc! { "_id": "dialing" };
        let replaced = switch.replace_one(this, stored).upsert(true);
        replaced.await.unwrap();
        assert!(!dao.dialing().await.unwrap().on);
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let report = text.lines().filter(|line| {
            line.contains("a stored document cannot be read") && line.contains("\"counters\"")
        });
        assert_eq!(report.count(), reports, "{text}");
    }
}
