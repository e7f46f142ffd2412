//! A function's start: until it asks for its first event, and until that is answered.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::Bytes;
use serde_json::{Map, Value, json};
use testkit::Request;

use super::finding::{Finding, Table, Target};
use super::routes::first_of;
use super::statistics::{median, ms, percentile};
use super::{Bench, FLOOR};
use crate::Result;
use crate::lambda::FUNCTIONS;

/// What a round trip to the database takes longer than on this machine.
const LATENCIES_MS: [u64; 3] = [0, 1, 10];

/// Functions that are to ask for their first event nearly as soon as the floor does.
const AT_THE_FLOOR: [&str; 4] = ["voice", "status", "recording", "health"];
const INIT_RATIO: f64 = 1.5;

/// Functions whose first answer is to come soon, in milliseconds, and so many round trips later where the database is away.
const SOON: [&str; 6] = [
    "voice",
    "status",
    "recording",
    "health",
    "users",
    "outbound-calls",
];
const SOON_MS: f64 = 10.0;
const ROUND_TRIPS: f64 = 3.0;

/// One function's starts.
#[derive(Default)]
struct Starts {
    polled: Vec<Duration>,
    answered: Vec<Duration>,
    faults: Vec<u64>,
}

/// Starts of all functions, in turns.
pub async fn measure(bench: &Bench) -> Result<Finding> {
    let mut table = Table::new(&[
        "function",
        "database",
        "init, ms",
        "× floor",
        "first answer, ms",
        "p90",
        "page faults",
    ]);
    let mut data = Map::new();
    let mut targets = Vec::new();
    let mut near: BTreeMap<&str, f64> = BTreeMap::new();
    for latency_ms in LATENCIES_MS {
        let all = starts(bench, Duration::from_millis(latency_ms)).await?;
        let floor = ms(median(&all[FLOOR].polled));
        for (name, starts) in &all {
            let init = ms(median(&starts.polled));
            let first = ms(median(&starts.answered));
            let p90 = ms(percentile(&starts.answered, 0.9));
            let faults = middle(&starts.faults);
            let ratio = init / floor;
            let figures = [init, ratio, first, p90].map(|figure| format!("{figure:.2}"));
            let away = format!("+{latency_ms} ms");
            table.line(
                *name,
                [away]
                    .into_iter()
                    .chain(figures)
                    .chain([faults.to_string()]),
            );
            let entry = data.entry((*name).to_owned()).or_insert_with(|| json!({}));
            entry[format!("{latency_ms}_ms")] = json!({
                "init_ms": init, "init_by_floor": ratio, "first_answer_ms": first,
                "first_answer_p90_ms": p90, "page_faults": faults, "starts": starts.polled.len(),
            });
            if latency_ms == 0 && AT_THE_FLOOR.contains(name) {
                targets.push(Target::new(
                    format!("{name}: init, × floor"),
                    INIT_RATIO,
                    ratio,
                ));
            }
            if SOON.contains(name) {
                let (what, at_most, measured) = match near.get(name) {
                    None => ("first answer, ms".to_owned(), SOON_MS, first),
                    #[expect(clippy::cast_precision_loss, reason = "a few milliseconds")]
                    Some(near) => (
                        format!("first answer at +{latency_ms} ms, later by ms"),
                        ROUND_TRIPS * latency_ms as f64,
                        first - near,
                    ),
                };
                near.entry(name).or_insert(first);
                targets.push(Target::new(format!("{name}: {what}"), at_most, measured));
            }
        }
    }
    Ok(Finding {
        title: format!("Cold start: from exec, medians of {} starts", bench.starts),
        table,
        data: Value::Object(data),
        targets,
    })
}

async fn starts(bench: &Bench, latency: Duration) -> Result<BTreeMap<&'static str, Starts>> {
    let variables = bench.scene.variables(Some(latency)).await?;
    let mut all: BTreeMap<&str, Starts> = BTreeMap::new();
    for nth in 0..bench.starts {
        for name in FUNCTIONS.map(|(name, _)| name).into_iter().chain([FLOOR]) {
            let binary = bench.workspace.binary(name);
            let mut environment = bench.api.start(&binary, &variables, &bench.scene.log)?;
            let (event, status) = first_event(bench, name, nth);
            let (polled, answered, answer) = environment.first(event).await?;
            answer.expect(name, status)?;
            let starts = all.entry(name).or_default();
            starts.polled.push(polled);
            starts.answered.push(answered);
            starts.faults.extend(page_faults(environment.process_id()));
        }
    }
    Ok(all)
}

/// An event that needs the database, where the function does; and the status of its answer, where there is one.
fn first_event(bench: &Bench, function: &str, nth: usize) -> (Bytes, Option<u16>) {
    match (function, first_of(function)) {
        // Its first route dials.
        ("outbound-calls", _) => {
            let call = &bench.scene.calls[nth % bench.scene.calls.len()];
            let request = Request::get(&format!("/calls/{}", call.call_id));
            (request.event().to_string().into(), Some(200))
        }
        ("media", _) => (
            Request::new("GET", "/media").event().to_string().into(),
            None,
        ),
        (_, Some(route)) => (route.event(&bench.scene, nth), Some(route.status)),
        ("replay", None) => (Bytes::from_static(b"{\"Records\":[]}"), None),
        ("reconcile", None) => (Bytes::from_static(b"{}"), None),
        _ => (
            Request::new("GET", "/").event().to_string().into(),
            Some(200),
        ),
    }
}

/// Minor and major ones so far.
fn page_faults(process: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    let fields: Vec<_> = after_name.split_whitespace().collect();
    let [minor, major] = [fields.get(7)?, fields.get(9)?].map(|field| field.parse::<u64>());
    Some(minor.ok()? + major.ok()?)
}

fn middle(samples: &[u64]) -> u64 {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}
