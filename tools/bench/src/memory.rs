//! Measures the memory of each function: after its start, and after many requests.

use axum::body::Bytes;
use futures_util::future::try_join_all;
use lambda::Function;
use mongodb::bson::DateTime;
use outdial::domain::RecordingSid;
use outdial::http::media_url::MediaSigner;
use serde_json::{Map, Value, json};
use stack::Result;
use testkit::{Request, Stage, Twilio};

use crate::bench::Bench;
use crate::finding::{Finding, Table, Target};
use crate::fixture::{Fixture, variables};
use crate::process::{Memory, memory};
use crate::routes::{DIALS, ROUTES, first_route_of};
use crate::runtime_api::Invocation;

/// The highest peak of a process.
const PEAK_MIB: f64 = 24.0;

/// The largest growth from a tenth of the requests to all of them. The C library allocates in steps of 128 KiB, so one
/// small block may cost a whole step.
const STEP_KIB: f64 = 128.0;

const BOUND: &str = "the C library returns memory only from the end of its heap, so the memory in use depends on the place of the last \
    long-lived block. Tried: 8,500 runs of reconcile alone, with a hundred open calls stored again every 250 runs. Its memory rose by 80 KiB, and fell back";

/// After how many requests the database's documents are reset.
const RESET_INTERVAL: usize = 500;

/// Routes that get few requests: lists are slow in the database, and the simulated Twilio keeps every call.
const RARE: [&str; 3] = ["GET /users", "GET /users/{id}/calls", DIALS];
const RARE_EVERY: usize = 100;

/// Number of readings at each point, one after each request.
const READINGS: usize = 21;

/// The memory of a process in KiB.
struct Readings {
    at_start: u64,
    after_some: u64,
    after_all: u64,
    peak: u64,
}

/// Sends requests to all functions concurrently, each with its own database. In sequence, most of the time would be waiting
/// for the database.
pub async fn measure(bench: &Bench) -> Result<Finding> {
    let twilio = bench.fixture.stage.variable("TWILIO_API_BASE_URL");
    let twilio = twilio.and_then(|origin| origin.strip_prefix("http://"));
    let twilio = Twilio::at(twilio.unwrap_or_default().parse()?);
    let recorded: RecordingSid = twilio.record().await.parse()?;
    let measured = Function::names().map(|name| send_requests(bench, name, &recorded));
    let all = try_join_all(measured).await?;

    let points = [bench.memory_requests / 10, bench.memory_requests];
    let [some, all_of_them] = points.map(|requests| format!("after {requests}"));
    let mut table = Table::new(&[
        "function",
        "at start, MiB",
        &some,
        &all_of_them,
        "peak",
        "growth, KiB",
    ]);
    let mut data = Map::new();
    let mut targets = Vec::new();
    for (name, readings) in Function::names().zip(all) {
        let mib = [
            readings.at_start,
            readings.after_some,
            readings.after_all,
            readings.peak,
        ]
        .map(mib);
        let growth = readings.growth();
        let figures = mib.map(|figure| format!("{figure:.2}"));
        table.line(name, figures.into_iter().chain([growth.to_string()]));
        let [at_start, after_some, after_all, peak] = mib;
        let value = json!({
            "at_start_mib": at_start, "after_some_mib": after_some, "after_all_mib": after_all,
            "peak_mib": peak, "growth_kib": growth,
        });
        data.insert(name.to_owned(), value);
        let what = format!("{name}: peak, MiB");
        targets.push(Target::new(what, PEAK_MIB, peak));
        let what = format!("{name}: growth, KiB (one step of the allocator)");
        targets.push(Target::new(what, STEP_KIB, f64_of(growth)).bound_by(BOUND));
    }
    Ok(Finding {
        title: format!(
            "Memory: resident memory of a process after so many requests, medians of {READINGS} readings"
        ),
        table,
        data: Value::Object(data),
        targets,
    })
}

async fn send_requests(bench: &Bench, function: &str, recorded: &RecordingSid) -> Result<Readings> {
    let stage = bench.fixture.copy().await?;
    let mut environment = bench.start(function, &variables(&stage))?;
    let process = environment.process_id();
    environment.poll().await?;
    let at_start = memory(process)?.now;
    let (some, all) = (bench.memory_requests / 10, bench.memory_requests);
    let (mut after_some, mut after_all) = (Vec::new(), Vec::new());
    for nth in 1..=all {
        if nth.is_multiple_of(RESET_INTERVAL) {
            bench.fixture.restore(&stage).await?;
        }
        let (event, expected) = event(&bench.fixture, &stage, function, recorded, nth)?;
        let response = environment.handle(event).await?;
        expected.check(function, &response)?;
        environment.poll().await?;
        for (point, readings) in [(some, &mut after_some), (all, &mut after_all)] {
            if (point.saturating_sub(READINGS) + 1..=point).contains(&nth) {
                readings.push(memory(process)?.now);
            }
        }
    }
    let Memory { peak, .. } = memory(process)?;
    Ok(Readings {
        at_start,
        after_some: middle(after_some),
        after_all: middle(after_all),
        peak,
    })
}

/// The response that counts as a success.
enum Expected {
    Status(u16),
    Body(Value),
    Any,
}

impl Expected {
    fn check(&self, function: &str, response: &Invocation) -> Result<()> {
        match self {
            Self::Status(status) => response.expect(function, Some(*status)),
            Self::Any => response.expect(function, None),
            Self::Body(body) => {
                let is_equal = serde_json::from_slice::<Value>(&response.body)? == *body;
                is_equal.then_some(()).ok_or_else(|| {
                    let body = String::from_utf8_lossy(&response.body);
                    format!("unexpected response of {function}: {body}").into()
                })
            }
        }
    }
}

/// Returns a function's event and the expected response. The routes of the function take turns.
fn event(
    fixture: &Fixture,
    stage: &Stage,
    function: &str,
    recorded: &RecordingSid,
    nth: usize,
) -> Result<(Bytes, Expected)> {
    let of = |request: &Request, status| {
        let event = request.event().to_string();
        (event.into(), Expected::Status(status))
    };
    Ok(match function {
        "console" => of(&Request::new("GET", "/console"), 200),
        "health" if nth.is_multiple_of(2) => of(&Request::new("GET", "/openapi.json"), 200),
        "media" => {
            let now = DateTime::now().timestamp_millis() / 1_000;
            let signer = MediaSigner::from_settings(&stage.settings())?;
            of(
                &Request::new("GET", &signer.url("/media", recorded, now)),
                200,
            )
        }
        "replay" => {
            let nothing_failed = json!({ "batchItemFailures": [] });
            (batch(fixture, nth)?, Expected::Body(nothing_failed))
        }
        "dial" => (Bytes::from_static(b"{\"Records\":[]}"), Expected::Any),
        "reconcile" | "dispatch" | "effects" => (Bytes::from_static(b"{}"), Expected::Any),
        "batches" => (
            Request::new("GET", "/batches").event().to_string().into(),
            Expected::Any,
        ),
        _ => {
            let routes = ROUTES.into_iter();
            let routes = routes.filter(|route| route.function == function);
            let (rare, usual): (Vec<_>, Vec<_>) =
                routes.partition(|route| RARE.contains(&route.name));
            let route = if nth.is_multiple_of(RARE_EVERY) && !rare.is_empty() {
                rare[nth / RARE_EVERY % rare.len()]
            } else {
                usual[nth % usual.len()]
            };
            (route.event(fixture, nth), Expected::Status(route.status))
        }
    })
}

/// Returns an event of `replay` with one message: a queued status callback.
fn batch(fixture: &Fixture, nth: usize) -> Result<Bytes> {
    let route = first_route_of("status").ok_or("the status function has no route")?;
    let request = route.request(fixture, nth);
    let call = &fixture.calls[nth % fixture.calls.len()];
    let webhook = json!({
        "topic": "status",
        "call_id": call.call_id,
        "token": request.event()["headers"]["i-twilio-idempotency-token"],
        "form": request.event()["body"],
        "received_at": DateTime::now().timestamp_millis(),
        "request_id": nth.to_string(),
    });
    let message = json!({
        "messageId": nth.to_string(),
        "receiptHandle": nth.to_string(),
        "body": webhook.to_string(),
        "attributes": { "ApproximateReceiveCount": "1" },
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:webhooks",
        "awsRegion": "us-east-1",
    });
    Ok(json!({ "Records": [message] }).to_string().into())
}

impl Readings {
    fn growth(&self) -> i64 {
        let kib = |kib| i64::try_from(kib).unwrap_or(i64::MAX);
        kib(self.after_all) - kib(self.after_some)
    }
}

fn middle(mut readings: Vec<u64>) -> u64 {
    readings.sort_unstable();
    readings
        .get(readings.len() / 2)
        .copied()
        .unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "memory of one process")]
fn mib(kib: u64) -> f64 {
    kib as f64 / 1_024.0
}

#[expect(clippy::cast_precision_loss, reason = "memory of one process")]
fn f64_of(kib: i64) -> f64 {
    kib as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_from_some_requests_to_all() {
        let readings = Readings {
            at_start: 1_000,
            after_some: middle(vec![3_000, 1, 2_000]),
            after_all: middle(vec![1_900, 1_950, 9_000]),
            peak: 9_000,
        };
        assert_eq!(readings.growth(), -50);
    }
}
