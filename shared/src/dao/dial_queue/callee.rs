//! What decides whether a waiting call may be dialled now: the user, the block list, the kill switch, its batch, Twilio's refusals.

use mongodb::bson::{Bson, RawDocument, RawDocumentBuf, deserialize_from_slice, doc};
use serde::Deserialize;

use crate::{
    dao::{
        BATCHES, COUNTERS, Dao, DaoError,
        callee::{Callee, FoundCallee, callee_stages},
        dispatcher::{DISPATCHER, Stop},
    },
    domain::{BatchId, Call, PhoneNumber, UserId},
};

/// The state of a call's batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchState {
    /// The call has no batch, or its batch runs.
    Runs,
    /// The batch is not started, or paused. An unreadable one counts as paused.
    Waits,
    /// The batch is canceled.
    Canceled,
}

impl BatchState {
    /// The state in a stored batch; `None`: it is missing.
    fn of(batch: Option<&RawDocument>) -> Self {
        match batch.map(|batch| batch.get_str("status")) {
            Some(Ok("running")) => Self::Runs,
            Some(Ok("canceling" | "canceled")) => Self::Canceled,
            _ => Self::Waits,
        }
    }
}

/// The facts about a waiting call, read in one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedCallee {
    /// The user, the block list and the kill switch.
    pub callee: Callee,
    /// The state of the batch.
    pub batch: BatchState,
    /// Twilio's refusal of the account that stops all dials, if there is one.
    pub stop: Option<Stop>,
}

/// What the query adds to [`FoundCallee`].
#[derive(Deserialize)]
struct FoundQueue {
    batch: Vec<RawDocumentBuf>,
    dispatcher: Vec<RawDocumentBuf>,
}

impl Dao {
    /// Returns the facts about a waiting call; `None` if its user is gone. `spellings` are those of all numbers that it may dial.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn get_queued_callee(
        &self,
        call: &Call,
        user: UserId,
        spellings: &[PhoneNumber],
    ) -> Result<Option<QueuedCallee>, DaoError> {
        let batch = call.batch_id.map(|id| id.to_string());
        let mut stages = callee_stages(user, spellings);
        stages.extend([
            doc! { "$addFields": {
                "batch_id": { "$literal": batch.as_deref().map_or(Bson::Null, Bson::from) },
                "dispatcher_id": { "$literal": DISPATCHER },
            } },
            doc! { "$lookup": { "from": BATCHES, "localField": "batch_id", "foreignField": "_id", "as": "batch" } },
            doc! { "$lookup": { "from": COUNTERS, "localField": "dispatcher_id", "foreignField": "_id", "as": "dispatcher" } },
        ]);
        self.with_timeout(|| async {
            let users = self.users().await?;
            let mut found = users.aggregate(stages.clone()).await?;
            if !found.advance().await? {
                return Ok(None);
            }
            let bytes = found.current().as_bytes();
            let callee: FoundCallee =
                deserialize_from_slice(bytes).map_err(|error| DaoError::of_bson(&error))?;
            let found: FoundQueue =
                deserialize_from_slice(bytes).map_err(|error| DaoError::of_bson(&error))?;
            Ok(Some(QueuedCallee {
                callee: callee.read(spellings)?,
                batch: match &batch {
                    None => BatchState::Runs,
                    Some(_) => BatchState::of(found.batch.first().map(|batch| &**batch)),
                },
                stop: found.dispatcher.first().and_then(|stored| Stop::of(stored)),
            }))
        })
        .await
    }

    /// Returns the state of a call's batch, if it has one.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn get_batch_state(&self, batch: Option<BatchId>) -> Result<BatchState, DaoError> {
        let Some(id) = batch.map(|id| id.to_string()) else {
            return Ok(BatchState::Runs);
        };
        self.with_timeout(|| async {
            let batches = self.database().await?.collection::<RawDocumentBuf>(BATCHES);
            let found = batches
                .find_one(doc! { "_id": &id })
                .projection(doc! { "_id": 0, "status": 1 })
                .await?;
            Ok(BatchState::of(found.as_deref()))
        })
        .await
    }
}
