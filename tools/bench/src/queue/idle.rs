//! Measures what a minute costs in which nothing is due: a run of `dispatch`, and the sweep of `effects`.

use std::time::Duration;

use lambda::scheduled_event;
use serde_json::{Map, json};
use stack::Result;
use testkit::Stage;

use crate::bench::Bench;
use crate::command_monitor::{Command, CommandMonitor, Steps};
use crate::environment::Environment;
use crate::finding::{Finding, Table, Target};
use crate::fixture::variables;
use crate::query_plan;
use crate::queue::immediate::UNUSED_QUEUE;
use crate::queue::waiting::{explained, in_seconds, many, store_bulk};
use crate::statistics::{median, ms, percentile};

/// Number of timed runs.
const RUNS: usize = 40;
/// The most time of a run, in ms.
const RUN_MS: f64 = 10.0;
/// Seconds until the waiting calls are due: a day.
const LATER_SECONDS: i64 = 86_400;

/// Runs the functions with no waiting call, and with many that are due tomorrow.
pub async fn measure(bench: &Bench) -> Result<Finding> {
    let mut table = Table::new(&[
        "run", "waiting", "steps", "commands", "p50, ms", "p95, ms", "names",
    ]);
    let mut data = Map::new();
    let mut targets = Vec::new();
    for waiting in [0, many(bench)] {
        let stage = bench
            .fixture
            .copy()
            .await?
            .set("DIAL_QUEUE_URL", UNUSED_QUEUE);
        store_bulk(bench, &stage, waiting, in_seconds(LATER_SECONDS)).await?;
        for function in ["dispatch", "effects"] {
            let steps = record(bench, stage.clone(), function).await?;
            let times = time(bench, &stage, function).await?;
            let [p50, p95] = [median(&times), percentile(&times, 0.95)].map(ms);
            let names: Vec<_> = steps.iter().map(|step| names(step)).collect();
            let commands = steps.iter().map(Vec::len).sum::<usize>();
            table.line(
                function,
                [
                    waiting.to_string(),
                    steps.len().to_string(),
                    commands.to_string(),
                    format!("{p50:.2}"),
                    format!("{p95:.2}"),
                    names.join("; "),
                ],
            );
            data.insert(
                format!("{function}, {waiting} waiting"),
                json!({ "steps": names, "commands": commands, "p50_ms": p50, "p95_ms": p95 }),
            );
            let what = format!("idle run of {function}, {waiting} calls wait for tomorrow: ms");
            let target = Target::new(what, RUN_MS, p50);
            targets.push(explained(bench, target));
        }
        stage.database().drop().await?;
    }
    Ok(Finding {
        title: format!("An idle minute: medians of {RUNS} runs; the commands of a step overlap"),
        table,
        data: data.into(),
        targets,
    })
}

/// Returns the names of a step's commands.
fn names(step: &[Command]) -> String {
    let names = step
        .iter()
        .map(|recorded| query_plan::name(&recorded.command));
    names.collect::<Vec<_>>().join(", ")
}

/// Returns the commands of a run. The run before it has connected.
async fn record(bench: &Bench, stage: Stage, function: &str) -> Result<Steps> {
    let (monitor, stage) = CommandMonitor::start(stage).await?;
    let mut environment = bench.start(function, &variables(&stage))?;
    run(&mut environment, function).await?;
    monitor.take();
    run(&mut environment, function).await?;
    Ok(monitor.take())
}

async fn time(bench: &Bench, stage: &Stage, function: &str) -> Result<Vec<Duration>> {
    let mut environment = bench.start(function, &variables(stage))?;
    run(&mut environment, function).await?;
    let mut times = Vec::new();
    for _ in 0..RUNS {
        times.push(run(&mut environment, function).await?);
    }
    Ok(times)
}

/// Runs a function by its schedule, and returns the time.
async fn run(environment: &mut Environment, function: &str) -> Result<Duration> {
    environment.poll().await?;
    let event = scheduled_event(function).to_string();
    let answer = environment.handle(event.into()).await?;
    answer.expect(function, None)?;
    Ok(answer.took)
}
