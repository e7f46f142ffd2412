//! Users in bulk: find those that are stored already, insert the others.

use std::collections::HashSet;

use mongodb::{
    Database,
    bson::{RawDocumentBuf, doc, oid::ObjectId},
    error::ErrorKind,
};

use super::document::{StoredDocument, StoredDocuments};
use crate::{
    dao::{DaoError, USERS},
    domain::User,
};

/// The server's code for a value that a unique index holds already.
const DUPLICATE_KEY: i32 = 11_000;

/// A stored user with one of the given addresses or ids.
pub struct StoredUser {
    /// The `_id`.
    pub id: ObjectId,
    /// The e-mail address in lower case; empty if it can't be read.
    pub email_lower: String,
    /// The user, or `None` if the document can't be read.
    pub user: Option<User>,
}

/// Finds the stored users with one of these addresses (in lower case) or one of these ids.
///
/// # Errors
///
/// Any [`DaoError`].
pub async fn find(
    database: &Database,
    emails_lower: &[&str],
    ids: &[ObjectId],
) -> Result<Vec<StoredUser>, DaoError> {
    let by_email = doc! { "email_lower": { "$in": emails_lower } };
    let filter = match ids {
        [] => by_email,
        ids => doc! { "$or": [by_email, { "_id": { "$in": ids } }] },
    };
    let users = database.collection::<RawDocumentBuf>(USERS);
    let mut found = StoredDocuments::new(users.find(filter).await?);
    let mut stored = Vec::new();
    while let Some(document) = found.next().await? {
        stored.extend(stored_user(&document));
    }
    Ok(stored)
}

fn stored_user(document: &StoredDocument) -> Option<StoredUser> {
    Some(StoredUser {
        id: document.id()?,
        email_lower: document.field("email_lower").unwrap_or_default(),
        user: document.read(),
    })
}

/// Inserts the users in one request. Returns the positions of those that a unique index refused, because another writer
/// stored their address or id in the meantime; all others are stored.
///
/// # Errors
///
/// Any [`DaoError`]. Some of the users may be stored then.
pub async fn insert(database: &Database, users: &[&User]) -> Result<HashSet<usize>, DaoError> {
    let collection = database.collection::<User>(USERS);
    let inserted = collection.insert_many(users.iter().copied()).ordered(false);
    let Err(error) = inserted.await else {
        return Ok(HashSet::new());
    };
    if let ErrorKind::InsertMany(failed) = error.kind.as_ref()
        && failed.write_concern_error.is_none()
        && let Some(errors) = &failed.write_errors
        && errors.iter().all(|error| error.code == DUPLICATE_KEY)
    {
        return Ok(errors.iter().map(|error| error.index).collect());
    }
    Err(error.into())
}
