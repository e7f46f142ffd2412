//! A function's start: until it asks for its first event, and until that is answered.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use axum::body::Bytes;
use serde_json::{Map, Value, json};
use testkit::Request;

use super::finding::{Finding, Table, Target};
use super::flame;
use super::instructions::Counter;
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

/// Functions whose first answer must come within [`SOON_MS`], and at most [`ROUND_TRIPS`] later if the database is at a distance. A function
/// connects to the database once it has authenticated the request, so this is the whole way from exec to the answer.
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

const BOUND: &str = "a start is page faults of a binary that grows with what it links, and the first answer the database's own time: the \
    recording callback's two writes take the embedded one 6 ms of it. Three round trips are all that is waited for, from the moment the request is \
    authenticated (to find the server, to connect, to ask): no connection is made before; what is above them at a distance is the waking of threads at both ends. Tried: large futures on the heap \
    (no difference), the SDK's search for a region and credentials left out (kept), connecting in the init phase (dropped: strangers can start environments, and each took connections)";

/// One function's starts.
#[derive(Default)]
struct Starts {
    polled: Vec<Duration>,
    answered: Vec<Duration>,
    faults: Vec<u64>,
}

/// Starts of all functions at all distances of the database, in turns.
pub async fn measure(bench: &Bench) -> Result<Finding> {
    let mut table = Table::new(&[
        "function",
        "database",
        "init, ms",
        "× floor",
        "first answer, ms",
        "p90",
        "page faults",
        "instructions, 1000s",
    ]);
    let mut data = Map::new();
    let mut targets = Vec::new();
    let mut missed = BTreeSet::new();
    let all = starts(bench).await?;
    let instructions = instructions(bench).await?;
    for name in names() {
        let mut near = 0.0;
        let mut entry = json!({ "instructions": instructions.get(name) });
        for latency_ms in LATENCIES_MS {
            let starts = &all[&(name, latency_ms)];
            let floor = ms(median(&all[&(FLOOR, latency_ms)].polled));
            let init = ms(median(&starts.polled));
            let first = ms(median(&starts.answered));
            let p90 = ms(percentile(&starts.answered, 0.9));
            let faults = middle(&starts.faults);
            let ratio = init / floor;
            let mut figures = vec![format!("+{latency_ms} ms")];
            figures.extend([init, ratio, first, p90].map(|figure| format!("{figure:.2}")));
            figures.push(faults.to_string());
            if latency_ms == 0 {
                near = first;
                let count = instructions
                    .get(name)
                    .map(|count| (count / 1_000).to_string());
                figures.push(count.unwrap_or_else(|| "unknown".to_owned()));
            }
            table.line(name, figures);
            entry[format!("{latency_ms}_ms")] = json!({
                "init_ms": init, "init_by_floor": ratio, "first_answer_ms": first,
                "first_answer_p90_ms": p90, "page_faults": faults, "starts": starts.polled.len(),
            });
            let mut add = |what: &str, at_most: f64, measured: f64| {
                let target =
                    Target::new(format!("{name}: {what}"), at_most, measured).bound_by(BOUND);
                if !target.met {
                    missed.insert(name);
                }
                targets.push(target);
            };
            if latency_ms == 0 && AT_THE_FLOOR.contains(&name) {
                add("init, × floor", INIT_RATIO, ratio);
            }
            if latency_ms == 0 && SOON.contains(&name) {
                add("first answer, ms", SOON_MS, first);
            } else if SOON.contains(&name) {
                let what = format!("first answer at +{latency_ms} ms, later by ms");
                #[expect(clippy::cast_precision_loss, reason = "a few milliseconds")]
                let at_most = ROUND_TRIPS * latency_ms as f64;
                add(&what, at_most, first - near);
            }
        }
        data.insert(name.to_owned(), entry);
    }
    profile(bench, &missed, &mut data).await?;
    Ok(Finding {
        title: format!("Cold start: from exec, medians of {} starts", bench.starts),
        table,
        data: Value::Object(data),
        targets,
    })
}

fn names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.map(|(name, _)| name).into_iter().chain([FLOOR])
}

async fn starts(bench: &Bench) -> Result<BTreeMap<(&'static str, u64), Starts>> {
    let mut places = Vec::new();
    for latency_ms in LATENCIES_MS {
        let latency = Duration::from_millis(latency_ms);
        places.push((latency_ms, bench.scene.variables(Some(latency))?));
    }
    let mut all: BTreeMap<_, Starts> = BTreeMap::new();
    let mut nth = 0;
    for _ in 0..bench.starts {
        for (latency_ms, variables) in &places {
            // Each has another call: what tells nothing new is another question to the database.
            nth += 1;
            for name in names() {
                let binary = bench.workspace.binary(name);
                let mut environment = bench.api.start(&binary, variables, &bench.scene.log)?;
                let (event, status) = first_event(bench, name, nth);
                let (polled, answered, answer) = environment.first(event).await?;
                answer.expect(name, status)?;
                let starts = all.entry((name, *latency_ms)).or_default();
                starts.polled.push(polled);
                starts.answered.push(answered);
                starts.faults.extend(page_faults(environment.process_id()));
            }
        }
    }
    Ok(all)
}

/// Until the first poll, of one start of each function.
async fn instructions(bench: &Bench) -> Result<BTreeMap<&'static str, u64>> {
    let Some(counter) = Counter::find() else {
        println!("SKIPPED: instructions are not counted: neither perf nor valgrind works here");
        return Ok(BTreeMap::new());
    };
    println!("instructions are counted by {}", counter.name());
    let variables = bench.scene.variables(None)?;
    let mut counts = BTreeMap::new();
    for name in names() {
        let binary = bench.workspace.binary(name);
        match counter.count(bench, &binary, &variables).await {
            Ok(count) => drop(counts.insert(name, count)),
            Err(error) => println!("SKIPPED: the instructions of {name}: {error}"),
        }
    }
    Ok(counts)
}

/// Draws where the time goes, for the functions that are not as soon as they should be.
async fn profile(
    bench: &Bench,
    functions: &BTreeSet<&'static str>,
    data: &mut Map<String, Value>,
) -> Result<()> {
    if !functions.is_empty() && !flame::is_possible() {
        println!("SKIPPED: no flame graphs are drawn: perf does not work here");
        return Ok(());
    }
    for &function in functions {
        let svg = flame::draw_starts(bench, function).await?;
        println!("where the start of {function} goes: {}", svg.display());
        data[function]["flame_graph"] = json!(svg);
    }
    Ok(())
}

/// An event that needs the database, where the function does; and the status of its answer, where there is one.
pub fn first_event(bench: &Bench, function: &str, nth: usize) -> (Bytes, Option<u16>) {
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
        ("console", None) => (
            Request::new("GET", "/console").event().to_string().into(),
            Some(200),
        ),
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
