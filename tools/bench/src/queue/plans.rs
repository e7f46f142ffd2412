//! Explains the queries of the functions of the dial queue.

use std::time::Duration;

use mongodb::bson::DateTime;
use outdial::domain::{Call, CallStatus, Effect, EffectKind, Priority, Retry, RetryReason};
use stack::Result;
use testkit::new_call;
use tokio::time::sleep;

use crate::bench::Bench;
use crate::command_monitor::CommandMonitor;
use crate::explained::Explained;
use crate::finding::Finding;
use crate::fixture::variables;
use crate::queue::dials::Dials;
use crate::queue::running::RunningQueue;
use crate::queue::waiting::{ago, in_seconds, many, store, store_bulk, waiting};

/// Dials a second.
const PACE: u32 = 1_000;
/// Seconds until the other calls are due: a day.
const LATER_SECONDS: i64 = 86_400;
/// The most documents of a query: two seconds of the pace, and one.
const PAGE: i64 = 2 * PACE as i64 + 1;
/// Time in which the commands after a dial are recorded.
const END: Duration = Duration::from_millis(500);

/// Runs `dispatch`, `dial` and `effects` once, and has the database explain each of their queries.
pub async fn measure(bench: &Bench) -> Result<Finding> {
    let (monitor, stage) = CommandMonitor::start(bench.fixture.copy().await?).await?;
    store_bulk(bench, &stage, many(bench), in_seconds(LATER_SECONDS)).await?;
    let due = [Priority::Urgent, Priority::Normal, Priority::Bulk]
        .map(|priority| waiting(bench, priority, ago(1)));
    let expired = waiting(bench, Priority::Normal, ago(7_200));
    store(&stage, &due).await?;
    store(&stage, &[expired, with_effect(bench)]).await?;

    let queue = RunningQueue::start(bench, &stage, PACE).await?;
    let mut dials = Dials::from_now(&bench.fixture).await?;
    queue.deliver();
    queue.dispatch().await?;
    dials.of(&due.map(|call| call.call_id.to_string())).await?;
    sleep(END).await;
    let of_queue = monitor.take();
    let mut effects = bench.start("effects", &variables(&stage))?;
    effects.poll().await?;
    let swept = effects
        .handle(axum::body::Bytes::from_static(b"{}"))
        .await?;
    swept.expect("effects", None)?;
    let of_effects = monitor.take();

    let with_counts = !bench.fixture.is_embedded();
    let mut plans = Explained::new(stage.database(), with_counts, PAGE);
    let of_queue = of_queue.into_iter().flatten();
    let of_queue = of_queue.map(|command| ("dispatch, dial", command));
    let of_effects = of_effects.into_iter().flatten();
    let of_effects = of_effects.map(|command| ("effects", command));
    for (name, command) in of_queue.chain(of_effects) {
        plans.add(name, &command.command).await?;
    }
    stage.database().drop().await?;
    Ok(plans.finding("Queries of the dial queue: how the database finds documents"))
}

/// Returns a call that ended as busy a minute ago, and has an attempt left.
fn with_effect(bench: &Bench) -> Call {
    let retry = Retry {
        max_attempts: 3,
        on: vec![RetryReason::Busy],
        delays_seconds: vec![300],
        expires_at: in_seconds(LATER_SECONDS),
    };
    let call = Call {
        user_id: bench.fixture.user.clone(),
        status: CallStatus::Busy,
        status_rank: CallStatus::Busy.rank(),
        dial_begun_at: Some(ago(90)),
        ..new_call()
    };
    Call {
        effects_n: 1,
        effects: vec![Effect {
            n: 1,
            kind: EffectKind::NextAttempt,
            at: ago(60),
            status: CallStatus::Busy,
        }],
        updated_at: DateTime::now(),
        ..call.with_retry(Some(retry))
    }
}
