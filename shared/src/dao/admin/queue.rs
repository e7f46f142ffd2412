//! The dial queue, as an operator sees it: what waits, the pace, the dispatcher, and the end of leases.

use std::time::Duration;

use mongodb::{
    Database,
    bson::{DateTime, Document, RawBsonRef, RawDocument, RawDocumentBuf, doc},
};

use crate::{
    dao::{
        CALLS, COUNTERS, DaoError, Stop,
        dial_queue::{in_lane_order, waiting, without_lease},
        dispatcher::{DISPATCHER, TAKEN_AT},
        permits::PERMITS,
        updates::server_now,
        with_deadline,
    },
    domain::Lane,
};

/// The most groups of [`count_waiting`].
const GROUPS_MAX: i64 = 1_000;

/// Waiting calls of one lane that wait for the same thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingGroup {
    /// The lane: `urgent`, `normal`, `bulk`, or `bulk:` and a batch's id. Empty if it can't be read.
    pub lane: String,
    /// The word for what the calls wait for. Empty if it is missing or can't be read.
    pub waiting_for: String,
    /// Number of calls.
    pub count: u64,
}

/// Counts the waiting calls by lane and by what they wait for: the 1,000 largest groups, the largest first.
///
/// # Errors
///
/// Any [`DaoError`].
pub async fn count_waiting(database: &Database) -> Result<Vec<WaitingGroup>, DaoError> {
    let stages = [
        doc! { "$match": waiting() },
        doc! { "$group": { "_id": { "lane": "$lane", "waiting_for": "$waiting_for" }, "count": { "$sum": 1_i64 } } },
        doc! { "$sort": { "count": -1, "_id": 1 } },
        doc! { "$limit": GROUPS_MAX },
    ];
    let calls = database.collection::<RawDocumentBuf>(CALLS);
    let mut found = calls.aggregate(stages).await?;
    let mut groups = Vec::new();
    while found.advance().await? {
        let group = found.current();
        let of = group.get_document("_id").ok();
        let word = |field| of.and_then(|of| of.get_str(field).ok()).unwrap_or_default();
        groups.push(WaitingGroup {
            lane: word("lane").to_owned(),
            waiting_for: word("waiting_for").to_owned(),
            count: number(group, "count"),
        });
    }
    Ok(groups)
}

fn number(document: &RawDocument, field: &str) -> u64 {
    let number = match document.get(field) {
        Ok(Some(RawBsonRef::Int64(number))) => number,
        Ok(Some(RawBsonRef::Int32(number))) => i64::from(number),
        _ => 0,
    };
    u64::try_from(number).unwrap_or(0)
}

/// Ends the leases of all waiting calls, so that messages in the dial queue dial nothing. Returns how many it ended.
///
/// # Errors
///
/// Any [`DaoError`]. Some leases may have ended then; the others end by themselves within a minute.
pub async fn end_leases(database: &Database) -> Result<u64, DaoError> {
    let mut leased = doc! { "lease_id": { "$exists": true } };
    leased.extend(waiting());
    let calls = database.collection::<Document>(CALLS);
    let ended = calls
        .update_many(leased, doc! { "$unset": without_lease() })
        .await?;
    Ok(ended.modified_count)
}

/// Returns since when the first waiting call of a lane is due, UTC. `None` if none is.
///
/// # Errors
///
/// Any [`DaoError`].
pub async fn oldest_due(database: &Database, lane: &Lane) -> Result<Option<DateTime>, DaoError> {
    let mut due = doc! { "lane": lane.as_str(), "due_at": { "$lte": DateTime::now() } };
    due.extend(waiting());
    with_deadline(async {
        let calls = database.collection::<RawDocumentBuf>(CALLS);
        let first = calls
            .find_one(due)
            .projection(doc! { "_id": 0, "due_at": 1 })
            .sort(in_lane_order())
            .await?;
        Ok(first.and_then(|call| call.get_datetime("due_at").ok()))
    })
    .await
}

/// The documents of the dial queue in `counters`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueueState {
    /// Time until a permit is free. `None`: the document of the permits is missing.
    pub next_permit: Option<Duration>,
    /// The dispatcher. `None`: it has never run.
    pub dispatcher: Option<DispatcherState>,
}

/// The dispatcher's document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DispatcherState {
    /// Time since a schedule last started a run. `None`: unknown.
    pub last_run: Option<Duration>,
    /// Why dials are stopped, if they are.
    pub stop: Option<Stop>,
}

/// Reads the state of the permits and of the dispatcher, by the server's time.
///
/// # Errors
///
/// Any [`DaoError`].
pub async fn state(database: &Database) -> Result<QueueState, DaoError> {
    let stages = [
        doc! { "$match": { "_id": { "$in": [PERMITS, DISPATCHER] } } },
        doc! { "$addFields": { "now": server_now() } },
    ];
    with_deadline(async {
        let counters = database.collection::<RawDocumentBuf>(COUNTERS);
        let mut found = counters.aggregate(stages.clone()).await?;
        let mut state = QueueState::default();
        while found.advance().await? {
            let document = found.current();
            let now = document.get_datetime("now").unwrap_or(DateTime::now());
            match document.get_str("_id") {
                Ok(PERMITS) => state.next_permit = Some(next_permit(document, now)),
                Ok(DISPATCHER) => {
                    let taken = document.get_datetime(TAKEN_AT).ok();
                    state.dispatcher = Some(DispatcherState {
                        last_run: taken.map(|taken| between(taken, now)),
                        stop: Stop::of(document),
                    });
                }
                _ => {}
            }
        }
        Ok(state)
    })
    .await
}

fn next_permit(permits: &RawDocument, now: DateTime) -> Duration {
    let tat = permits.get_f64("tat").unwrap_or_default();
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds since 1970 have fewer than 53 bits"
    )]
    let ahead = tat - now.timestamp_millis() as f64;
    Duration::from_secs_f64(ahead.clamp(0.0, 86_400_000.0) / 1_000.0)
}

fn between(earlier: DateTime, later: DateTime) -> Duration {
    later.saturating_duration_since(earlier)
}
