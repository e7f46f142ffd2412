//! Measures cold starts: from exec to the first poll, and to the first response.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use lambda::Function;
use serde_json::{Map, Value, json};
use stack::Result;

use crate::bench::{Bench, FLOOR};
use crate::finding::{Finding, Table, Target};
use crate::flame_graph;
use crate::instructions::Counter;
use crate::routes::first_event;
use crate::statistics::{median, ms, percentile};

/// The added latencies of a round trip to the database.
const LATENCIES_MS: [u64; 3] = [0, 1, 10];

/// Functions that must poll nearly as soon as the floor.
const NEAR_THE_FLOOR: [&str; 5] = ["voice", "fallback", "status", "recording", "health"];
/// The most time until their first poll, by the floor's.
const INIT_RATIO: f64 = 1.5;

/// Functions whose first response must come within [`FIRST_RESPONSE_MS`] after exec. With a distant database it may come
/// [`ROUND_TRIPS`] later. It includes connecting to the database, which a function does once it has authenticated the
/// request.
const FAST: [&str; 7] = [
    "voice",
    "fallback",
    "status",
    "recording",
    "health",
    "users",
    "outbound-calls",
];
const FIRST_RESPONSE_MS: f64 = 10.0;
const ROUND_TRIPS: f64 = 3.0;

const BOUND: &str = "a start consists of page faults, which grow with the linked code. The first response consists of the database's own \
    time: the embedded database takes 6 ms for the two writes of a recording callback. After authentication a function waits for three round trips: to find \
    the server, to connect, to query. It makes no connection before. The rest of the time with a distant database is the waking of threads at both ends. Tried: large \
    futures on the heap (no difference); the SDK without its search for a region and credentials (kept); connecting in the init phase (dropped: \
    anybody can start environments, and each took connections)";

/// The starts of one function.
#[derive(Default)]
struct Starts {
    polled: Vec<Duration>,
    responded: Vec<Duration>,
    page_faults: Vec<u64>,
}

/// Starts all functions in turn, with each latency of the database.
pub async fn measure(bench: &Bench) -> Result<Finding> {
    let mut table = Table::new(&[
        "function",
        "database",
        "init, ms",
        "× floor",
        "first response, ms",
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
            let first = ms(median(&starts.responded));
            let p90 = ms(percentile(&starts.responded, 0.9));
            let faults = middle(&starts.page_faults);
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
            if latency_ms == 0 && NEAR_THE_FLOOR.contains(&name) {
                add("init, × floor", INIT_RATIO, ratio);
            }
            if latency_ms == 0 && FAST.contains(&name) {
                add("first response, ms", FIRST_RESPONSE_MS, first);
            } else if FAST.contains(&name) {
                let what = format!("first response at +{latency_ms} ms, later by ms");
                #[expect(clippy::cast_precision_loss, reason = "a few milliseconds")]
                let at_most = ROUND_TRIPS * latency_ms as f64;
                add(&what, at_most, first - near);
            }
        }
        data.insert(name.to_owned(), entry);
    }
    draw_flame_graphs(bench, &missed, &mut data).await?;
    Ok(Finding {
        title: format!("Cold start: from exec, medians of {} starts", bench.starts),
        table,
        data: Value::Object(data),
        targets,
    })
}

fn names() -> impl Iterator<Item = &'static str> {
    Function::names().chain([FLOOR])
}

async fn starts(bench: &Bench) -> Result<BTreeMap<(&'static str, u64), Starts>> {
    let mut places = Vec::new();
    for latency_ms in LATENCIES_MS {
        let latency = Duration::from_millis(latency_ms);
        places.push((latency_ms, bench.fixture.variables(Some(latency))?));
    }
    let mut all: BTreeMap<_, Starts> = BTreeMap::new();
    let mut nth = 0;
    for _ in 0..bench.starts {
        for (latency_ms, variables) in &places {
            // Each start uses another call: a repeated callback would cause another command.
            nth += 1;
            for name in names() {
                let mut environment = bench.start(name, variables)?;
                let (event, status) = first_event(&bench.fixture, name, nth);
                let (polled, responded, response) = environment.first(event).await?;
                response.expect(name, status)?;
                let starts = all.entry((name, *latency_ms)).or_default();
                starts.polled.push(polled);
                starts.responded.push(responded);
                starts
                    .page_faults
                    .extend(page_faults(environment.process_id()));
            }
        }
    }
    Ok(all)
}

/// Counts the instructions of one start of each function, until the first poll.
async fn instructions(bench: &Bench) -> Result<BTreeMap<&'static str, u64>> {
    let Some(counter) = Counter::find() else {
        println!("SKIPPED: counting instructions needs perf or valgrind, and neither works here");
        return Ok(BTreeMap::new());
    };
    println!("{} counts the instructions", counter.name());
    let variables = bench.fixture.variables(None)?;
    let mut counts = BTreeMap::new();
    for name in names() {
        match counter.count(bench, name, &variables).await {
            Ok(count) => drop(counts.insert(name, count)),
            Err(error) => println!("SKIPPED: instructions of {name}: {error}"),
        }
    }
    Ok(counts)
}

/// Draws flame graphs of the functions that have missed a target.
async fn draw_flame_graphs(
    bench: &Bench,
    functions: &BTreeSet<&'static str>,
    data: &mut Map<String, Value>,
) -> Result<()> {
    if !functions.is_empty() && !flame_graph::is_possible() {
        println!("SKIPPED: flame graphs need perf, which doesn't work here");
        return Ok(());
    }
    for &function in functions {
        let svg = flame_graph::draw_starts(bench, function).await?;
        println!("flame graph of the start of {function}: {}", svg.display());
        data[function]["flame_graph"] = json!(svg);
    }
    Ok(())
}

/// Returns the minor and major page faults of a process so far.
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
