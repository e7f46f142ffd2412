//! Batches: their documents, and the changes of their state.

mod counts;
mod end;
mod list;
mod recipients;
mod results;

use mongodb::{
    Collection,
    bson::{Document, bson, doc},
};

pub(super) use recipients::nobody_adds;

pub use counts::BatchCounts;
pub(super) use end::open_batches;
pub use end::{OpenBatches, RunningBatch};
pub use recipients::{ADDING, Adding, Reservation};
pub use results::{RecipientResult, ResultPage};

use super::{
    BATCHES, Dao, DaoError, insert_once,
    stored::{find_one, find_one_and_update},
    updates::{if_else, server_now},
};
use crate::domain::{Batch, BatchId, BatchStatus, UserId};

/// The result of changing a batch's state.
#[derive(Debug, Clone, PartialEq)]
pub enum BatchChange {
    /// The batch has the new state.
    Changed(Batch),
    /// The batch had another state than those that allow the change, and keeps it.
    Refused(Batch),
}

/// How many times a change of the state is tried while other requests change it.
const TRIES: u32 = 3;

/// The filter for the batch with this id.
fn by_batch_id(id: BatchId) -> Document {
    doc! { "_id": id.to_string() }
}

/// The filter for the batches of this user.
pub(super) fn of_user(id: UserId) -> Document {
    doc! { "user_id": id.to_string() }
}

/// The filter of the batches that `dispatch` works on: also that of their partial index.
pub(super) fn at_work() -> Document {
    let words = [BatchStatus::Running, BatchStatus::Canceling].map(BatchStatus::as_str);
    doc! { "status": { "$in": words.to_vec() } }
}

/// The filter of the calls of all batches: that of their partial indexes. It holds for any text.
pub(super) fn of_any_batch() -> Document {
    doc! { "batch_id": { "$gt": "" } }
}

impl Dao {
    pub(super) async fn batches(&self) -> Result<Collection<Batch>, DaoError> {
        Ok(self.database().await?.collection(BATCHES))
    }

    /// Stores a new batch.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`]; [`DaoError::Duplicate`] if another batch has its idempotency key.
    pub async fn create_batch(&self, batch: &Batch) -> Result<(), DaoError> {
        self.with_timeout(|| async {
            let batches = self.batches().await?;
            insert_once(&batches, batch.id.to_string(), batch).await
        })
        .await
    }

    /// Returns the batch with this id, or `None`.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn get_batch(&self, id: BatchId) -> Result<Option<Batch>, DaoError> {
        self.find_batch(by_batch_id(id)).await
    }

    /// Returns the batch that was created with this idempotency key ([`Batch::idempotency_scope`]), or `None`.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn get_batch_by_idempotency_scope(
        &self,
        scope: &str,
    ) -> Result<Option<Batch>, DaoError> {
        self.find_batch(doc! { "idempotency_scope": scope }).await
    }

    async fn find_batch(&self, filter: Document) -> Result<Option<Batch>, DaoError> {
        self.with_timeout(|| async { find_one(&self.batches().await?, filter.clone()).await })
            .await
    }

    /// Changes a batch's state if it is one of `from`. `None` if there is no such batch.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn change_batch(
        &self,
        id: BatchId,
        from: &[BatchStatus],
        to: BatchStatus,
    ) -> Result<Option<BatchChange>, DaoError> {
        let words: Vec<_> = from.iter().map(|status| status.as_str()).collect();
        let mut this = by_batch_id(id);
        this.insert("status", doc! { "$in": words });
        let starts = to == BatchStatus::Running;
        let started_at = if_else(
            starts,
            bson!({ "$ifNull": ["$started_at", server_now()] }),
            "$started_at",
        );
        let change = vec![doc! { "$set": {
            "status": to.as_str(),
            "started_at": started_at,
            "updated_at": "$$NOW",
        } }];
        self.with_timeout(|| async {
            let batches = self.batches().await?;
            let mut tries = 0;
            loop {
                let changed = find_one_and_update(&batches, this.clone(), change.clone());
                if let Some(batch) = changed.await? {
                    return Ok(Some(BatchChange::Changed(batch)));
                }
                let batch: Option<Batch> = find_one(&batches, by_batch_id(id)).await?;
                let Some(batch) = batch else {
                    return Ok(None);
                };
                // A repeat by the driver, after a lost response, finds the state changed already.
                if batch.status == to {
                    return Ok(Some(BatchChange::Changed(batch)));
                }
                tries += 1;
                // Another request has changed the state meanwhile.
                if !from.contains(&batch.status) || tries == TRIES {
                    return Ok(Some(BatchChange::Refused(batch)));
                }
            }
        })
        .await
    }
}
