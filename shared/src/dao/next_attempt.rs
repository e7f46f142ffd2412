//! The next attempt of a call: stored, linked to the previous call, and only then put into its lane.
//!
//! A call without a lane is never dialled. The link fails if the previous call has changed or a hang-up was requested. So no next
//! attempt is dialled that must not follow.

use mongodb::bson::{Bson, Document, doc};

use super::{
    Dao, DaoError, dial_queue,
    dial_queue::end,
    stored::{find_one_and_update, insert_once},
    updates::by_id,
};
use crate::domain::{Call, CallId, CallStatus, EventSource, Lane};

/// The state of a next attempt after [`Dao::release_next_attempt`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Released {
    /// It waits in its lane now.
    Now,
    /// It was in its lane before, or has ended.
    Before,
    /// The database does not have it.
    Missing,
}

impl Dao {
    /// Stores the next attempt of a call, outside of any lane. It may be stored already.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn create_next_attempt(&self, next: &Call) -> Result<(), DaoError> {
        let held = Call {
            lane: None,
            ..next.clone()
        };
        self.with_timeout(|| async { insert_once(&self.calls().await?, held.id, &held).await })
            .await
    }

    /// Stores the id of the next attempt on the previous call, as that was read. Returns false if it has changed since, if a
    /// hang-up was requested, if its retries were stopped, or if it was erased.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn link_next_attempt(&self, previous: &Call, next: CallId) -> Result<bool, DaoError> {
        let mut as_read = by_id(previous.call_id);
        as_read.extend(doc! {
            "effects_n": previous.effects_n,
            "hangup_requested": { "$ne": true },
            "retry_stopped": Bson::Null,
        });
        let linked = doc! { "$set": { "next_call_id": next.to_string() } };
        self.with_timeout(|| async {
            let calls = self.calls().await?;
            let updated = calls.update_one(as_read.clone(), linked.clone()).await?;
            Ok(updated.matched_count > 0)
        })
        .await
    }

    /// Puts a linked next attempt into its lane. `dispatch` finds it there.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn release_next_attempt(&self, next: &Call) -> Result<Released, DaoError> {
        let lane = next.lane.as_ref().map(Lane::as_str);
        let released = doc! { "$set": { "lane": lane } };
        self.with_timeout(|| async {
            let calls = self.calls().await?;
            let updated = calls.update_one(held(next.call_id), released.clone());
            if updated.await?.matched_count > 0 {
                return Ok(Released::Now);
            }
            let stored = calls.count_documents(doc! { "_id": next.id }).limit(1);
            Ok(match stored.await? {
                0 => Released::Missing,
                _ => Released::Before,
            })
        })
        .await
    }

    /// Cancels a call that waits, and lets no attempt follow one that was dialled. Returns the call after that, or `None`.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn stop_retries(&self, id: CallId, reason: &str) -> Result<Option<Call>, DaoError> {
        let mut stages = end(CallStatus::Canceled, EventSource::Queue, Some(reason))?;
        stages.push(doc! { "$set": { "retry_stopped": reason } });
        self.with_timeout(|| async {
            find_one_and_update(&self.calls().await?, by_id(id), stages.clone()).await
        })
        .await
    }

    /// Deletes a next attempt that was stored, but never released.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn withdraw_next_attempt(&self, next: CallId) -> Result<(), DaoError> {
        self.with_timeout(|| async {
            self.calls().await?.delete_one(held(next)).await?;
            Ok(())
        })
        .await
    }
}

/// The filter of a next attempt that is stored, but not released.
fn held(next: CallId) -> Document {
    let mut held = doc! { "_id": next.object_id(), "lane": Bson::Null };
    held.extend(dial_queue::waiting());
    held
}
