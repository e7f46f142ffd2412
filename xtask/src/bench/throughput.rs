//! Status callbacks as fast as they are taken, and as fast as the bare driver has the database take the same.

use std::time::{Duration, Instant};

use axum::body::Bytes;
use futures_util::future::try_join_all;
use serde_json::{Map, Value, json};

use super::api::{Answer, Environment};
use super::bare::Bare;
use super::finding::{Finding, Table};
use super::routes::first_of;
use super::scene::variables;
use super::statistics::ms;
use super::tap::{Asked, Tap};
use super::{Bench, process};
use crate::Result;

const FUNCTION: &str = "status";

/// How many environments there are, and how many requests each of them takes at a time, as on Lambda's managed instances. The
/// scene's calls can be shared out among four.
const SIDE_BY_SIDE: [(usize, usize); 5] = [(1, 1), (2, 1), (4, 1), (1, 2), (1, 4)];

/// How many callbacks are sent before the calls are made what they were at the outset: so none has a long timeline.
const CALLBACKS: usize = 600;

/// For how long callbacks are sent, at the least.
const TIME: Duration = Duration::from_secs(3);

/// Callbacks in so much time.
#[derive(Default)]
struct Rate {
    callbacks: usize,
    time: Duration,
}

/// Batches of the functions and of the bare driver in turns, each on a database of its own.
///
/// The bare driver sends the commands that a function has sent for the very same callbacks, as in
/// [`super::warm::measure`].
pub async fn measure(bench: &Bench) -> Result<Finding> {
    let stage = bench.scene.twin().await?;
    let third = bench.scene.twin().await?;
    let (events, asked) = overhear(bench).await?;
    let mut table = Table::new(&[
        "environments × at once",
        "callbacks/s",
        "bare driver/s",
        "share",
        "processor, ms each",
        "most/s, by core",
    ]);
    let mut data = Map::new();
    for (count, at_once) in SIDE_BY_SIDE {
        let mut environments = Vec::new();
        let mut bares = Vec::new();
        let mut variables = variables(&stage);
        let concurrency = ("AWS_LAMBDA_MAX_CONCURRENCY".to_owned(), at_once.to_string());
        variables.push(concurrency);
        for _ in 0..count {
            let binary = bench.workspace.binary(FUNCTION);
            environments.push(bench.api.start(&binary, &variables, &bench.scene.log)?);
        }
        for _ in 0..count * at_once {
            bares.push(Bare::on(&third).await?);
        }
        let events = shared_out(&events, count);
        let asked = shared_out(&asked, count * at_once);
        let (mut rate, mut bare, mut cpu) = (Rate::default(), Rate::default(), Duration::ZERO);
        let mut is_warm = false;
        while rate.time < TIME || bare.time < TIME {
            bench.scene.restore(&stage).await?;
            let before = cpu_of(&environments)?;
            let functions_took = send(&mut environments, &events, at_once).await?;
            let used = cpu_of(&environments)?.saturating_sub(before);
            bench.scene.restore(&third).await?;
            let begun = Instant::now();
            let loops = bares.iter().zip(&asked);
            try_join_all(loops.map(|(bare, asked)| bare.ask(asked.clone()))).await?;
            let bare_took = begun.elapsed();
            // The first batch also starts and connects.
            if is_warm {
                rate.add(functions_took);
                bare.add(bare_took);
                cpu += used;
            }
            is_warm = true;
        }
        let (rate, each) = (rate.per_second(), ms(cpu) / f64_of(rate.callbacks));
        let (bare, most) = (bare.per_second(), 1_000.0 / each);
        table.line(
            format!("{count} × {at_once}"),
            [
                format!("{rate:.0}"),
                format!("{bare:.0}"),
                format!("{:.2}", rate / bare),
                format!("{each:.3}"),
                format!("{most:.0}"),
            ],
        );
        data.insert(
            format!("{count}x{at_once}"),
            json!({
                "callbacks_per_second": rate, "bare_driver_per_second": bare,
                "processor_ms_each": each, "at_most_per_second_and_core": most,
            }),
        );
    }
    Ok(Finding {
        title: "Throughput: status callbacks, so many environments with so many at a time in each, and the bare driver's same commands in as many loops"
            .to_owned(),
        table,
        data: Value::Object(data),
        targets: Vec::new(),
    })
}

/// Callbacks, and what the function asks of the database for each.
async fn overhear(bench: &Bench) -> Result<(Vec<Bytes>, Vec<Asked>)> {
    let route = first_of(FUNCTION).ok_or("no such function")?;
    let (tap, stage) = Tap::before(bench.scene.twin().await?).await?;
    let binary = bench.workspace.binary(FUNCTION);
    let mut environment = bench
        .api
        .start(&binary, &variables(&stage), &bench.scene.log)?;
    let mut events = Vec::new();
    let mut all = Vec::new();
    for nth in 0..CALLBACKS {
        let event = route.event(&bench.scene, nth);
        environment.poll().await?;
        let answer = environment.handle(event.clone()).await?;
        answer.expect(FUNCTION, Some(route.status))?;
        events.push(event);
        all.push(tap.take());
    }
    Ok((events, all))
}

/// All of one call's go to the same share, in their order.
fn shared_out<T: Clone>(all: &[T], shares: usize) -> Vec<Vec<T>> {
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
    let check = |answer: Answer| answer.expect(FUNCTION, Some(200));
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

fn f64_of(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_has_all_of_a_call_in_order() {
        let shares = shared_out(&[0, 1, 2, 3, 4, 5, 6, 7], 4);
        assert_eq!(shares, [[0, 4], [1, 5], [2, 6], [3, 7]]);
    }

    #[test]
    fn a_rate_is_by_the_second() {
        let mut rate = Rate::default();
        rate.add(Duration::from_millis(500));
        rate.add(Duration::from_millis(700));
        assert!((rate.per_second() - 1_000.0).abs() < 1e-9);
    }
}
