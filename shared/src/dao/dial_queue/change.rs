//! Changes of a waiting call.

use mongodb::bson::{Bson, Document, RawDocumentBuf, doc, serialize_to_document};

use super::{waiting, without_lease};
use crate::{
    dao::{CALLS, Dao, DaoError, stored, updates::by_id},
    domain::{Call, CallId},
};

/// The fields that a client changes, and those that follow from them.
const CHANGED: [&str; 18] = [
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
    "steps",
    "transfer_lines",
    "updated_at",
    "voice",
    "waiting_for",
];

/// A call that was read in order to change it.
#[derive(Debug, Clone)]
pub struct ReadCall {
    /// The call.
    pub call: Call,
    /// The fields of [`CHANGED`] as they are stored, also if this version would write them differently.
    fields: Document,
}

impl ReadCall {
    fn read(document: &RawDocumentBuf) -> Result<Self, DaoError> {
        Ok(Self {
            call: stored::read(CALLS, document)?,
            fields: stored::verbatim(document)?,
        })
    }
}

/// The condition that every field that a change writes has this value. Times alone would not do: two changes may come within
/// a millisecond.
fn all_equal(fields: &Document) -> Document {
    let value = |field| fields.get(field).cloned().unwrap_or(Bson::Null);
    CHANGED
        .into_iter()
        .map(|field| (field.to_owned(), doc! { "$eq": value(field) }.into()))
        .collect()
}

impl Dao {
    /// Returns a call to change it with [`Dao::change_waiting_call`], or `None`.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn get_call_to_change(&self, id: CallId) -> Result<Option<ReadCall>, DaoError> {
        self.with_timeout(|| async {
            let calls = self.calls().await?.clone_with_type::<RawDocumentBuf>();
            let found = calls.find_one(by_id(id)).await?;
            found.as_ref().map(ReadCall::read).transpose()
        })
        .await
    }

    /// Stores the changes of a waiting call, and ends its lease. Returns false if it waits no longer, if a field that the change
    /// writes is no longer as it was read, or if the call is a next attempt that is not in its lane yet.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`]. The changes may be stored then.
    pub async fn change_waiting_call(
        &self,
        read: &ReadCall,
        changed: &Call,
    ) -> Result<bool, DaoError> {
        let mut stored =
            serialize_to_document(changed).map_err(|error| DaoError::of_bson(&error))?;
        let mut unchanged = doc! {
            "_id": read.call.id,
            "lane": { "$ne": Bson::Null },
            // The driver may repeat the update after it lost the response: the call has our values then.
            "$or": [all_equal(&read.fields), all_equal(&stored)],
        };
        unchanged.extend(waiting());
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
            let updated = calls.update_one(unchanged.clone(), changes.clone()).await?;
            Ok(updated.matched_count > 0)
        })
        .await
    }
}
