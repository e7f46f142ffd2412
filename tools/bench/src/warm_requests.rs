//! Measures requests to running environments, and compares them with the floor and with the driver alone.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::Bytes;
use serde_json::{Map, Value, json};
use stack::Result;
use testkit::Request;

use crate::bench::{Bench, FLOOR};
use crate::command_monitor::{CommandMonitor, Steps};
use crate::driver_baseline::{DriverBaseline, Timing};
use crate::environment::Environment;
use crate::finding::{Finding, Table, Target};
use crate::fixture::variables;
use crate::flame_graph;
use crate::process;
use crate::routes::{DIALS, ROUTES, Route};
use crate::statistics::{median, ms, percentile};

/// Rounds before the measurement.
const WARM_UP: usize = 10;

/// The most time of a request without the driver's, by the floor's: a quarter more.
const OWN_RATIO: f64 = 1.25;

/// Routes without a target: they need more than the database, or no database.
const WITHOUT_TARGET: [&str; 2] = ["GET /health", "GET /media, refused"];

const BOUND: &str = "the code isn't in the processor's caches. A request's processor time grows with its layers: the event, the router, the key or \
    signature, the driver's typed calls, a log line, a line of metrics. None of them stands out in the flame graphs. The floor has the first two only. A slow database \
    hides less of this than it seems, because the baseline's loop is in the caches. Tried: commands in raw BSON (kept); large futures on the heap (no difference); \
    twenty requests of a route in a row (the floor falls to a tenth, the routes to a half); another allocator (9% fewer instructions, no less time, \
    and a start that takes two thirds longer); profile-guided optimization (a quarter fewer instructions, also of the floor; a zip of 5.3 MiB)";

/// Two environments of a function.
struct Pair {
    /// The environment whose commands are recorded.
    monitored: Environment,
    monitor: CommandMonitor,
    /// The environment whose requests are timed.
    timed: Environment,
}

/// The samples of one route or of the floor.
#[derive(Default)]
struct Samples {
    times: Vec<Duration>,
    cpu: Duration,
    /// The times of the baseline: the driver and the HTTP client.
    baseline: Vec<Duration>,
    baseline_cpu: Duration,
    /// The number of commands in each step.
    steps: Vec<usize>,
}

/// The results of one route, in milliseconds.
struct Figures {
    p50: f64,
    p99: f64,
    baseline: f64,
    /// The time without the baseline's, by the floor's.
    own: f64,
    cpu: f64,
    baseline_cpu: f64,
    /// The processor time without the baseline's, by the floor's.
    own_cpu: f64,
}

/// Measures each route in turn with the floor and with the baseline.
///
/// The baseline needs no list of operations. A second environment of each function uses a copy of the database through a
/// [`CommandMonitor`], which records the commands and which of them overlap. The baseline then sends the same commands, in
/// the same steps, to a third database in the same state. So every identifier is new there, and each command must have the
/// same effect.
///
/// The baseline uses `run_command`, which skips most of the work of a typed call, on a thread that does nothing else. So
/// the baseline is rather too fast, and the functions' share rather too large.
///
/// The time of the floor and of the routes includes the Runtime API's time. The title states its upper bound. The
/// function's processor time includes neither the Runtime API nor the database.
pub async fn measure(bench: &Bench) -> Result<Finding> {
    let (timed, third) = (bench.fixture.copy().await?, bench.fixture.copy().await?);
    let baseline = DriverBaseline::start(&third).await?;
    let second = bench.fixture.copy().await?;
    let mut floor = bench.start(FLOOR, &variables(&timed))?;
    floor.poll().await?;
    let mut pairs: BTreeMap<&str, Pair> = BTreeMap::new();
    for Route { function, .. } in ROUTES {
        if pairs.contains_key(function) {
            continue;
        }
        let (monitor, monitored) = CommandMonitor::start(second.clone()).await?;
        let mut pair = Pair {
            monitored: bench.start(function, &variables(&monitored))?,
            monitor,
            timed: bench.start(function, &variables(&timed))?,
        };
        pair.timed.poll().await?;
        pairs.insert(function, pair);
    }

    let mut floors = Samples::default();
    let mut harness = Duration::ZERO;
    let mut all: Vec<_> = ROUTES.iter().map(|_| Samples::default()).collect();
    for nth in 0..WARM_UP + bench.requests {
        let is_counted = nth >= WARM_UP;
        let mut commands = Vec::new();
        for route in &ROUTES {
            let pair = pairs.get_mut(route.function).ok_or("unknown function")?;
            commands.push(record_commands(bench, pair, route, nth).await?);
        }
        let event = Request::new("GET", "/").event().to_string().into();
        let before = process::cpu(std::process::id())?;
        let timing = handle(&mut floor, event, FLOOR, 200).await?;
        let used = process::cpu(std::process::id())?.saturating_sub(before);
        if is_counted {
            floors.add(timing);
            harness += used;
        }
        for ((route, commands), samples) in ROUTES.iter().zip(commands).zip(&mut all) {
            let pair = pairs.get_mut(route.function).ok_or("unknown function")?;
            let event = route.event(&bench.fixture, nth);
            let timing = handle(&mut pair.timed, event, route.name, route.status).await?;
            let steps = commands.iter().map(Vec::len).collect();
            let mut base = baseline
                .run_commands(vec![commands])
                .await
                .map_err(|error| format!("{}, baseline: {error}", route.name))?;
            if route.name == DIALS {
                base += baseline.dial().await?;
            }
            if is_counted {
                samples.add(timing);
                samples.add_baseline(base);
                samples.steps = steps;
            }
        }
    }
    let mut finding = finding(&floors, &all, harness);
    draw_missed(bench, &mut finding).await?;
    Ok(finding)
}

/// Draws flame graphs of the routes that have missed their target.
async fn draw_missed(bench: &Bench, finding: &mut Finding) -> Result<()> {
    let missed: Vec<_> = ROUTES
        .iter()
        .filter(|route| {
            let what = target_name(route.name);
            let mut targets = finding.targets.iter();
            targets.any(|target| target.what == what && !target.met)
        })
        .collect();
    if !missed.is_empty() && !flame_graph::is_possible() {
        println!("SKIPPED: flame graphs need perf, which doesn't work here");
        return Ok(());
    }
    for route in missed {
        let svg = flame_graph::draw_requests(bench, route).await?;
        println!("flame graph of {}: {}", route.name, svg.display());
        finding.data[route.name]["flame_graph"] = json!(svg);
    }
    Ok(())
}

fn target_name(route: &str) -> String {
    format!("{route}: p50 without the driver's, × floor")
}

/// Sends a request to the monitored environment, and returns its commands.
async fn record_commands(
    bench: &Bench,
    pair: &mut Pair,
    route: &Route,
    nth: usize,
) -> Result<Steps> {
    pair.monitored.poll().await?;
    let event = route.event(&bench.fixture, nth);
    let response = pair.monitored.handle(event).await?;
    response.expect(route.name, Some(route.status))?;
    Ok(pair.monitor.take())
}

/// Times a request. The environment must have asked for an event, and asks for the next one before this returns.
async fn handle(
    environment: &mut Environment,
    event: Bytes,
    what: &str,
    status: u16,
) -> Result<Timing> {
    let before = process::cpu(environment.process_id())?;
    let response = environment.handle(event).await?;
    response.expect(what, Some(status))?;
    environment.poll().await?;
    Ok(Timing {
        time: response.took,
        cpu: process::cpu(environment.process_id())?.saturating_sub(before),
    })
}

impl Samples {
    fn add(&mut self, timing: Timing) {
        self.times.push(timing.time);
        self.cpu += timing.cpu;
    }

    fn add_baseline(&mut self, timing: Timing) {
        self.baseline.push(timing.time);
        self.baseline_cpu += timing.cpu;
    }

    fn figures(&self, floor: &Self) -> Figures {
        let (p50, baseline) = (ms(median(&self.times)), ms(median(&self.baseline)));
        let cpu = mean_ms(self.cpu, &self.times);
        let baseline_cpu = mean_ms(self.baseline_cpu, &self.baseline);
        Figures {
            p50,
            p99: ms(percentile(&self.times, 0.99)),
            baseline,
            own: own(p50, baseline, ms(median(&floor.times))),
            cpu,
            baseline_cpu,
            own_cpu: own(cpu, baseline_cpu, mean_ms(floor.cpu, &floor.times)),
        }
    }
}

/// Returns the mean in milliseconds.
fn mean_ms(sum: Duration, samples: &[Duration]) -> f64 {
    let samples = u32::try_from(samples.len()).unwrap_or(u32::MAX);
    ms(sum / samples.max(1))
}

/// Returns the time of a request without the baseline's, by the floor's.
fn own(request: f64, baseline: f64, floor: f64) -> f64 {
    (request - baseline) / floor
}

/// Returns the table. `harness` is this program's processor time for the floor's requests.
fn finding(floor: &Samples, all: &[Samples], harness: Duration) -> Finding {
    let mut table = Table::new(&[
        "route",
        "commands",
        "p50, ms",
        "p99",
        "driver p50",
        "rest, × floor",
        "processor, ms",
        "driver",
        "rest, × floor",
    ]);
    let mut data = Map::new();
    let mut targets = Vec::new();
    let names = [FLOOR].into_iter().chain(ROUTES.map(|route| route.name));
    for (name, samples) in names.zip([floor].into_iter().chain(all)) {
        let steps: Vec<_> = samples.steps.iter().map(ToString::to_string).collect();
        let Figures {
            p50,
            p99,
            baseline,
            own,
            cpu,
            baseline_cpu,
            own_cpu,
        } = samples.figures(floor);
        let figures = [p50, p99, baseline, own, cpu, baseline_cpu, own_cpu];
        let figures = figures.map(|figure| format!("{figure:.3}"));
        table.line(name, [steps.join("+")].into_iter().chain(figures));
        let value = json!({
            "p50_ms": p50, "p99_ms": p99, "bare_p50_ms": baseline, "own_by_floor": own,
            "processor_ms": cpu, "bare_processor_ms": baseline_cpu, "own_processor_by_floor": own_cpu,
            "commands": samples.steps, "requests": samples.times.len(),
        });
        data.insert(name.to_owned(), value);
        if name != FLOOR && !WITHOUT_TARGET.contains(&name) {
            targets.push(Target::new(target_name(name), OWN_RATIO, own).bound_by(BOUND));
        }
    }
    let harness = mean_ms(harness, &floor.times);
    data.insert("harness_processor_ms".to_owned(), harness.into());
    Finding {
        title: format!(
            "Warm requests: {} of each route; the same commands by the driver alone; the rest, by the floor's time\n\
             (The Runtime API in this program takes {harness:.3} ms of processor time for each request of the floor, including the measuring.)",
            floor.times.len()
        ),
        table,
        data: Value::Object(data),
        targets,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(us: u64, baseline_us: u64) -> Samples {
        let mut samples = Samples::default();
        let timing = |us| Timing {
            time: Duration::from_micros(us),
            cpu: Duration::from_micros(us / 2),
        };
        samples.add(timing(us));
        samples.add(timing(us));
        samples.add_baseline(timing(baseline_us));
        samples
    }

    #[test]
    fn own_time_is_without_the_baseline_and_by_the_floor() {
        let figures = samples(1_250, 1_000).figures(&samples(200, 0));
        assert!((figures.own - 1.25).abs() < 1e-9);
        assert!((figures.own_cpu - 1.25).abs() < 1e-9);
        assert!((figures.cpu - 0.625).abs() < 1e-9);
    }
}
