//! What a function's process holds: after its start, and after many requests.

use axum::body::Bytes;
use futures_util::future::try_join_all;
use mongodb::bson::DateTime;
use outdial::domain::RecordingSid;
use outdial::http::media::MediaSigner;
use serde_json::{Map, Value, json};
use testkit::{Request, Stage, Twilio};

use super::api::Answer;
use super::finding::{Finding, Table, Target};
use super::process::{Memory, memory};
use super::routes::{DIALS, ROUTES, first_of};
use super::scene::variables;
use super::{Bench, Scene};
use crate::Result;
use crate::lambda::FUNCTIONS;

/// The most that a process may ever hold.
const PEAK_MIB: f64 = 24.0;

/// What may be there more after ten times as many requests. The C library gets memory in steps of 128 KiB, so that a single
/// small block may take one more.
const STEP_KIB: f64 = 128.0;

const BOUND: &str = "the C library's heap, which gives back what is free at its end, so that what is held depends on where the last long-lived \
    block came to lie. Tried: 8,500 runs of reconcile by itself, with a hundred open calls stored anew every 250 runs, in which what it held \
    rose by 80 KiB and fell back to what it had been";

/// Every so many requests the database is made what it was at the outset.
const RESTORED_EVERY: usize = 500;

/// Routes that are asked for rarely: lists take the database long, and the simulated Twilio keeps every call.
const RARE: [&str; 3] = ["GET /users", "GET /users/{id}/calls", DIALS];
const RARE_EVERY: usize = 100;

/// How often what is held is read, once after each request, at each point.
const READINGS: usize = 21;

/// In KiB.
struct Held {
    at_start: u64,
    after_some: u64,
    after_all: u64,
    peak: u64,
}

/// All functions side by side, each on a database of its own: one after the other they would wait for the database.
pub async fn measure(bench: &Bench) -> Result<Finding> {
    let twilio = bench.scene.stage.variable("TWILIO_API_BASE_URL");
    let twilio = twilio.and_then(|origin| origin.strip_prefix("http://"));
    let twilio = Twilio::at(twilio.unwrap_or_default().parse()?);
    let recorded: RecordingSid = twilio.record().await.parse()?;
    let names = FUNCTIONS.map(|(name, _)| name);
    let all = try_join_all(names.map(|name| requests(bench, name, &recorded))).await?;

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
    for (name, held) in names.into_iter().zip(all) {
        let mib = [held.at_start, held.after_some, held.after_all, held.peak].map(mib);
        let growth = held.growth();
        let figures = mib.map(|figure| format!("{figure:.2}"));
        table.line(name, figures.into_iter().chain([growth.to_string()]));
        let [at_start, after_some, after_all, peak] = mib;
        let value = json!({
            "at_start_mib": at_start, "after_some_mib": after_some, "after_all_mib": after_all,
            "peak_mib": peak, "growth_kib": growth,
        });
        data.insert(name.to_owned(), value);
        let what = format!("{name}: most that was held, MiB");
        targets.push(Target::new(what, PEAK_MIB, peak));
        let what = format!("{name}: growth, KiB (one step of the allocator)");
        targets.push(Target::new(what, STEP_KIB, f64_of(growth)).bound_by(BOUND));
    }
    Ok(Finding {
        title: format!(
            "Memory: what a process holds of the machine's, after so many requests; medians of {READINGS} readings"
        ),
        table,
        data: Value::Object(data),
        targets,
    })
}

async fn requests(bench: &Bench, function: &str, recorded: &RecordingSid) -> Result<Held> {
    let stage = bench.scene.twin().await?;
    let binary = bench.workspace.binary(function);
    let mut environment = bench
        .api
        .start(&binary, &variables(&stage), &bench.scene.log)?;
    let process = environment.process_id();
    environment.poll().await?;
    let at_start = memory(process)?.now;
    let (some, all) = (bench.memory_requests / 10, bench.memory_requests);
    let (mut after_some, mut after_all) = (Vec::new(), Vec::new());
    for nth in 1..=all {
        if nth.is_multiple_of(RESTORED_EVERY) {
            bench.scene.restore(&stage).await?;
        }
        let (event, expected) = event(&bench.scene, &stage, function, recorded, nth)?;
        let answer = environment.handle(event).await?;
        expected.of(function, &answer)?;
        environment.poll().await?;
        for (point, readings) in [(some, &mut after_some), (all, &mut after_all)] {
            if (point.saturating_sub(READINGS) + 1..=point).contains(&nth) {
                readings.push(memory(process)?.now);
            }
        }
    }
    let Memory { peak, .. } = memory(process)?;
    Ok(Held {
        at_start,
        after_some: middle(after_some),
        after_all: middle(after_all),
        peak,
    })
}

/// What a good answer is.
enum Expected {
    Status(u16),
    Body(Value),
    Any,
}

impl Expected {
    fn of(&self, function: &str, answer: &Answer) -> Result<()> {
        match self {
            Self::Status(status) => answer.expect(function, Some(*status)),
            Self::Any => answer.expect(function, None),
            Self::Body(body) => {
                let is_good = serde_json::from_slice::<Value>(&answer.body)? == *body;
                is_good.then_some(()).ok_or_else(|| {
                    let said = String::from_utf8_lossy(&answer.body);
                    format!("{function} does not answer as it should: {said}").into()
                })
            }
        }
    }
}

/// The function's how-manieth: of all its routes in turn.
fn event(
    scene: &Scene,
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
            (batch(scene, nth)?, Expected::Body(nothing_failed))
        }
        "reconcile" => (Bytes::from_static(b"{}"), Expected::Any),
        _ => {
            let own = ROUTES.into_iter();
            let own = own.filter(|route| route.function == function);
            let (rare, usual): (Vec<_>, Vec<_>) = own.partition(|route| RARE.contains(&route.name));
            let route = if nth.is_multiple_of(RARE_EVERY) && !rare.is_empty() {
                rare[nth / RARE_EVERY % rare.len()]
            } else {
                usual[nth % usual.len()]
            };
            (route.event(scene, nth), Expected::Status(route.status))
        }
    })
}

/// Of one message: a status callback that was kept.
fn batch(scene: &Scene, nth: usize) -> Result<Bytes> {
    let route = first_of("status").ok_or("no such function")?;
    let request = route.request(scene, nth);
    let call = &scene.calls[nth % scene.calls.len()];
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

impl Held {
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

#[expect(clippy::cast_precision_loss, reason = "a process's memory")]
fn mib(kib: u64) -> f64 {
    kib as f64 / 1_024.0
}

#[expect(clippy::cast_precision_loss, reason = "a process's memory")]
fn f64_of(kib: i64) -> f64 {
    kib as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_from_some_requests_to_all() {
        let held = Held {
            at_start: 1_000,
            after_some: middle(vec![3_000, 1, 2_000]),
            after_all: middle(vec![1_900, 1_950, 9_000]),
            peak: 9_000,
        };
        assert_eq!(held.growth(), -50);
    }
}
