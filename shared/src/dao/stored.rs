//! The stored documents: their collections, reading and inserting them. Reports documents that can't be read.
//!
//! The driver returns raw documents. Reading them into a [`Document`] through serde would interpret a map such as
//! `{"$oid": …}` as extended JSON, and change or reject it.

use mongodb::{
    Collection,
    bson::{Bson, Document, RawBsonRef, RawDocument, RawDocumentBuf, deserialize_from_slice, doc},
    options::ReturnDocument,
};
use serde::{Serialize, de::DeserializeOwned};

use super::{Dao, DaoError};
use crate::{
    domain::{Call, Recording, User},
    telemetry::metrics::{self, Count},
};

/// The field of a call that says when its person was erased, UTC.
///
/// An erased call keeps only facts, under a new `call_id` and without a `CallSid`. It keeps its `_id`, by which a late webhook is
/// recognized.
pub const ERASED_AT: &str = "erased_at";

pub(super) const USERS: &str = "users";
pub(super) const CALLS: &str = "calls";
pub(super) const RECORDINGS: &str = "recordings";
pub(super) const TRANSCRIPTS: &str = "transcripts";
pub(super) const COUNTERS: &str = "counters";
pub(super) const BATCHES: &str = "batches";
pub(super) const BLOCKED_NUMBERS: &str = "blocked_numbers";

impl Dao {
    pub(super) async fn users(&self) -> Result<Collection<User>, DaoError> {
        Ok(self.database().await?.collection(USERS))
    }

    pub(super) async fn calls(&self) -> Result<Collection<Call>, DaoError> {
        Ok(self.database().await?.collection(CALLS))
    }

    pub(super) async fn recordings(&self) -> Result<Collection<Recording>, DaoError> {
        Ok(self.database().await?.collection(RECORDINGS))
    }

    pub(super) async fn counters(&self) -> Result<Collection<RawDocumentBuf>, DaoError> {
        Ok(self.database().await?.collection(COUNTERS))
    }
}

/// Parses a document of a collection.
///
/// # Errors
///
/// [`DaoError::Internal`] when the document is malformed. This is logged with its `_id`, and counted.
pub(super) fn read<T: DeserializeOwned>(
    collection: &str,
    document: &RawDocument,
) -> Result<T, DaoError> {
    deserialize_from_slice(document.as_bytes()).map_err(|error| {
        metrics::count(Count::UnreadableDocument);
        let id = loggable_id(document);
        tracing::error!(collection, id, "a stored document cannot be read");
        DaoError::of_bson(&error)
    })
}

/// Returns the first document that matches the filter.
///
/// # Errors
///
/// Any [`DaoError`]; as of [`read`] for a malformed document.
pub(super) async fn find_one<T: DeserializeOwned + Send + Sync>(
    collection: &Collection<T>,
    filter: Document,
) -> Result<Option<T>, DaoError> {
    let documents = collection.clone_with_type::<RawDocumentBuf>();
    let found = documents.find_one(filter).await?;
    let read = found.map(|document| read(collection.name(), &document));
    read.transpose()
}

/// Updates the document that passes the filter, and returns it as it is after that.
pub(super) async fn find_one_and_update<T: DeserializeOwned + Send + Sync>(
    collection: &Collection<T>,
    filter: Document,
    stages: Vec<Document>,
) -> Result<Option<T>, DaoError> {
    let documents = collection.clone_with_type::<RawDocumentBuf>();
    let updated = documents
        .find_one_and_update(filter, stages)
        .return_document(ReturnDocument::After)
        .await?;
    let read = updated.map(|document| read(collection.name(), &document));
    read.transpose()
}

/// Converts a raw document without interpreting it.
///
/// # Errors
///
/// [`DaoError::Internal`] when it is not valid BSON.
pub(super) fn verbatim(document: &RawDocument) -> Result<Document, DaoError> {
    Document::try_from(document).map_err(|error| DaoError::of_bson(&error))
}

/// The `_id` if it is an ObjectId, which is never personal data; otherwise only its type.
fn loggable_id(document: &RawDocument) -> String {
    match document.get("_id") {
        Ok(Some(RawBsonRef::ObjectId(id))) => id.to_hex(),
        Ok(Some(other)) => format!("{:?}", other.element_type()),
        Ok(None) | Err(_) => "none".to_owned(),
    }
}

/// Inserts a document whose `_id` the caller has just generated.
///
/// The driver retries an insert whose response was lost. So a duplicate of this `_id` means that the document is stored.
///
/// # Errors
///
/// Any [`DaoError`].
pub(super) async fn insert_once<T: Serialize + Send + Sync>(
    collection: &Collection<T>,
    id: impl Into<Bson>,
    document: &T,
) -> Result<(), DaoError> {
    let error = match collection.insert_one(document).await {
        Ok(_) => return Ok(()),
        Err(error) => DaoError::from(error),
    };
    if matches!(error, DaoError::Duplicate(_)) {
        let ours = collection
            .clone_with_type::<RawDocumentBuf>()
            .find_one(doc! { "_id": id.into() })
            .projection(doc! { "_id": 1 })
            .await?;
        if ours.is_some() {
            return Ok(());
        }
    }
    Err(error)
}
