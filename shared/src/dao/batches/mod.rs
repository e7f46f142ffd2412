//! Batches: their documents, and the changes of their state.

mod counts;
mod end;
mod list;
mod recipients;
mod results;

use mongodb::{
    Collection,
    bson::{Document, RawDocumentBuf, bson, doc},
    options::ReturnDocument,
};

pub use counts::BatchCounts;
pub(super) use end::open_batches;
pub use end::{OpenBatches, RunningBatch};
pub use recipients::{ADDING, Reservation};
pub use results::{RecipientResult, ResultPage};

use super::{
    BATCHES, Dao, DaoError, insert_once,
    stored::{self, find_one},
    updates::{if_else, server_now},
};
use crate::domain::{Batch, BatchId, BatchStatus};

/// The result of changing a batch's state.
#[derive(Debug, Clone, PartialEq)]
pub enum BatchChange {
    /// The batch has the new state.
    Changed(Batch),
    /// The batch had another state than those that allow the change, and keeps it.
    Refused(Batch),
}

/// The filter for the batch with this id.
fn by_batch_id(id: BatchId) -> Document {
    doc! { "_id": id.to_string() }
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
            let changed = batches
                .clone_with_type::<RawDocumentBuf>()
                .find_one_and_update(this.clone(), change.clone())
                .return_document(ReturnDocument::After)
                .await?;
            if let Some(changed) = changed {
                return stored::read(BATCHES, &changed)
                    .map(BatchChange::Changed)
                    .map(Some);
            }
            let batch: Option<Batch> = find_one(&batches, by_batch_id(id)).await?;
            Ok(batch.map(|batch| {
                // A repeat by the driver, after a lost response, finds the state changed already.
                if batch.status == to {
                    BatchChange::Changed(batch)
                } else {
                    BatchChange::Refused(batch)
                }
            }))
        })
        .await
    }
}
