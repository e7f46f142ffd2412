//! Calls that wait in the dial queue.

use std::time::Duration;

use mongodb::bson::DateTime;
use outdial::domain::{Call, Lane, Priority};
use stack::Result;
use testkit::{Stage, new_scheduled_call};

use crate::bench::Bench;
use crate::finding::Target;

/// Number of waiting calls.
const CALLS: usize = 100_000;
/// The same for the embedded database, which reads all of them for each query.
const EMBEDDED_CALLS: usize = 500;
/// Seconds since the first due call of many was due. A waiting call expires an hour after it was due.
pub const DUE_SECONDS: i64 = 600;
/// Number of documents that one command stores.
const BATCH: usize = 1_000;

/// Why a target is missed with the embedded database.
const EMBEDDED: &str = "the embedded server reads every waiting call for each query of a lane, and compares each with every `_id` of a claim. \
    Set MONGO_URI to measure MongoDB";

/// Explains a missed target if the database is the embedded one.
pub fn explained(bench: &Bench, target: Target) -> Target {
    if bench.fixture.is_embedded() {
        target.bound_by(EMBEDDED)
    } else {
        target
    }
}

/// Returns the number of waiting calls in measurements with many of them.
pub fn many(bench: &Bench) -> usize {
    if bench.fixture.is_embedded() {
        EMBEDDED_CALLS
    } else {
        CALLS
    }
}

/// Returns a waiting call of the fixture's user.
pub fn waiting(bench: &Bench, priority: Priority, due_at: DateTime) -> Call {
    Call {
        priority: Some(priority).filter(|priority| !priority.is_normal()),
        lane: Some(Lane::of(priority, None)),
        ..new_scheduled_call(&bench.fixture.user, due_at)
    }
}

/// Stores bulk calls that have been due for a while, one millisecond after the other.
pub async fn store_bulk(bench: &Bench, stage: &Stage, calls: usize, first: DateTime) -> Result<()> {
    let times: Vec<_> = (0_u64..).take(calls).collect();
    for batch in times.chunks(BATCH) {
        let calls: Vec<_> = batch
            .iter()
            .map(|&ms| {
                let due_at = first.saturating_add_duration(Duration::from_millis(ms));
                waiting(bench, Priority::Bulk, due_at)
            })
            .collect();
        store(stage, &calls).await?;
    }
    Ok(())
}

/// Stores calls.
pub async fn store(stage: &Stage, calls: &[Call]) -> Result<()> {
    let stored = stage.database().collection::<Call>("calls");
    stored.insert_many(calls).await?;
    Ok(())
}

/// Returns the time so many seconds ago.
pub fn ago(seconds: i64) -> DateTime {
    DateTime::from_millis(DateTime::now().timestamp_millis() - seconds * 1_000)
}

/// Returns the time in so many seconds.
pub fn in_seconds(seconds: i64) -> DateTime {
    ago(-seconds)
}
