//! Recognises outdial's databases: a server may have many others, which an operator's command must not touch.

use std::time::Duration;

use mongodb::{
    Database,
    bson::{Document, RawDocumentBuf, doc},
};
use tokio::time::timeout;

use crate::dao::{
    BLOCKED_NUMBERS, CALLS, DaoError, RECORDINGS, USERS, indexes::stored_indexes, with_deadline,
};

/// The parts of outdial in a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Neither indexes nor documents. The kill switch's document doesn't count: it may be there by mistake.
    Absent,
    /// Indexes, but no users, calls or recordings: a new or unused database.
    IndexesOnly,
    /// Users, calls or recordings.
    InUse,
}

/// Fields that every document of the collection has, in every version and in the earlier service. Other services may have
/// collections with the same names.
const SIGNS: [(&str, [&str; 2]); 3] = [
    (CALLS, ["call_id", "to_number"]),
    (USERS, ["email", "phone_number"]),
    (RECORDINGS, ["twilio_sid", "call_id"]),
];

/// Index names that no other service uses. Every version has each of them; one is enough.
const DISTINCTIVE: [(&str, &str); 5] = [
    (CALLS, "call_id_unique"),
    (CALLS, "twilio_sid_unique"),
    (USERS, "email_lower_unique"),
    (RECORDINGS, "twilio_sid_unique"),
    (BLOCKED_NUMBERS, "number_unique"),
];

/// The number of documents of a collection that are examined, because one may be odd.
const SAMPLE: i64 = 20;

/// The time limit of [`list_others`].
const LISTING: Duration = Duration::from_secs(5);

/// Looks for outdial's documents and indexes, and changes nothing.
///
/// # Errors
///
/// Any [`DaoError`].
pub async fn presence(database: &Database) -> Result<Presence, DaoError> {
    with_deadline(async {
        for (collection, fields) in SIGNS {
            if has_documents(database, collection, fields).await? {
                return Ok(Presence::InUse);
            }
        }
        for (collection, name) in DISTINCTIVE {
            if has_index(database, collection, name).await? {
                return Ok(Presence::IndexesOnly);
            }
        }
        Ok(Presence::Absent)
    })
    .await
}

/// Returns the names of up to `most` other outdial databases on this server: those that the login may see and that are found
/// within 5 s.
pub async fn list_others(database: &Database, most: usize) -> Vec<String> {
    let mut found = Vec::new();
    let listing = async {
        let names = database.client().list_database_names().await;
        for name in names.unwrap_or_default() {
            if found.len() >= most {
                break;
            }
            let other = database.client().database(&name);
            let is_other = name != database.name() && !SYSTEM.contains(&name.as_str());
            if is_other && !matches!(presence(&other).await, Ok(Presence::Absent) | Err(_)) {
                found.push(name);
            }
        }
    };
    // At the deadline, the names found so far are returned.
    let _ = timeout(LISTING, listing).await;
    found
}

/// The server's own databases.
const SYSTEM: [&str; 3] = ["admin", "config", "local"];

async fn has_documents(
    database: &Database,
    collection: &str,
    fields: [&str; 2],
) -> Result<bool, DaoError> {
    let projection: Document = fields
        .iter()
        .map(|field| ((*field).to_owned(), 1.into()))
        .collect();
    let mut found = database
        .collection::<RawDocumentBuf>(collection)
        .find(doc! {})
        .projection(projection)
        .limit(SAMPLE)
        .await?;
    while found.advance().await? {
        let document = found.current();
        if fields.iter().all(|field| document.get_str(field).is_ok()) {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn has_index(database: &Database, collection: &str, name: &str) -> Result<bool, DaoError> {
    let stored = stored_indexes(database, collection).await?;
    let mut options = stored.iter().filter_map(|model| model.options.as_ref());
    Ok(options.any(|options| options.name.as_deref() == Some(name)))
}
