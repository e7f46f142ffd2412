//! Measures the latency of scheduled calls: from their due time to the request to Twilio.

use std::time::Duration;

use outdial::domain::Priority;
use serde_json::{Map, json};
use stack::Result;

use crate::bench::Bench;
use crate::finding::{Finding, Table, Target};
use crate::queue::dials::Dials;
use crate::queue::running::RunningQueue;
use crate::queue::waiting::{explained, in_seconds, store, waiting};
use crate::statistics::{median, ms, percentile};

/// Numbers of dials a second, and numbers of calls.
const PACES: [(u32, u32); 3] = [(1, 10), (10, 60), (100, 300)];
/// Limits for the embedded database: number of calls, and interval between two.
const EMBEDDED_CALLS_MAX: u32 = 60;
const EMBEDDED_INTERVAL: Duration = Duration::from_millis(200);
/// Seconds until the first call is due: the calls are stored by then.
const AHEAD_SECONDS: i64 = 3;
/// The longest time of 95 in 100 calls, in ms: a tick of `dispatch`, and as long for the queue and the dial.
const P95_MS: f64 = 1_000.0;

/// Schedules calls at each pace, and runs `dispatch` and `dial`.
pub async fn measure(bench: &Bench) -> Result<Finding> {
    let mut table = Table::new(&["dials/s", "calls", "p50, ms", "p95, ms", "longest, ms"]);
    let mut data = Map::new();
    let mut targets = Vec::new();
    for (pace, calls) in PACES {
        let waits = measure_pace(bench, pace, calls).await?;
        let figures = [
            median(&waits),
            percentile(&waits, 0.95),
            percentile(&waits, 1.0),
        ]
        .map(ms);
        let cells = figures.map(|figure| format!("{figure:.0}"));
        table.line(
            pace.to_string(),
            [waits.len().to_string()].into_iter().chain(cells),
        );
        let [p50, p95, longest] = figures;
        data.insert(
            format!("{pace}_per_second"),
            json!({ "calls": waits.len(), "p50_ms": p50, "p95_ms": p95, "longest_ms": longest }),
        );
        let what = format!("{pace} dials a second: ms from due to Twilio, p95");
        let target = Target::new(what, P95_MS, p95);
        targets.push(explained(bench, target));
    }
    Ok(Finding {
        title:
            "Scheduled calls: the time from due to Twilio's request, with calls at half the pace"
                .to_owned(),
        table,
        data: data.into(),
        targets,
    })
}

/// Returns the time of each call.
async fn measure_pace(bench: &Bench, pace: u32, calls: u32) -> Result<Vec<Duration>> {
    let stage = bench.fixture.copy().await?;
    let mut dials = Dials::from_now(&bench.fixture).await?;
    let queue = RunningQueue::start(bench, &stage, pace).await?;
    queue.deliver();
    // The first calls start the functions, and aren't counted.
    let first = in_seconds(0);
    let warm_up: Vec<_> = (0..pace.clamp(2, 20))
        .map(|_| waiting(bench, Priority::Normal, first))
        .collect();
    store(&stage, &warm_up).await?;
    queue.dispatch().await?;
    let ids: Vec<_> = warm_up
        .iter()
        .map(|call| call.call_id.to_string())
        .collect();
    dials.of(&ids).await?;

    let first = in_seconds(AHEAD_SECONDS);
    // Half the pace, so that none waits for a permit.
    let mut interval = Duration::from_secs(2) / pace;
    let mut count = calls;
    if bench.fixture.is_embedded() {
        interval = interval.max(EMBEDDED_INTERVAL);
        count = count.min(EMBEDDED_CALLS_MAX);
    }
    let calls: Vec<_> = (0..count)
        .map(|nth| {
            let due_at = first.saturating_add_duration(interval * nth);
            waiting(bench, Priority::Normal, due_at)
        })
        .collect();
    store(&stage, &calls).await?;
    queue.dispatch().await?;
    let ids: Vec<_> = calls.iter().map(|call| call.call_id.to_string()).collect();
    let dialled = dials.of(&ids).await?;
    stage.database().drop().await?;
    let waits = calls.iter().zip(dialled).map(|(call, at)| {
        let due_at = call.due_at.unwrap_or(at);
        // Negative if a call was dialled before it was due, which the service never does.
        let ms = at.timestamp_millis() - due_at.timestamp_millis();
        let ms = u64::try_from(ms).map_err(|_| "a call was dialled before it was due")?;
        Ok(Duration::from_millis(ms))
    });
    waits.collect()
}
