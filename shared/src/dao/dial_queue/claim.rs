//! Claims: which calls are due, and the leases under which they are sent to be dialled.

use std::time::Duration;

use mongodb::bson::{
    Bson, DateTime, Document, RawDocument, RawDocumentBuf, bson, doc, oid::ObjectId,
};
use uuid::Uuid;

use super::{waiting, without_lease};
use crate::{
    dao::{CALLS, Dao, DaoError, updates::server_now},
    domain::{CallId, Lane},
    telemetry::metrics::{self, Count},
};

/// Time for which a claim holds its calls. Then they can be claimed again.
pub const LEASE: Duration = Duration::from_mins(1);
/// Time for which a call that cannot be read is set aside.
const SET_ASIDE: Duration = Duration::from_hours(1);

/// A call whose time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueCall {
    /// The document's `_id`.
    pub id: ObjectId,
    /// The call's public id.
    pub call_id: CallId,
    /// Time from which the call may be dialled, UTC.
    pub due_at: DateTime,
    /// True if a claim holds the call.
    pub is_leased: bool,
}

/// Calls that one claim holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The random id of the lease.
    pub lease_id: String,
    /// The calls that were still there and free.
    pub calls: Vec<CallId>,
}

/// The order of the lanes' index. All calls of a query are in one lane, but the embedded database uses the index only so.
pub(in crate::dao) fn in_lane_order() -> Document {
    doc! { "lane": 1, "due_at": 1, "_id": 1 }
}

impl DueCall {
    fn read(document: &RawDocument, now: DateTime) -> Option<Self> {
        Some(Self {
            id: document.get_object_id("_id").ok()?,
            call_id: document.get_str("call_id").ok()?.parse().ok()?,
            due_at: document.get_datetime("due_at").ok()?,
            is_leased: document
                .get_datetime("lease_until")
                .is_ok_and(|until| until > now),
        })
    }
}

impl Dao {
    /// Returns the first calls of a lane that are due at `now`, the oldest first, leased ones included. A document that cannot be
    /// read is logged, counted, and set aside for an hour.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn list_due(
        &self,
        lane: &Lane,
        now: DateTime,
        limit: u32,
    ) -> Result<Vec<DueCall>, DaoError> {
        let mut filter = doc! { "lane": lane.as_str(), "due_at": { "$lte": now } };
        filter.extend(waiting());
        self.with_timeout(|| async {
            let calls = self.calls().await?.clone_with_type::<RawDocumentBuf>();
            let mut found = calls
                .find(filter.clone())
                .projection(doc! { "call_id": 1, "due_at": 1, "lease_until": 1 })
                .sort(in_lane_order())
                .limit(limit.into())
                .await?;
            let mut due = Vec::new();
            let mut unreadable = Vec::new();
            while found.advance().await? {
                match DueCall::read(found.current(), now) {
                    Some(call) => due.push(call),
                    None => unreadable.extend(
                        found
                            .current()
                            .get("_id")
                            .ok()
                            .flatten()
                            .map(Bson::try_from)
                            .and_then(Result::ok),
                    ),
                }
            }
            if !unreadable.is_empty() {
                self.set_aside(unreadable, now).await?;
            }
            Ok(due)
        })
        .await
    }

    /// Moves documents that cannot be read out of the way of the others.
    async fn set_aside(&self, ids: Vec<Bson>, now: DateTime) -> Result<(), DaoError> {
        tracing::error!(
            collection = CALLS,
            count = ids.len(),
            "scheduled calls cannot be read, set aside"
        );
        for _ in &ids {
            metrics::count(Count::UnreadableDocument);
        }
        let later = doc! {
            "$set": { "due_at": now.saturating_add_duration(SET_ASIDE) },
            "$unset": without_lease(),
        };
        let calls = self.calls().await?;
        calls
            .update_many(doc! { "_id": { "$in": ids } }, later)
            .await?;
        Ok(())
    }

    /// Sets a call aside that cannot be read as a whole.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn set_aside_call(&self, id: CallId) -> Result<(), DaoError> {
        let now = DateTime::now();
        self.with_timeout(|| async {
            let mut this = super::super::updates::by_id(id);
            this.extend(waiting());
            let later = doc! {
                "$set": { "due_at": now.saturating_add_duration(SET_ASIDE) },
                "$unset": without_lease(),
            };
            self.calls().await?.update_one(this, later).await?;
            Ok(())
        })
        .await
    }

    /// Returns when the next call of a lane becomes due after `now`, if that is before `until`.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn next_due_at(
        &self,
        lane: &Lane,
        now: DateTime,
        until: DateTime,
    ) -> Result<Option<DateTime>, DaoError> {
        let mut filter = doc! { "lane": lane.as_str(), "due_at": { "$gt": now, "$lt": until } };
        filter.extend(waiting());
        self.with_timeout(|| async {
            let calls = self.calls().await?.clone_with_type::<RawDocumentBuf>();
            let next = calls
                .find_one(filter.clone())
                .projection(doc! { "_id": 0, "due_at": 1 })
                .sort(in_lane_order())
                .await?;
            Ok(next.and_then(|call| call.get_datetime("due_at").ok()))
        })
        .await
    }

    /// Leases those of the calls that still wait and that no other claim holds.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`]. The calls may be leased then; they can be claimed again when the lease ends.
    pub async fn claim(&self, calls: &[DueCall]) -> Result<Claim, DaoError> {
        let lease_id = Uuid::new_v4().simple().to_string();
        let ids: Vec<_> = calls.iter().map(|call| call.id).collect();
        let is_free = bson!({ "$lte": [{ "$ifNull": ["$lease_until", DateTime::from_millis(0)] }, server_now()] });
        let mut free: Document = doc! { "_id": { "$in": &ids }, "$expr": is_free };
        free.extend(waiting());
        let lease_ms = i64::try_from(LEASE.as_millis()).unwrap_or(i64::MAX);
        let lease = vec![doc! { "$set": {
            "lease_id": &lease_id,
            "lease_until": { "$add": [server_now(), lease_ms] },
        } }];
        self.with_timeout(|| async {
            let collection = self.calls().await?;
            let claimed = collection.update_many(free.clone(), lease.clone()).await?;
            if claimed.modified_count == ids.len() as u64 {
                return Ok(Claim {
                    lease_id: lease_id.clone(),
                    calls: calls.iter().map(|call| call.call_id).collect(),
                });
            }
            let mut found = collection
                .clone_with_type::<RawDocumentBuf>()
                .find(doc! { "_id": { "$in": &ids }, "lease_id": &lease_id })
                .projection(doc! { "_id": 0, "call_id": 1 })
                .await?;
            let mut ours = Vec::new();
            while found.advance().await? {
                let id = found.current().get_str("call_id");
                ours.extend(id.ok().and_then(|id| id.parse::<CallId>().ok()));
            }
            Ok(Claim {
                lease_id: lease_id.clone(),
                calls: ours,
            })
        })
        .await
    }

    /// Ends the lease of calls that were not sent.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`]; the lease ends by itself then.
    pub async fn end_lease(&self, lease_id: &str, calls: &[CallId]) -> Result<(), DaoError> {
        let ids: Vec<_> = calls.iter().map(|call| call.object_id()).collect();
        let mut leased = doc! { "_id": { "$in": ids }, "lease_id": lease_id };
        leased.extend(waiting());
        let ended = doc! { "$unset": without_lease() };
        self.with_timeout(|| async {
            let calls = self.calls().await?;
            calls.update_many(leased.clone(), ended.clone()).await?;
            Ok(())
        })
        .await
    }
}
