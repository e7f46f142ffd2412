//! Changes of a waiting call.

use mongodb::bson::{Bson, Document, doc, serialize_to_document};

use super::{waiting, without_lease};
use crate::{
    dao::{Dao, DaoError},
    domain::Call,
};

/// The fields that a client changes, and those that follow from them.
const CHANGED: [&str; 16] = [
    "due_at",
    "effects_open",
    "expires_at",
    "first_call_id",
    "lane",
    "language",
    "machine_detection",
    "metadata",
    "priority",
    "recording_enabled",
    "retry",
    "scheduled_at",
    "script",
    "updated_at",
    "voice",
    "waiting_for",
];

impl Dao {
    /// Stores the changes of a waiting call, and ends its lease. Returns false if it waits no longer, if it changed after it was
    /// read, or if it is a next attempt that is not in its lane yet.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`]. The changes may be stored then.
    pub async fn change_waiting_call(&self, read: &Call, changed: &Call) -> Result<bool, DaoError> {
        let mut as_read = doc! {
            "_id": read.id,
            "lane": { "$ne": Bson::Null },
            // The driver may repeat the update after it lost the response: our own time matches then.
            "updated_at": { "$in": [read.updated_at, changed.updated_at] },
        };
        as_read.extend(waiting());
        let mut stored =
            serialize_to_document(changed).map_err(|error| DaoError::of_bson(&error))?;
        let (mut set, mut unset) = (Document::new(), without_lease());
        for field in CHANGED {
            match stored.remove(field) {
                Some(value) => set.insert(field, value),
                None => unset.insert(field, ""),
            };
        }
        let changes = doc! { "$set": set, "$unset": unset };
        self.with_timeout(|| async {
            let calls = self.calls().await?.clone_with_type::<Document>();
            let updated = calls.update_one(as_read.clone(), changes.clone()).await?;
            Ok(updated.matched_count > 0)
        })
        .await
    }
}
