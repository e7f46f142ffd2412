//! Adding recipients to a batch: places for them, and their calls.

use std::{collections::HashSet, time::Duration};

use mongodb::{
    bson::{Bson, DateTime, Document, RawDocumentBuf, bson, doc, oid::ObjectId},
    error::{Error, ErrorKind},
    options::ReturnDocument,
};

use super::by_batch_id;
use crate::{
    dao::{
        Dao, DaoError,
        error::is_duplicate_key,
        updates::{if_else, server_now},
    },
    domain::{Batch, BatchId, BatchStatus, Call, PhoneNumber},
};

/// Time that a request may take to store its recipients after it has reserved places. The batch does not end meanwhile.
pub const ADDING: Duration = Duration::from_secs(15);
/// Number of calls that one command stores.
const CHUNK: usize = 100;

/// A request that adds recipients, by the times until which requests may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Adding {
    until: DateTime,
    /// The time of the requests before it.
    before: Option<DateTime>,
}

/// The result of reserving places for recipients.
#[derive(Debug, Clone, PartialEq)]
pub enum Reservation {
    /// The places are reserved, for [`ADDING`].
    Reserved(Adding),
    /// The batch is closed to new recipients: it was canceled, or has ended.
    Closed(BatchStatus),
    /// The batch has too few places left.
    Full,
}

/// The condition that no request stores recipients now.
pub(in crate::dao) fn nobody_adds() -> Document {
    doc! { "$expr": { "$lte": [{ "$ifNull": ["$adding_until", DateTime::from_millis(0)] }, server_now()] } }
}

impl Dao {
    /// Reserves places for new recipients. `None` if there is no such batch.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`]; the places may be reserved then. They are found to be free when the batch seems full.
    pub async fn reserve_recipients(
        &self,
        id: BatchId,
        count: u32,
    ) -> Result<Option<Reservation>, DaoError> {
        if let Some(adding) = self.try_to_reserve(id, count).await? {
            return Ok(Some(Reservation::Reserved(adding)));
        }
        let Some(batch) = self.get_batch(id).await? else {
            return Ok(None);
        };
        if !BatchStatus::OPEN.contains(&batch.status) {
            return Ok(Some(Reservation::Closed(batch.status)));
        }
        // Requests that died have left places reserved.
        if self.recount_recipients(&batch).await?
            && let Some(adding) = self.try_to_reserve(id, count).await?
        {
            return Ok(Some(Reservation::Reserved(adding)));
        }
        Ok(Some(Reservation::Full))
    }

    async fn try_to_reserve(&self, id: BatchId, count: u32) -> Result<Option<Adding>, DaoError> {
        let open = BatchStatus::OPEN.map(BatchStatus::as_str).to_vec();
        let left = i64::from(Batch::RECIPIENTS_MAX) - i64::from(count);
        let mut this = by_batch_id(id);
        this.extend(doc! { "status": { "$in": open }, "reserved": { "$lte": left } });
        let adding_ms = i64::try_from(ADDING.as_millis()).unwrap_or(i64::MAX);
        let until = bson!({ "$add": [server_now(), adding_ms] });
        // Each request has a time of its own, so that `end_adding` knows whether a later one adds, too.
        let later = bson!({ "$add": ["$adding_until", 1_i64] });
        let reserve = vec![doc! { "$set": {
            "reserved": { "$add": ["$reserved", i64::from(count)] },
            "adding_until": { "$max": [later, until] },
            "adding_before": { "$ifNull": ["$adding_until", Bson::Null] },
        } }];
        self.with_timeout(|| async {
            let batches = self.batches().await?.clone_with_type::<RawDocumentBuf>();
            let reserved = batches
                .find_one_and_update(this.clone(), reserve.clone())
                .projection(doc! { "_id": 0, "adding_until": 1, "adding_before": 1 })
                .return_document(ReturnDocument::After)
                .await?;
            Ok(reserved.and_then(|batch| {
                Some(Adding {
                    until: batch.get_datetime("adding_until").ok()?,
                    before: batch.get_datetime("adding_before").ok(),
                })
            }))
        })
        .await
    }

    /// Sets the number of reserved places to that of the stored recipients, unless a request stores some. Returns whether it is
    /// lower then.
    async fn recount_recipients(&self, batch: &Batch) -> Result<bool, DaoError> {
        let mut unchanged = by_batch_id(batch.id);
        unchanged.insert("reserved", batch.reserved);
        unchanged.extend(nobody_adds());
        let stored = i64::try_from(self.count_recipients(batch.id).await?).unwrap_or(i64::MAX);
        if stored >= batch.reserved {
            return Ok(false);
        }
        let change = doc! { "$set": { "reserved": stored } };
        self.with_timeout(|| async {
            let batches = self.batches().await?;
            let changed = batches
                .update_one(unchanged.clone(), change.clone())
                .await?;
            Ok(changed.matched_count > 0)
        })
        .await
    }

    /// Notes that a request has stored its recipients, so that the batch may end, and gives unused places back.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`]. The batch can't end until [`ADDING`] has passed then.
    pub async fn end_adding(
        &self,
        id: BatchId,
        adding: &Adding,
        unused: u32,
    ) -> Result<(), DaoError> {
        let is_last = bson!({ "$eq": ["$adding_until", adding.until] });
        let before = adding.before.map_or(Bson::Null, Bson::DateTime);
        let end = vec![doc! { "$set": {
            "reserved": { "$subtract": ["$reserved", i64::from(unused)] },
            "adding_until": if_else(is_last, before, "$adding_until"),
        } }];
        self.with_timeout(|| async {
            let batches = self.batches().await?;
            batches.update_one(by_batch_id(id), end.clone()).await?;
            Ok(())
        })
        .await
    }

    /// Returns which of these `_id`s calls have. A call whose person was erased keeps its `_id`.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn list_stored_calls(&self, ids: &[ObjectId]) -> Result<HashSet<ObjectId>, DaoError> {
        self.with_timeout(|| async {
            let calls = self.calls().await?.clone_with_type::<RawDocumentBuf>();
            let mut found = calls
                .find(doc! { "_id": { "$in": ids } })
                .projection(doc! { "_id": 1 })
                .await?;
            let mut stored = HashSet::new();
            while found.advance().await? {
                stored.extend(found.current().get_object_id("_id"));
            }
            Ok(stored)
        })
        .await
    }

    /// Returns which of these numbers are on the block list.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn list_blocked_among(
        &self,
        numbers: &[PhoneNumber],
    ) -> Result<HashSet<PhoneNumber>, DaoError> {
        let numbers: Vec<_> = numbers.iter().map(PhoneNumber::as_str).collect();
        self.with_timeout(|| async {
            let blocked = self.blocked_numbers().await?;
            let mut found = blocked
                .clone_with_type::<RawDocumentBuf>()
                .find(doc! { "number": { "$in": &numbers } })
                .projection(doc! { "_id": 0, "number": 1 })
                .await?;
            let mut among = HashSet::new();
            while found.advance().await? {
                let number = found.current().get_str("number").ok();
                among.extend(number.and_then(|number| number.parse::<PhoneNumber>().ok()));
            }
            Ok(among)
        })
        .await
    }

    /// Stores the calls of new recipients, except those that are stored already. Returns the number of those that were not.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`]; some of the calls may be stored then.
    pub async fn create_recipients(&self, calls: &[Call]) -> Result<u32, DaoError> {
        let mut count = 0;
        for chunk in calls.chunks(CHUNK) {
            count += self
                .with_timeout(|| async {
                    let calls = self.calls().await?;
                    let duplicates = match calls.insert_many(chunk).ordered(false).await {
                        Ok(_) => 0,
                        Err(error) => count_duplicates(error)?,
                    };
                    Ok(chunk.len().saturating_sub(duplicates))
                })
                .await?;
        }
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }
}

/// Returns the number of documents that were not inserted because they are stored already.
///
/// # Errors
///
/// The error, if it has another reason.
fn count_duplicates(error: Error) -> Result<usize, DaoError> {
    if let ErrorKind::InsertMany(failed) = error.kind.as_ref()
        && failed.write_concern_error.is_none()
        && let Some(failed) = &failed.write_errors
        && failed.iter().all(|failed| is_duplicate_key(failed.code))
    {
        return Ok(failed.len());
    }
    Err(error.into())
}
