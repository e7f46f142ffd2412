//! Requests to environments that have begun, beside the floor's and beside the bare driver's.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::Bytes;
use serde_json::{Map, Value, json};
use testkit::Request;

use super::api::Environment;
use super::bare::{Bare, Took};
use super::finding::{Finding, Table, Target};
use super::flame;
use super::routes::{DIALS, ROUTES, Route};
use super::scene::variables;
use super::statistics::{median, ms, percentile};
use super::tap::{Asked, Tap};
use super::{Bench, FLOOR, process};
use crate::Result;

/// Rounds that are not counted.
const WARM_UP: usize = 10;

/// What a request may take beyond what the database's driver takes: the floor, and a quarter of it.
const OWN_RATIO: f64 = 1.25;

/// Routes that need more than the database, or not even that.
const WITHOUT_TARGET: [&str; 2] = ["GET /health", "GET /media, refused"];

const BOUND: &str = "code that is cold in the caches: the processor's time of a request grows with the layers that it passes (the \
    event, the router, the key or signature, the driver's typed calls, a log line, a line of metrics), and none of them stands out \
    in the flame graphs; the floor has only the first two. A route whose database is slow hides less of it than it seems, for \
    the bare driver's loop is warm. Tried: commands in raw BSON (kept), large futures on the heap (no difference), twenty requests of a \
    route in a row (the floor falls to a tenth then, the routes to a half), another allocator (9% fewer instructions, no less time, and \
    a start that is two thirds longer), profile-guided optimization (a quarter fewer instructions, but of the floor's as well; a zip of 5.3 MiB)";

/// A function twice.
struct Pair {
    /// The one whose database tells what it is asked.
    overheard: Environment,
    tap: Tap,
    /// The one whose time is taken.
    timed: Environment,
}

/// Of one route, or of the floor.
#[derive(Default)]
struct Samples {
    took: Vec<Duration>,
    cpu: Duration,
    /// The bare driver's, and HTTP client's.
    bare: Vec<Duration>,
    bare_cpu: Duration,
    /// How many commands each step had.
    steps: Vec<usize>,
}

/// Of one route, in milliseconds.
struct Figures {
    p50: f64,
    p99: f64,
    bare: f64,
    /// What is not the driver's, by the floor's all.
    own: f64,
    cpu: f64,
    bare_cpu: f64,
    /// The same as `own`, of the processor's time.
    own_cpu: f64,
}

/// Each route in turns with the floor and with the bare driver.
///
/// The operations are not written down here. A second environment of each function works on a twin of the database through
/// a [`Tap`], which overhears its commands and which of them are under way together. The bare driver then sends the very
/// same commands, in the same steps, to a third twin that is in the state in which the second was: so every identifier is
/// new there, and each command must have the effect that it had. It sends them with `run_command`, which makes documents of
/// the replies and spares the driver the rest of what a typed call does, and on a thread that does nothing else. So the base
/// is rather too small than too great, and what is left for the layers above it rather too great.
///
/// The time between event and answer holds the Runtime API's own, in the floor as in the routes; what that can be at most
/// is told. The processor's time of the function alone is told beside it: there is nothing of that, and of the database, in
/// it.
pub async fn measure(bench: &Bench) -> Result<Finding> {
    let (timed, third) = (bench.scene.twin().await?, bench.scene.twin().await?);
    let bare = Bare::on(&third).await?;
    let second = bench.scene.twin().await?;
    let mut floor = bench.api.start(
        &bench.workspace.binary(FLOOR),
        &variables(&timed),
        &bench.scene.log,
    )?;
    floor.poll().await?;
    let mut pairs: BTreeMap<&str, Pair> = BTreeMap::new();
    for Route { function, .. } in ROUTES {
        if pairs.contains_key(function) {
            continue;
        }
        let binary = bench.workspace.binary(function);
        let (tap, tapped) = Tap::before(second.clone()).await?;
        let start = |stage| {
            bench
                .api
                .start(&binary, &variables(stage), &bench.scene.log)
        };
        let mut pair = Pair {
            overheard: start(&tapped)?,
            tap,
            timed: start(&timed)?,
        };
        pair.timed.poll().await?;
        pairs.insert(function, pair);
    }

    let mut floors = Samples::default();
    let mut harness = Duration::ZERO;
    let mut all: Vec<_> = ROUTES.iter().map(|_| Samples::default()).collect();
    for nth in 0..WARM_UP + bench.requests {
        let is_counted = nth >= WARM_UP;
        let mut asked = Vec::new();
        for route in &ROUTES {
            let pair = pairs.get_mut(route.function).ok_or("no such function")?;
            asked.push(overhear(bench, pair, route, nth).await?);
        }
        let event = Request::new("GET", "/").event().to_string().into();
        let before = process::cpu(std::process::id())?;
        let took = handle(&mut floor, event, FLOOR, 200).await?;
        let used = process::cpu(std::process::id())?.saturating_sub(before);
        if is_counted {
            floors.add(took);
            harness += used;
        }
        for ((route, asked), samples) in ROUTES.iter().zip(asked).zip(&mut all) {
            let pair = pairs.get_mut(route.function).ok_or("no such function")?;
            let event = route.event(&bench.scene, nth);
            let took = handle(&mut pair.timed, event, route.name, route.status).await?;
            let steps = asked.iter().map(Vec::len).collect();
            let mut base = bare
                .ask(vec![asked])
                .await
                .map_err(|error| format!("{}, bare: {error}", route.name))?;
            if route.name == DIALS {
                base += bare.dial().await?;
            }
            if is_counted {
                samples.add(took);
                samples.add_bare(base);
                samples.steps = steps;
            }
        }
    }
    let mut finding = found(&floors, &all, harness);
    draw_missed(bench, &mut finding).await?;
    Ok(finding)
}

/// Draws where the time goes, for the routes that are not as near to the floor as they should be.
async fn draw_missed(bench: &Bench, finding: &mut Finding) -> Result<()> {
    let missed: Vec<_> = ROUTES
        .iter()
        .filter(|route| {
            let what = target(route.name);
            let mut targets = finding.targets.iter();
            targets.any(|target| target.what == what && !target.met)
        })
        .collect();
    if !missed.is_empty() && !flame::is_possible() {
        println!("SKIPPED: no flame graphs are drawn: perf does not work here");
        return Ok(());
    }
    for route in missed {
        let svg = flame::draw_requests(bench, route).await?;
        println!("where the time of {} goes: {}", route.name, svg.display());
        finding.data[route.name]["flame_graph"] = json!(svg);
    }
    Ok(())
}

fn target(route: &str) -> String {
    format!("{route}: p50 without the driver's, × floor")
}

/// What the function asks of the database for that request.
async fn overhear(bench: &Bench, pair: &mut Pair, route: &Route, nth: usize) -> Result<Asked> {
    pair.overheard.poll().await?;
    let event = route.event(&bench.scene, nth);
    let answer = pair.overheard.handle(event).await?;
    answer.expect(route.name, Some(route.status))?;
    Ok(pair.tap.take())
}

/// By an environment that has asked for an event; it asks for the next one before this returns.
async fn handle(
    environment: &mut Environment,
    event: Bytes,
    what: &str,
    status: u16,
) -> Result<Took> {
    let before = process::cpu(environment.process_id())?;
    let answer = environment.handle(event).await?;
    answer.expect(what, Some(status))?;
    environment.poll().await?;
    Ok(Took {
        time: answer.took,
        cpu: process::cpu(environment.process_id())?.saturating_sub(before),
    })
}

impl Samples {
    fn add(&mut self, took: Took) {
        self.took.push(took.time);
        self.cpu += took.cpu;
    }

    fn add_bare(&mut self, took: Took) {
        self.bare.push(took.time);
        self.bare_cpu += took.cpu;
    }

    fn figures(&self, floor: &Self) -> Figures {
        let (p50, bare) = (ms(median(&self.took)), ms(median(&self.bare)));
        let (cpu, bare_cpu) = (each(self.cpu, &self.took), each(self.bare_cpu, &self.bare));
        Figures {
            p50,
            p99: ms(percentile(&self.took, 0.99)),
            bare,
            own: own(p50, bare, ms(median(&floor.took))),
            cpu,
            bare_cpu,
            own_cpu: own(cpu, bare_cpu, each(floor.cpu, &floor.took)),
        }
    }
}

/// In milliseconds.
fn each(sum: Duration, samples: &[Duration]) -> f64 {
    let samples = u32::try_from(samples.len()).unwrap_or(u32::MAX);
    ms(sum / samples.max(1))
}

/// What is left of a request without what it is built on, by all of the floor.
fn own(request: f64, base: f64, floor: f64) -> f64 {
    (request - base) / floor
}

/// `harness`: what this program has had of the processors for the floor's requests.
fn found(floor: &Samples, all: &[Samples], harness: Duration) -> Finding {
    let mut table = Table::new(&[
        "route",
        "commands",
        "p50, ms",
        "p99",
        "bare p50",
        "rest, × floor",
        "processor, ms",
        "bare",
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
            bare,
            own,
            cpu,
            bare_cpu,
            own_cpu,
        } = samples.figures(floor);
        let figures = [p50, p99, bare, own, cpu, bare_cpu, own_cpu];
        let figures = figures.map(|figure| format!("{figure:.3}"));
        table.line(name, [steps.join("+")].into_iter().chain(figures));
        let value = json!({
            "p50_ms": p50, "p99_ms": p99, "bare_p50_ms": bare, "own_by_floor": own,
            "processor_ms": cpu, "bare_processor_ms": bare_cpu, "own_processor_by_floor": own_cpu,
            "commands": samples.steps, "requests": samples.took.len(),
        });
        data.insert(name.to_owned(), value);
        if name != FLOOR && !WITHOUT_TARGET.contains(&name) {
            targets.push(Target::new(target(name), OWN_RATIO, own).bound_by(BOUND));
        }
    }
    let harness = each(harness, &floor.took);
    data.insert("harness_processor_ms".to_owned(), harness.into());
    Finding {
        title: format!(
            "Warm requests: {} of each route; the bare driver's same commands; what is left, by the floor's all\n\
             (The Runtime API, which is this program, had {harness:.3} ms of a processor for each of the floor's requests, its measuring included.)",
            floor.took.len()
        ),
        table,
        data: Value::Object(data),
        targets,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(took_us: u64, bare_us: u64) -> Samples {
        let mut samples = Samples::default();
        let took = |us| Took {
            time: Duration::from_micros(us),
            cpu: Duration::from_micros(us / 2),
        };
        samples.add(took(took_us));
        samples.add(took(took_us));
        samples.add_bare(took(bare_us));
        samples
    }

    #[test]
    fn what_is_left_is_without_the_drivers_and_by_the_floors() {
        let figures = samples(1_250, 1_000).figures(&samples(200, 0));
        assert!((figures.own - 1.25).abs() < 1e-9);
        assert!((figures.own_cpu - 1.25).abs() < 1e-9);
        assert!((figures.cpu - 0.625).abs() < 1e-9);
    }
}
