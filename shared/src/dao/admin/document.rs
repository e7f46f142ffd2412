//! A stored document whose fields are read one by one, so that an odd value hides no other.

use mongodb::{
    Cursor,
    bson::{Bson, RawDocumentBuf, deserialize_from_bson, deserialize_from_slice, oid::ObjectId},
};
use serde::de::DeserializeOwned;

use crate::dao::DaoError;

/// A document as the database stores it.
pub struct StoredDocument(RawDocumentBuf);

impl StoredDocument {
    /// Returns the field's value, or `None` if it is absent or can't be read as a `T`.
    #[must_use]
    pub fn field<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        deserialize_from_bson(self.value(name)?).ok()
    }

    /// Returns the field's value, whatever its type.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<Bson> {
        let value = self.0.get(name).ok()??;
        Bson::try_from(value).ok()
    }

    /// Returns the whole document, or `None` if it can't be read as a `T`.
    #[must_use]
    pub fn read<T: DeserializeOwned>(&self) -> Option<T> {
        deserialize_from_slice(self.0.as_bytes()).ok()
    }

    /// Returns the `_id`, or `None` if it isn't an `ObjectId`.
    #[must_use]
    pub fn id(&self) -> Option<ObjectId> {
        self.0.get_object_id("_id").ok()
    }
}

impl From<RawDocumentBuf> for StoredDocument {
    fn from(document: RawDocumentBuf) -> Self {
        Self(document)
    }
}

/// The documents that a query finds, read in batches.
pub struct StoredDocuments(Cursor<RawDocumentBuf>);

impl StoredDocuments {
    pub(super) fn new(found: Cursor<RawDocumentBuf>) -> Self {
        Self(found)
    }

    /// Returns the next document, or `None` at the end.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn next(&mut self) -> Result<Option<StoredDocument>, DaoError> {
        if self.0.advance().await? {
            return Ok(Some(StoredDocument(self.0.current().to_owned())));
        }
        Ok(None)
    }
}
