//! Permits to dial: one token bucket for the Twilio account, as a theoretical arrival time.
//!
//! The document `permits` of `counters` holds `tat`, in milliseconds since 1970: the time at which the bucket is full again.
//! Each permit moves it on by the interval between two dials. The indexes command creates the document, so that a statement
//! never has to.

use std::time::Duration;

use mongodb::{
    Database,
    bson::{Bson, Document, bson, doc},
    options::ReturnDocument,
};

use super::{
    COUNTERS, Dao, DaoError,
    updates::{if_else, server_millis},
};
use crate::domain::{Pace, Priority};

/// The `_id` of the bucket in `counters`. The document has no field that lets it expire.
pub(super) const PERMITS: &str = "permits";
/// Time for which a note of waiting calls is valid.
const NOTE_VALID: Duration = Duration::from_secs(3);

/// A permit that `reserve_permit` grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reserved {
    /// Time from now until the dial may begin.
    pub wait: Duration,
}

/// The statement that takes a permit now. It matches nothing if there is none, or if a call that is at least as urgent waits.
pub(super) fn take_now(pace: Pace, priority: Priority) -> Document {
    let is_free = bson!({ "$and": [
        is_free_within(pace, Duration::ZERO),
        { "$or": [
            { "$lt": [stored("waiting_until"), server_millis()] },
            { "$gt": [stored("waiting_rank"), f64::from(priority.rank())] },
        ] },
    ] });
    doc! {
        "q": { "_id": PERMITS, "$expr": is_free },
        "u": [{ "$set": { "tat": next(pace) } }],
    }
}

/// Matches if a permit is free within this time from now.
fn is_free_within(pace: Pace, horizon: Duration) -> Bson {
    let early = pace.tolerance_ms() + horizon.as_secs_f64() * 1_000.0;
    bson!({ "$lte": [stored("tat"), { "$add": [server_millis(), early] }] })
}

/// The arrival time after one more permit.
fn next(pace: Pace) -> Bson {
    bson!({ "$add": [{ "$max": [stored("tat"), server_millis()] }, pace.interval_ms()] })
}

fn stored(field: &str) -> Bson {
    bson!({ "$ifNull": [format!("${field}"), 0.0] })
}

fn this() -> Document {
    doc! { "_id": PERMITS }
}

/// Creates the bucket if it is missing.
pub(super) async fn create(database: &Database) -> Result<(), DaoError> {
    let full = doc! { "$setOnInsert": { "tat": 0.0, "waiting_rank": 0.0, "waiting_until": 0.0 } };
    let counters = database.collection::<Document>(COUNTERS);
    let created = counters.update_one(this(), full).upsert(true).await;
    match created.map_err(DaoError::from) {
        // Another process has just created it.
        Ok(_) | Err(DaoError::Duplicate(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

impl Dao {
    /// Creates the bucket if it is missing.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn create_permits(&self) -> Result<(), DaoError> {
        self.with_timeout(|| async { create(&self.database().await?).await })
            .await
    }

    /// Takes the next permit if it is free within `horizon`. `None`: nothing was taken.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`]. A permit may be lost then, which only slows the dials.
    pub async fn reserve_permit(
        &self,
        pace: Pace,
        horizon: Duration,
    ) -> Result<Option<Reserved>, DaoError> {
        let mut filter = this();
        filter.insert("$expr", is_free_within(pace, horizon));
        let early = bson!({ "$subtract": [{ "$max": [stored("tat"), server_millis()] }, pace.tolerance_ms()] });
        let change = vec![doc! { "$set": {
            "tat": next(pace),
            "wait_ms": { "$max": [0.0, { "$subtract": [early, server_millis()] }] },
        } }];
        self.with_timeout(|| async {
            let counters = self.counters().await?;
            let taken = counters
                .find_one_and_update(filter.clone(), change.clone())
                .projection(doc! { "_id": 0, "wait_ms": 1 })
                .return_document(ReturnDocument::After)
                .await?;
            let wait = taken.and_then(|bucket| bucket.get_f64("wait_ms").ok());
            Ok(wait.map(|ms| Reserved {
                wait: Duration::from_secs_f64(ms.clamp(0.0, 60_000.0) / 1_000.0),
            }))
        })
        .await
    }

    /// Grants no permit for this time from now, because Twilio is slower than the pace.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn pause_permits(&self, pace: Pace, pause: Duration) -> Result<(), DaoError> {
        let until = bson!({ "$add": [
            server_millis(),
            pause.as_secs_f64() * 1_000.0 + pace.tolerance_ms(),
        ] });
        let change = vec![doc! { "$set": { "tat": { "$max": [stored("tat"), until] } } }];
        self.with_timeout(|| async {
            let counters = self.counters().await?;
            counters.update_one(this(), change.clone()).await?;
            Ok(())
        })
        .await
    }

    /// Notes the most urgent priority of the due calls, for three seconds. Immediate calls that are not more urgent take no
    /// permit meanwhile. `None`: nothing waits.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn note_waiting(&self, most_urgent: Option<Priority>) -> Result<(), DaoError> {
        let until = bson!({ "$add": [server_millis(), NOTE_VALID.as_secs_f64() * 1_000.0] });
        let rank = most_urgent.map_or(0, Priority::rank);
        let change = vec![doc! { "$set": {
            "waiting_rank": f64::from(rank),
            "waiting_until": if_else(most_urgent.is_some(), until, 0.0),
        } }];
        self.with_timeout(|| async {
            let counters = self.counters().await?;
            counters.update_one(this(), change.clone()).await?;
            Ok(())
        })
        .await
    }
}
