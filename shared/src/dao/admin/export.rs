//! Whole collections in a stable order, which a later query can continue.

use mongodb::{
    Database,
    bson::{Bson, DateTime, Document, RawDocumentBuf, doc, oid::ObjectId},
};

use super::document::{StoredDocument, StoredDocuments};
use crate::{
    dao::{CALLS, DaoError, ERASED_AT, RECORDINGS, TRANSCRIPTS, USERS},
    domain::CallId,
};

/// The number of documents that the database sends at a time.
const BATCH: u32 = 1_000;

/// A collection that can be exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collection {
    /// Users, by time of creation.
    Users,
    /// Calls, by time of creation, without erased ones.
    Calls,
    /// Recordings, by id because no index has their time, without deleted ones.
    Recordings,
    /// Transcripts, by id of the recording, without deleted ones.
    Transcripts,
}

/// When a document was created: at `from` or later, and before `to`.
#[derive(Debug, Clone, Copy)]
pub struct Created {
    /// The first moment; `None` for no limit.
    pub from: Option<DateTime>,
    /// The moment after the last one; `None` for no limit.
    pub to: Option<DateTime>,
}

/// The position of a document in the order of its collection.
#[derive(Debug, Clone, Copy)]
pub struct Position {
    collection: Collection,
    created_at: DateTime,
    id: ObjectId,
}

impl Collection {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Users,
        Self::Calls,
        Self::Recordings,
        Self::Transcripts,
    ];

    /// The name in the database, on the command line and of an export's file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Users => USERS,
            Self::Calls => CALLS,
            Self::Recordings => RECORDINGS,
            Self::Transcripts => TRANSCRIPTS,
        }
    }

    fn order(self) -> Document {
        match self {
            Self::Users | Self::Calls => doc! { "created_at": 1, "_id": 1 },
            Self::Recordings | Self::Transcripts => doc! { "_id": 1 },
        }
    }

    /// Selects what the API shows. Of the documents created in the same millisecond as `after`, some may precede it: see
    /// [`Position::is_before`].
    fn filter(self, created: Created, after: Option<Position>) -> Document {
        let mut filter = match self {
            Self::Users => doc! {},
            Self::Calls => doc! { ERASED_AT: Bson::Null },
            Self::Recordings | Self::Transcripts => doc! { "status": { "$ne": "deleted" } },
        };
        let mut from = created.from;
        if let Some(after) = after {
            match self {
                Self::Recordings | Self::Transcripts => {
                    filter.insert("_id", doc! { "$gt": after.id });
                }
                Self::Users | Self::Calls => from = from.max(Some(after.created_at)),
            }
        }
        let mut range = Document::new();
        range.extend(from.map(|from| ("$gte".to_owned(), from.into())));
        range.extend(created.to.map(|to| ("$lt".to_owned(), to.into())));
        if !range.is_empty() {
            filter.insert("created_at", range);
        }
        filter
    }
}

/// Finds the documents of the range in their order. The first ones may still precede `after`: skip those for which
/// [`Position::is_before`] is false.
///
/// # Errors
///
/// Any [`DaoError`].
pub async fn find(
    database: &Database,
    collection: Collection,
    created: Created,
    after: Option<Position>,
) -> Result<StoredDocuments, DaoError> {
    let documents = database.collection::<RawDocumentBuf>(collection.name());
    let found = documents
        .find(collection.filter(created, after))
        .sort(collection.order())
        .batch_size(BATCH)
        .await?;
    Ok(StoredDocuments::new(found))
}

/// Counts what [`find`] would find.
///
/// # Errors
///
/// Any [`DaoError`].
pub async fn count(
    database: &Database,
    collection: Collection,
    created: Created,
    after: Option<Position>,
) -> Result<u64, DaoError> {
    let documents = database.collection::<Document>(collection.name());
    let filter = collection.filter(created, after);
    Ok(documents.count_documents(filter).await?)
}

/// Returns the position of the user, call or recording with this public id, or `None` if it doesn't exist.
///
/// # Errors
///
/// Any [`DaoError`].
pub async fn position(
    database: &Database,
    collection: Collection,
    id: &str,
) -> Result<Option<Position>, DaoError> {
    let this = match collection {
        Collection::Calls => id
            .parse::<CallId>()
            .ok()
            .map(|id| doc! { "call_id": id.to_string() }),
        Collection::Users | Collection::Recordings | Collection::Transcripts => {
            ObjectId::parse_str(id).ok().map(|id| doc! { "_id": id })
        }
    };
    let Some(this) = this else {
        return Ok(None);
    };
    let documents = database.collection::<RawDocumentBuf>(collection.name());
    let found = documents
        .find_one(this)
        .projection(doc! { "created_at": 1 })
        .await?;
    Ok(found.and_then(|found| position_of(collection, &found.into())))
}

fn position_of(collection: Collection, document: &StoredDocument) -> Option<Position> {
    Some(Position {
        collection,
        created_at: document.field("created_at")?,
        id: document.id()?,
    })
}

impl Position {
    /// Returns true if the document comes after this position, or if the document's own position can't be read.
    #[must_use]
    pub fn is_before(self, document: &StoredDocument) -> bool {
        if matches!(
            self.collection,
            Collection::Recordings | Collection::Transcripts
        ) {
            return true;
        }
        position_of(self.collection, document)
            .is_none_or(|other| (self.created_at, self.id) < (other.created_at, other.id))
    }
}
