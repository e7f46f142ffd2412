//! Measures status callbacks per second, and how fast the driver alone sends the same commands.

use std::time::{Duration, Instant};

use axum::body::Bytes;
use futures_util::future::try_join_all;
use serde_json::{Map, Value, json};
use stack::Result;

use crate::bench::Bench;
use crate::command_monitor::{CommandMonitor, Steps};
use crate::driver_baseline::DriverBaseline;
use crate::environment::Environment;
use crate::finding::{Finding, Table};
use crate::fixture::variables;
use crate::process;
use crate::routes::first_route_of;
use crate::runtime_api::Invocation;
use crate::statistics::{f64_of, ms};

const FUNCTION: &str = "status";

/// Numbers of environments, and of concurrent requests to each of them as on Lambda's managed instances. The fixture's calls
/// can be divided by four.
const CONCURRENCY: [(usize, usize); 5] = [(1, 1), (2, 1), (4, 1), (1, 2), (1, 4)];

/// Number of callbacks before the calls are reset, which keeps timelines short.
const CALLBACKS: usize = 600;

/// The least time of a measurement.
const TIME_MIN: Duration = Duration::from_secs(3);

/// A number of callbacks, and their time.
#[derive(Default)]
struct Rate {
    callbacks: usize,
    time: Duration,
}

/// Sends batches to the functions and to the baseline in turn, each with its own database.
///
/// The baseline repeats the commands of a function for the same callbacks, as in [`crate::warm_requests::measure`].
pub async fn measure(bench: &Bench) -> Result<Finding> {
    let stage = bench.fixture.copy().await?;
    let third = bench.fixture.copy().await?;
    let (events, commands) = record_commands(bench).await?;
    let mut table = Table::new(&[
        "environments × concurrent",
        "callbacks/s",
        "driver/s",
        "share",
        "processor, ms each",
        "most/s per core",
    ]);
    let mut data = Map::new();
    for (count, at_once) in CONCURRENCY {
        let mut environments = Vec::new();
        let mut baselines = Vec::new();
        let mut variables = variables(&stage);
        let concurrency = ("AWS_LAMBDA_MAX_CONCURRENCY".to_owned(), at_once.to_string());
        variables.push(concurrency);
        for _ in 0..count {
            environments.push(bench.start(FUNCTION, &variables)?);
        }
        for _ in 0..count * at_once {
            baselines.push(DriverBaseline::start(&third).await?);
        }
        let events = divide(&events, count);
        let commands = divide(&commands, count * at_once);
        let (mut rate, mut driver, mut cpu) = (Rate::default(), Rate::default(), Duration::ZERO);
        let mut is_warm = false;
        while rate.time < TIME_MIN || driver.time < TIME_MIN {
            bench.fixture.restore(&stage).await?;
            let before = cpu_of(&environments)?;
            let functions_took = send(&mut environments, &events, at_once).await?;
            let used = cpu_of(&environments)?.saturating_sub(before);
            bench.fixture.restore(&third).await?;
            let begun = Instant::now();
            let loops = baselines.iter().zip(&commands);
            try_join_all(loops.map(|(baseline, share)| baseline.run_commands(share.clone())))
                .await?;
            let driver_took = begun.elapsed();
            // The first batch includes starting and connecting, and isn't counted.
            if is_warm {
                rate.add(functions_took);
                driver.add(driver_took);
                cpu += used;
            }
            is_warm = true;
        }
        let (rate, each) = (rate.per_second(), ms(cpu) / f64_of(rate.callbacks));
        let (driver, most) = (driver.per_second(), 1_000.0 / each);
        table.line(
            format!("{count} × {at_once}"),
            [
                format!("{rate:.0}"),
                format!("{driver:.0}"),
                format!("{:.2}", rate / driver),
                format!("{each:.3}"),
                format!("{most:.0}"),
            ],
        );
        data.insert(
            format!("{count}x{at_once}"),
            json!({
                "callbacks_per_second": rate, "bare_driver_per_second": driver,
                "processor_ms_each": each, "at_most_per_second_and_core": most,
            }),
        );
    }
    Ok(Finding {
        title: "Throughput: status callbacks to several environments with several concurrent requests each; the same commands by the driver alone, in as many loops"
            .to_owned(),
        table,
        data: Value::Object(data),
        targets: Vec::new(),
    })
}

/// Returns callbacks, and the function's commands for each of them.
async fn record_commands(bench: &Bench) -> Result<(Vec<Bytes>, Vec<Steps>)> {
    let route = first_route_of(FUNCTION).ok_or("the status function has no route")?;
    let (monitor, stage) = CommandMonitor::start(bench.fixture.copy().await?).await?;
    let mut environment = bench.start(FUNCTION, &variables(&stage))?;
    let mut events = Vec::new();
    let mut all = Vec::new();
    for nth in 0..CALLBACKS {
        let event = route.event(&bench.fixture, nth);
        environment.poll().await?;
        let response = environment.handle(event.clone()).await?;
        response.expect(FUNCTION, Some(route.status))?;
        events.push(event);
        all.push(monitor.take());
    }
    Ok((events, all))
}

/// Divides a list into shares. All items of one call go to the same share, in their order.
fn divide<T: Clone>(all: &[T], shares: usize) -> Vec<Vec<T>> {
    (0..shares)
        .map(|share| all.iter().skip(share).step_by(shares).cloned().collect())
        .collect()
}

async fn send(
    environments: &mut [Environment],
    events: &[Vec<Bytes>],
    at_once: usize,
) -> Result<Duration> {
    let begun = Instant::now();
    let check = |response: Invocation| response.expect(FUNCTION, Some(200));
    let loops = environments.iter_mut().zip(events);
    try_join_all(loops.map(|(environment, events)| environment.handle_all(events, at_once, check)))
        .await?;
    Ok(begun.elapsed())
}

fn cpu_of(environments: &[Environment]) -> Result<Duration> {
    let all = environments.iter();
    all.map(|environment| process::cpu(environment.process_id()))
        .sum()
}

impl Rate {
    fn add(&mut self, time: Duration) {
        self.callbacks += CALLBACKS;
        self.time += time;
    }

    fn per_second(&self) -> f64 {
        f64_of(self.callbacks) / self.time.as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn share_has_all_items_of_a_call_in_order() {
        let shares = divide(&[0, 1, 2, 3, 4, 5, 6, 7], 4);
        assert_eq!(shares, [[0, 4], [1, 5], [2, 6], [3, 7]]);
    }

    #[test]
    fn rate_is_per_second() {
        let mut rate = Rate::default();
        rate.add(Duration::from_millis(500));
        rate.add(Duration::from_millis(700));
        assert!((rate.per_second() - 1_000.0).abs() < 1e-9);
    }
}
