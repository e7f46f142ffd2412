//! The ends of batches: canceled in pages, or completed. And which batches `dispatch` works on.

use mongodb::bson::{Document, RawDocument, RawDocumentBuf, doc};

use super::{at_work, by_batch_id, recipients::nobody_adds};
use crate::{
    dao::{
        BATCHES, Dao, DaoError,
        dial_queue::{self, waiting},
        effects::pending,
    },
    domain::{BatchId, BatchStatus, CallStatus, EventSource, Lane, Pace, Priority, StatusReason},
    telemetry::metrics::{self, Count},
};

/// The most batches that `dispatch` works on at a time.
const OPEN_MAX: i64 = 1_000;

/// A running batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RunningBatch {
    /// The batch's id.
    pub id: BatchId,
    /// Its own pace, if it has one.
    pub pace: Option<Pace>,
}

/// The batches that `dispatch` works on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OpenBatches {
    /// Their calls are dialled.
    pub running: Vec<RunningBatch>,
    /// Their calls are being canceled.
    pub canceling: Vec<BatchId>,
    /// The number of documents that can't be read.
    unreadable: u64,
}

/// The filter of the calls in the batch's lane. A next attempt that is not linked yet has no lane; a later page cancels it.
fn in_lane_of(id: BatchId) -> Document {
    let mut calls = waiting();
    calls.insert("lane", Lane::of(Priority::Bulk, Some(id)).as_str());
    calls
}

/// The stages that find the running and the canceling batches.
pub(in crate::dao) fn open_batches() -> Vec<Document> {
    vec![
        doc! { "$match": at_work() },
        doc! { "$sort": { "status": 1, "_id": 1 } },
        doc! { "$limit": OPEN_MAX },
    ]
}

impl OpenBatches {
    /// Adds a stored batch. Leaves out one that can't be read.
    pub(in crate::dao) fn add(&mut self, batch: &RawDocument) {
        if self.read(batch).is_none() {
            self.unreadable += 1;
        }
    }

    /// Logs and counts the documents that can't be read.
    pub(in crate::dao) fn report_unreadable(&self) {
        let count = self.unreadable;
        if count > 0 {
            tracing::error!(collection = BATCHES, count, "batches cannot be read");
            metrics::count_times(Count::UnreadableDocument, count);
        }
    }

    fn read(&mut self, batch: &RawDocument) -> Option<()> {
        let id = batch.get_str("_id").ok()?.parse().ok()?;
        if batch.get_str("status").ok()? == BatchStatus::Canceling.as_str() {
            self.canceling.push(id);
            return Some(());
        }
        let pace = match batch.get("calls_per_second").ok()? {
            None => None,
            Some(stored) => Some(Pace::per_second(stored.as_f64()?).ok()?),
        };
        self.running.push(RunningBatch { id, pace });
        Some(())
    }
}

impl Dao {
    /// Cancels up to 200 waiting calls of a batch. Returns whether others still wait.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn cancel_batch_page(&self, id: BatchId) -> Result<bool, DaoError> {
        let reason = StatusReason::BatchCanceled.as_str();
        let status = CallStatus::Canceled;
        let stages = dial_queue::end(status, EventSource::Api, Some(reason))?;
        let (these, order) = (in_lane_of(id), dial_queue::in_lane_order());
        self.end_page(these, order, status, &stages, None).await?;
        self.with_timeout(|| self.has_call(waiting_of(id))).await
    }

    /// Ends the canceling of a batch if none of its calls waits and no request adds any. Returns whether the batch is canceled
    /// now.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn finish_canceling(&self, id: BatchId) -> Result<bool, DaoError> {
        let mut canceling = by_batch_id(id);
        canceling.insert("status", BatchStatus::Canceling.as_str());
        // New requests can't add recipients now. A request that does so already comes first.
        let mut settled = canceling.clone();
        settled.extend(nobody_adds());
        self.with_timeout(|| async {
            let batches = self.batches().await?;
            if batches.count_documents(settled.clone()).limit(1).await? == 0
                || self.has_call(waiting_of(id)).await?
            {
                return Ok(false);
            }
            let canceled = batches
                .update_one(canceling.clone(), ended(BatchStatus::Canceled))
                .await?;
            Ok(canceled.matched_count > 0)
        })
        .await
    }

    /// Completes a running batch if all its calls have ended and none is to be tried again. Returns whether it did.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn complete_batch_if_done(&self, id: BatchId) -> Result<bool, DaoError> {
        let mut running = by_batch_id(id);
        running.insert("status", BatchStatus::Running.as_str());
        running.extend(nobody_adds());
        self.with_timeout(|| async {
            // A call may end, and have its next attempt created, between two of these looks. So the first one is repeated.
            if self.has_call(open_of(id)).await?
                || self.has_call(with_effects_of(id)).await?
                || self.has_call(open_of(id)).await?
            {
                return Ok(false);
            }
            let batches = self.batches().await?;
            let completed = batches
                .update_one(running.clone(), ended(BatchStatus::Completed))
                .await?;
            Ok(completed.matched_count > 0)
        })
        .await
    }

    async fn has_call(&self, filter: Document) -> Result<bool, DaoError> {
        let calls = self.calls().await?.clone_with_type::<RawDocumentBuf>();
        let found = calls.find_one(filter).projection(doc! { "_id": 1 }).await?;
        Ok(found.is_some())
    }
}

fn ended(status: BatchStatus) -> Vec<Document> {
    vec![doc! { "$set": { "status": status.as_str(), "updated_at": "$$NOW" } }]
}

/// The calls of a batch that wait.
fn waiting_of(id: BatchId) -> Document {
    let mut filter = doc! { "batch_id": id.to_string() };
    filter.extend(waiting());
    filter
}

/// The calls of a batch that wait, or are under way.
fn open_of(id: BatchId) -> Document {
    let mut words = vec![CallStatus::Scheduled.as_str()];
    words.extend(CallStatus::ACTIVE.map(CallStatus::as_str));
    doc! { "batch_id": id.to_string(), "status": { "$in": words } }
}

/// The calls of a batch that may be tried again.
fn with_effects_of(id: BatchId) -> Document {
    let mut filter = doc! { "batch_id": id.to_string() };
    filter.extend(pending());
    filter
}
