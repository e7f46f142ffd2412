//! What is exported: which documents, in which order, in which form.

use chrono::Utc;
use clap::ValueEnum;
use mongodb::Database;
use mongodb::bson::{
    Bson, DateTime, Document, RawDocument, RawDocumentBuf, deserialize_from_slice, doc,
    oid::ObjectId,
};
use outdial::dao::{DaoError, ERASED_AT};
use outdial::domain::{Call, CallId, Recording, User};
use outdial::http::{CallBody, RecordingBody, UserBody};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Result;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Collection {
    Users,
    Calls,
    Recordings,
}

/// When a document was created: at `from` or later, and before `to`.
#[derive(Clone, Copy)]
pub struct Span {
    pub from: Option<chrono::DateTime<Utc>>,
    pub to: Option<chrono::DateTime<Utc>>,
}

/// The place of a document in its collection's order.
#[derive(Clone, Copy)]
pub struct Place {
    created_at: DateTime,
    id: ObjectId,
    by_id: bool,
}

impl Collection {
    pub const ALL: [Self; 3] = [Self::Users, Self::Calls, Self::Recordings];

    pub fn name(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Calls => "calls",
            Self::Recordings => "recordings",
        }
    }

    /// As an index has it. Recordings have none by time.
    pub fn order(self) -> Document {
        if self.is_by_id() {
            doc! { "_id": 1 }
        } else {
            doc! { "created_at": 1, "_id": 1 }
        }
    }

    fn is_by_id(self) -> bool {
        self == Self::Recordings
    }

    /// What the API knows: neither erased calls nor deleted recordings. Of the documents that were created together with the
    /// last one some may come before it.
    pub fn filter(self, span: Span, after: Option<Place>) -> Document {
        let mut filter = match self {
            Self::Users => doc! {},
            Self::Calls => doc! { ERASED_AT: Bson::Null },
            Self::Recordings => doc! { "status": { "$ne": "deleted" } },
        };
        let millis = |time: chrono::DateTime<Utc>| DateTime::from_millis(time.timestamp_millis());
        let mut from = span.from.map(millis);
        if let Some(after) = after {
            if self.is_by_id() {
                filter.insert("_id", doc! { "$gt": after.id });
            } else {
                from = from.max(Some(after.created_at));
            }
        }
        let mut created_at = Document::new();
        created_at.extend(from.map(|from| ("$gte".to_owned(), from.into())));
        created_at.extend(span.to.map(|to| ("$lt".to_owned(), millis(to).into())));
        if !created_at.is_empty() {
            filter.insert("created_at", created_at);
        }
        filter
    }

    /// Where the document of that public name is.
    pub async fn place(self, database: &Database, id: &str) -> Result<Place> {
        let none = || format!("no {} with id {id}", self.name().trim_end_matches('s'));
        let this = match self {
            Self::Calls => {
                let id: CallId = id.parse().map_err(|_| none())?;
                doc! { "call_id": id.to_string() }
            }
            Self::Users | Self::Recordings => {
                doc! { "_id": ObjectId::parse_str(id).map_err(|_| none())? }
            }
        };
        let documents = database.collection::<RawDocumentBuf>(self.name());
        let found = documents
            .find_one(this)
            .projection(doc! { "created_at": 1 })
            .await
            .map_err(DaoError::from)?;
        let found = found.ok_or_else(none)?;
        Ok(self.place_of(&found).ok_or_else(none)?)
    }

    fn place_of(self, document: &RawDocument) -> Option<Place> {
        Some(Place {
            created_at: document.get_datetime("created_at").ok()?,
            id: document.get_object_id("_id").ok()?,
            by_id: self.is_by_id(),
        })
    }

    /// The public name in a line that was written.
    pub fn id_in(self, line: &str) -> Option<String> {
        let value: Value = serde_json::from_str(line).ok()?;
        let name = match self {
            Self::Calls => "call_id",
            Self::Users => "email",
            Self::Recordings => "channels",
        };
        // Each has a field that the others have not.
        value.get(name)?;
        let id = if self == Self::Calls { "call_id" } else { "id" };
        value[id].as_str().map(str::to_owned)
    }

    /// The document as the API tells it; none where it cannot be read.
    pub fn line(self, document: &RawDocument) -> Option<String> {
        match self {
            Self::Users => told::<User, UserBody>(document),
            Self::Calls => told::<Call, CallBody>(document),
            Self::Recordings => told::<Recording, RecordingBody>(document),
        }
    }
}

fn told<T: DeserializeOwned, B: From<T> + Serialize>(document: &RawDocument) -> Option<String> {
    let stored: T = deserialize_from_slice(document.as_bytes()).ok()?;
    serde_json::to_string(&B::from(stored)).ok()
}

impl Place {
    pub fn is_before(self, document: &RawDocument) -> bool {
        let (created_at, id) = (
            document.get_datetime("created_at"),
            document.get_object_id("_id"),
        );
        match (created_at, id) {
            _ if self.by_id => true,
            (Ok(created_at), Ok(id)) => (self.created_at, self.id) < (created_at, id),
            _ => true,
        }
    }
}
