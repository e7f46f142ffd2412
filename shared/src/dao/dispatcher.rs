//! The dispatcher's lease: one run of `dispatch` claims calls at a time. And the stop that Twilio's refusal of the account brings.
//!
//! The lease saves work; safety is the compare-and-set before each dial.

use std::time::Duration;

use mongodb::{
    bson::{Bson, DateTime, Document, RawDocument, bson, doc},
    options::ReturnDocument,
};

use super::{
    Dao, DaoError,
    updates::{if_else, server_now},
};

/// The `_id` of the lease in `counters`. The document has no field that lets it expire.
pub(super) const DISPATCHER: &str = "dispatcher";
/// Time at which the schedule last started a run, UTC.
pub(super) const TAKEN_AT: &str = "taken_at";
/// Time after which a lease that is not renewed ends.
const LEASE: Duration = Duration::from_secs(15);
/// Time between two probes while dials are stopped.
const PROBE_INTERVAL: Duration = Duration::from_mins(1);

/// The dispatcher's document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispatcher {
    /// True if another run was asked for since the last renewal.
    pub wake: bool,
    /// Why dials are stopped, if they are.
    pub stop: Option<Stop>,
}

/// Dials are stopped, because Twilio refuses the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// Twilio's error code.
    pub code: Option<i32>,
    /// Since when, UTC.
    pub since: DateTime,
}

impl Stop {
    /// Reads the stop from the dispatcher's document.
    pub(super) fn of(stored: &RawDocument) -> Option<Self> {
        let stop = stored.get_document("stopped").ok()?;
        Some(Self {
            code: stop.get_i32("code").ok(),
            since: stop.get_datetime("since").ok()?,
        })
    }
}

fn this() -> Document {
    doc! { "_id": DISPATCHER }
}

fn later(by: Duration) -> Bson {
    bson!({ "$add": [server_now(), i64::try_from(by.as_millis()).unwrap_or(i64::MAX)] })
}

/// The changes that give the lease to a run by schedule.
fn held_by(holder: &str) -> Vec<Document> {
    vec![
        doc! { "$set": { "holder": holder, "until": later(LEASE), "wake": false, TAKEN_AT: "$$NOW" } },
    ]
}

impl Dao {
    /// Takes the lease, even from another run. That one ends when it renews.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn take_over_dispatch(&self, holder: &str) -> Result<Dispatcher, DaoError> {
        let stored = self
            .change_dispatcher(this(), held_by(holder), true)
            .await?;
        Ok(stored.unwrap_or(Dispatcher {
            wake: false,
            stop: None,
        }))
    }

    /// Takes the lease if no run holds it. Otherwise asks that run to look again, and returns `None`.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn wake_dispatch(&self, holder: &str) -> Result<Option<Dispatcher>, DaoError> {
        let is_free =
            bson!({ "$lte": [{ "$ifNull": ["$until", DateTime::from_millis(0)] }, server_now()] });
        let change = vec![doc! { "$set": {
            "wake": { "$not": [is_free.clone()] },
            "holder": if_else(is_free.clone(), holder, "$holder"),
            "until": if_else(is_free, later(LEASE), "$until"),
        } }];
        let taken = self.with_timeout(|| async {
            let counters = self.counters().await?;
            let stored = counters
                .find_one_and_update(this(), change.clone())
                .upsert(true)
                .return_document(ReturnDocument::After)
                .await?;
            Ok(stored.filter(|stored| stored.get_str("holder").is_ok_and(|found| found == holder)))
        });
        Ok(taken.await?.as_deref().map(read))
    }

    /// Renews the lease. `None`: another run has taken it. Reads and clears the request to look again.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn renew_dispatch(&self, holder: &str) -> Result<Option<Dispatcher>, DaoError> {
        let mut ours = this();
        ours.insert("holder", holder);
        let change = vec![doc! { "$set": { "until": later(LEASE), "wake": false } }];
        // The document before the change has the request.
        self.with_timeout(|| async {
            let counters = self.counters().await?;
            let before = counters
                .find_one_and_update(ours.clone(), change.clone())
                .return_document(ReturnDocument::Before)
                .await?;
            Ok(before.as_deref().map(read))
        })
        .await
    }

    /// Ends the lease, unless another run was asked for meanwhile. Returns whether it has ended.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`]; the lease ends by itself then.
    pub async fn release_dispatch(&self, holder: &str) -> Result<bool, DaoError> {
        let mut idle = this();
        idle.insert("holder", holder);
        idle.insert("wake", doc! { "$ne": true });
        let change = doc! { "$set": { "until": DateTime::from_millis(0) } };
        self.with_timeout(|| async {
            let counters = self.counters().await?;
            let released = counters.update_one(idle.clone(), change.clone()).await?;
            if released.matched_count > 0 {
                return Ok(true);
            }
            // Another run has taken over: there is nothing to end.
            let mut ours = this();
            ours.insert("holder", holder);
            Ok(counters.count_documents(ours).limit(1).await? == 0)
        })
        .await
    }

    /// Ends the lease of a run that cannot go on, even if another run was asked for meanwhile: the next wake-up starts one.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`]; the lease ends by itself then.
    pub async fn end_dispatch(&self, holder: &str) -> Result<(), DaoError> {
        let mut ours = this();
        ours.insert("holder", holder);
        let ended = doc! { "$set": { "until": DateTime::from_millis(0), "wake": false } };
        self.with_timeout(|| async {
            let counters = self.counters().await?;
            counters.update_one(ours.clone(), ended.clone()).await?;
            Ok(())
        })
        .await
    }

    /// Stops all dials but probes, because Twilio refuses the account. The first refusal stays.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn stop_dispatch(&self, code: Option<i32>) -> Result<(), DaoError> {
        let stopped = bson!({ "code": code, "since": "$$NOW", "probe_at": later(PROBE_INTERVAL) });
        let change = vec![doc! { "$set": { "stopped": { "$ifNull": ["$stopped", stopped] } } }];
        self.change_dispatcher(this(), change, true).await?;
        Ok(())
    }

    /// Lets dials go on, because Twilio has accepted one.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn resume_dispatch(&self) -> Result<(), DaoError> {
        let change = vec![doc! { "$unset": "stopped" }];
        self.change_dispatcher(this(), change, false).await?;
        Ok(())
    }

    /// Takes the probe of this minute while dials are stopped. Returns false if it was taken already.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn take_probe(&self) -> Result<bool, DaoError> {
        let mut due = this();
        due.insert(
            "$expr",
            bson!({ "$lte": ["$stopped.probe_at", server_now()] }),
        );
        let change = vec![doc! { "$set": { "stopped.probe_at": later(PROBE_INTERVAL) } }];
        Ok(self.change_dispatcher(due, change, false).await?.is_some())
    }

    async fn change_dispatcher(
        &self,
        filter: Document,
        change: Vec<Document>,
        upsert: bool,
    ) -> Result<Option<Dispatcher>, DaoError> {
        self.with_timeout(|| async {
            let counters = self.counters().await?;
            let stored = counters
                .find_one_and_update(filter.clone(), change.clone())
                .upsert(upsert)
                .return_document(ReturnDocument::After)
                .await?;
            Ok(stored.as_deref().map(read))
        })
        .await
    }
}

fn read(stored: &RawDocument) -> Dispatcher {
    Dispatcher {
        wake: stored.get_bool("wake").unwrap_or(false),
        stop: Stop::of(stored),
    }
}
