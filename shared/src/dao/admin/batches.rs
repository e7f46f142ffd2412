//! Erasing the batches of a person: no further recipients or dials, then no texts.

use mongodb::{
    Database,
    bson::{Document, RawDocumentBuf, doc},
};

use super::document::{StoredDocument, StoredDocuments};
use crate::{
    dao::{
        BATCHES, DaoError, ERASED_AT,
        batches::{nobody_adds, of_user},
    },
    domain::{Batch, BatchStatus, Priority, UserId},
};

/// The fields that an erased batch keeps. All others go, also those that later versions add.
const KEPT: [&str; 11] = [
    "status",
    "priority",
    "recording_enabled",
    "machine_detection",
    "retry",
    "scheduled_at",
    "expires_at",
    "calls_per_second",
    "reserved",
    "created_at",
    "started_at",
];

/// Finds the batches of the user that are not erased.
///
/// # Errors
///
/// Any [`DaoError`].
pub async fn find(database: &Database, user: UserId) -> Result<StoredDocuments, DaoError> {
    let batches = database.collection::<RawDocumentBuf>(BATCHES);
    Ok(StoredDocuments::new(batches.find(of_user(user)).await?))
}

/// Counts what [`find`] finds.
///
/// # Errors
///
/// Any [`DaoError`].
pub async fn count(database: &Database, user: UserId) -> Result<u64, DaoError> {
    let batches = database.collection::<Document>(BATCHES);
    Ok(batches.count_documents(of_user(user)).await?)
}

/// Cancels the user's batches: nothing of them is dialled, and no new request adds recipients. Returns whether a request that began
/// before is still adding some.
///
/// # Errors
///
/// Any [`DaoError`].
pub async fn cancel(database: &Database, user: UserId) -> Result<bool, DaoError> {
    let batches = database.collection::<Document>(BATCHES);
    let mut open = of_user(user);
    let words = BatchStatus::OPEN.map(BatchStatus::as_str);
    open.insert("status", doc! { "$in": words.to_vec() });
    let canceling = BatchStatus::Canceling.as_str();
    let change = vec![doc! { "$set": { "status": canceling, "updated_at": "$$NOW" } }];
    batches.update_many(open, change).await?;
    let mut idle = of_user(user);
    idle.extend(nobody_adds());
    let idle = batches.count_documents(idle).await?;
    Ok(idle < count(database, user).await?)
}

/// Makes a canceled or ended batch anonymous: it keeps its id and its facts.
///
/// # Errors
///
/// Any [`DaoError`].
pub async fn erase(database: &Database, batch: &StoredDocument) -> Result<(), DaoError> {
    let canceled = BatchStatus::Canceled.as_str();
    let mut facts = doc! { "_id": 1 };
    // The required fields of a batch must still be there.
    let mut marks = doc! {
        "name": "",
        "user_id": "",
        "script": "",
        ERASED_AT: "$$NOW",
        "updated_at": "$$NOW",
    };
    match batch.read::<Batch>().map(|batch| batch.status) {
        None | Some(BatchStatus::Unknown) => marks.extend(doc! {
            "status": canceled,
            "priority": Priority::Bulk.as_str(),
            "expires_at": "$$NOW",
            "created_at": "$$NOW",
        }),
        Some(status) => {
            facts.extend(KEPT.map(|field| (field.to_owned(), 1.into())));
            if status != BatchStatus::Completed {
                marks.insert("status", canceled);
            }
        }
    }
    let stages = vec![doc! { "$project": facts }, doc! { "$set": marks }];
    let batches = database.collection::<Document>(BATCHES);
    let this = doc! { "_id": batch.value("_id") };
    batches.update_one(this, stages).await?;
    Ok(())
}
