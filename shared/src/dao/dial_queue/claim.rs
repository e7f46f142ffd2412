//! Claims: the leases under which due calls are sent to be dialled.

use std::time::Duration;

use mongodb::bson::{Bson, DateTime, RawDocumentBuf, bson, doc};
use uuid::Uuid;

use super::{DueCall, still_waits, waiting, without_lease};
use crate::{
    dao::{
        Dao, DaoError,
        updates::{by_id, server_now},
    },
    domain::CallId,
};

/// Time for which a claim holds its calls. Then they can be claimed again.
pub const LEASE: Duration = Duration::from_mins(1);
/// Time for which a call that cannot be read is set aside.
const SET_ASIDE: Duration = Duration::from_hours(1);

/// Calls that one claim holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The random id of the lease.
    pub lease_id: String,
    /// The calls that were still there and free.
    pub calls: Vec<CallId>,
}

impl Dao {
    /// Moves documents that cannot be read out of the way of the others.
    pub(super) async fn set_aside(&self, ids: Vec<Bson>, now: DateTime) -> Result<(), DaoError> {
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

    /// Sets a waiting call aside that cannot be dialled, because a document cannot be read. Does nothing if it is not under this
    /// lease.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn set_aside_call(&self, id: CallId, lease_id: &str) -> Result<(), DaoError> {
        let now = DateTime::now();
        self.with_timeout(|| async {
            let mut this = by_id(id);
            this.insert("lease_id", lease_id);
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

    /// Leases those of the calls that still wait and that no other claim holds.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`]. The calls may be leased then; they can be claimed again when the lease ends.
    pub async fn claim(&self, calls: &[DueCall]) -> Result<Claim, DaoError> {
        let lease_id = Uuid::new_v4().simple().to_string();
        let ids: Vec<_> = calls.iter().map(|call| call.id).collect();
        let is_free = bson!({ "$lte": [{ "$ifNull": ["$lease_until", DateTime::from_millis(0)] }, server_now()] });
        let free = doc! { "_id": { "$in": &ids }, "$expr": { "$and": [still_waits(), is_free] } };
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
        let leased = doc! { "_id": { "$in": ids }, "lease_id": lease_id, "$expr": still_waits() };
        let ended = doc! { "$unset": without_lease() };
        self.with_timeout(|| async {
            let calls = self.calls().await?;
            calls.update_many(leased.clone(), ended.clone()).await?;
            Ok(())
        })
        .await
    }
}
