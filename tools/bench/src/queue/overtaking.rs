//! Measures how long an urgent call waits behind many bulk calls.

use std::time::{Duration, Instant};

use mongodb::bson::DateTime;
use serde_json::{Map, Value, json};
use stack::Result;
use tokio::time::{interval, sleep};

use crate::bench::Bench;
use crate::finding::{Finding, Table, Target};
use crate::queue::dials::Dials;
use crate::queue::running::RunningQueue;
use crate::queue::waiting::{DUE_SECONDS, ago, explained, many, store_bulk};
use crate::statistics::{f64_of, median, ms, percentile};

/// Dials a second.
const PACE: u32 = 10;
/// Number of urgent calls of each kind.
const CALLS: usize = 6;
/// The pause before each urgent call.
const PAUSE: Duration = Duration::from_millis(1_100);
/// The longest time of an urgent call, in ms.
const LONGEST_MS: f64 = 2_000.0;
/// Most requests in a second: the pace, and a burst as large.
const MOST_IN_A_SECOND: f64 = 2.0 * PACE as f64;

/// The samples of one kind of urgent call.
struct Samples {
    name: &'static str,
    is_scheduled: bool,
    waits: Vec<Duration>,
    /// Number of calls that the request itself has dialled.
    at_once: usize,
}

impl Samples {
    fn new(name: &'static str, is_scheduled: bool) -> Self {
        Self {
            name,
            is_scheduled,
            waits: Vec::new(),
            at_once: 0,
        }
    }

    fn request(&self, bench: &Bench) -> Value {
        let mut call = json!({
            "user_id": bench.fixture.user, "to_number": "+12125550123", "script": "Hello.", "priority": "urgent",
        });
        if self.is_scheduled {
            let now = chrono::Utc::now();
            call["scheduled_at"] = now.to_rfc3339().into();
        }
        call
    }
}

/// Places urgent calls while bulk calls use up the pace.
pub async fn measure(bench: &Bench) -> Result<Finding> {
    let bulk = many(bench);
    let stage = bench.fixture.copy().await?;
    let begun = Instant::now();
    store_bulk(bench, &stage, bulk, ago(DUE_SECONDS)).await?;
    println!("      {bulk} bulk calls stored in {:.1?}", begun.elapsed());
    let queue = RunningQueue::start(bench, &stage, PACE).await?;
    queue.deliver();
    let mut dials = Dials::from_now(&bench.fixture).await?;
    let mut kinds = [
        Samples::new("scheduled for now", true),
        Samples::new("immediate", false),
    ];
    tokio::select! {
        failed = run_on_schedule(&queue) => failed?,
        sampled = sample(bench, &queue, &mut dials, &mut kinds) => sampled?,
    }
    let most = dials.most_in_a_second().await?;
    drop(queue);
    stage.database().drop().await?;
    Ok(finding(bench, bulk, &kinds, most))
}

/// Runs `dispatch` every minute. Returns only if a run fails.
async fn run_on_schedule(queue: &RunningQueue) -> Result<()> {
    let mut minutes = interval(Duration::from_mins(1));
    loop {
        minutes.tick().await;
        queue.dispatch().await?;
    }
}

/// Places the urgent calls, one after the other.
async fn sample(
    bench: &Bench,
    queue: &RunningQueue,
    dials: &mut Dials,
    kinds: &mut [Samples],
) -> Result<()> {
    dials.some().await?;
    // The first of each kind starts the function, and isn't counted.
    for nth in 0..=CALLS {
        for kind in &mut *kinds {
            sleep(PAUSE).await;
            let placed = DateTime::now();
            let (status, id) = queue.place(&kind.request(bench)).await?;
            let dialled = dials.of(&[id]).await?;
            if nth > 0 {
                let ms = dialled[0].timestamp_millis() - placed.timestamp_millis();
                let wait = Duration::from_millis(u64::try_from(ms).unwrap_or_default());
                kind.waits.push(wait);
                kind.at_once += usize::from(status == 201);
            }
        }
    }
    Ok(())
}

fn finding(bench: &Bench, bulk: usize, kinds: &[Samples], most: usize) -> Finding {
    let mut table = Table::new(&["urgent call", "calls", "at once", "p50, ms", "longest, ms"]);
    let mut data = Map::new();
    let mut targets = Vec::new();
    for kind in kinds {
        let [p50, longest] = [median(&kind.waits), percentile(&kind.waits, 1.0)].map(ms);
        table.line(
            kind.name,
            [
                kind.waits.len().to_string(),
                kind.at_once.to_string(),
                format!("{p50:.0}"),
                format!("{longest:.0}"),
            ],
        );
        data.insert(
            kind.name.to_owned(),
            json!({ "calls": kind.waits.len(), "dialled_at_once": kind.at_once, "p50_ms": p50, "longest_ms": longest }),
        );
        let what = format!(
            "urgent call, {}, behind {bulk}: ms to Twilio, the longest",
            kind.name
        );
        let target = Target::new(what, LONGEST_MS, longest);
        targets.push(explained(bench, target));
    }
    data.insert("bulk_calls".to_owned(), bulk.into());
    data.insert("most_dials_in_a_second".to_owned(), most.into());
    let what = format!("dials in any second, at {PACE} a second");
    targets.push(Target::new(what, MOST_IN_A_SECOND, f64_of(most)));
    Finding {
        title: format!(
            "Urgent calls behind {bulk} bulk calls at {PACE} dials a second: from the client's request to the request to Twilio"
        ),
        table,
        data: data.into(),
        targets,
    }
}
