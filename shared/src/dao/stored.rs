//! Reads stored documents, and reports those that cannot be read.
//!
//! Documents come from the driver as they are stored: reading them into a [`Document`] through serde would
//! take a map such as `{"$oid": …}` for extended JSON, and change it or refuse it.

use mongodb::{
    Collection,
    bson::{Document, RawBsonRef, RawDocument, RawDocumentBuf, deserialize_from_slice},
};
use serde::de::DeserializeOwned;

use super::DaoError;
use crate::metrics::{self, Count};

/// Reads a document of that collection.
///
/// # Errors
///
/// [`DaoError::Internal`] when it is not as expected: this is logged with its `_id`, and counted.
pub(super) fn read<T: DeserializeOwned>(
    collection: &str,
    document: &RawDocument,
) -> Result<T, DaoError> {
    deserialize_from_slice(document.as_bytes()).map_err(|error| {
        metrics::count(Count::UnreadableDocument);
        let id = name_of(document);
        tracing::error!(collection, id, "a stored document cannot be read");
        DaoError::of_bson(&error)
    })
}

/// The document that passes the filter, if there is one.
///
/// # Errors
///
/// When the database is away, or as of [`read`].
pub(super) async fn find_one<T: DeserializeOwned + Send + Sync>(
    collection: &Collection<T>,
    filter: Document,
) -> Result<Option<T>, DaoError> {
    let documents = collection.clone_with_type::<RawDocumentBuf>();
    let found = documents.find_one(filter).await?;
    let read = found.map(|document| read(collection.name(), &document));
    read.transpose()
}

/// The document as it is stored.
///
/// # Errors
///
/// [`DaoError::Internal`] when it is no BSON.
pub(super) fn verbatim(document: &RawDocument) -> Result<Document, DaoError> {
    Document::try_from(document).map_err(|error| DaoError::of_bson(&error))
}

/// The `_id`, where it is one of those that we give; else its type alone, for it may be personal.
fn name_of(document: &RawDocument) -> String {
    match document.get("_id") {
        Ok(Some(RawBsonRef::ObjectId(id))) => id.to_hex(),
        Ok(Some(other)) => format!("{:?}", other.element_type()),
        Ok(None) | Err(_) => "none".to_owned(),
    }
}
