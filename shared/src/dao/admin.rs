//! Tells outdial's databases from others, for the operators' commands: a server may hold many.

use std::time::Duration;

use mongodb::{
    Database,
    bson::{Document, RawDocumentBuf, doc},
};
use tokio::time::timeout;

use super::{
    BLOCKED_NUMBERS, CALLS, DaoError, RECORDINGS, USERS, indexes::stored_indexes, with_deadline,
};

/// What a database has of outdial's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Neither indexes nor documents. The kill switch's document is none of these: it may be there by mistake.
    Absent,
    /// Indexes, and no users, calls or recordings: a new database, or one that nobody uses.
    IndexesOnly,
    /// Users, calls or recordings.
    InUse,
}

/// Fields that each document of the collection has, in every version and in the earlier service. Other services have
/// collections of these names too.
const SIGNS: [(&str, [&str; 2]); 3] = [
    (CALLS, ["call_id", "to_number"]),
    (USERS, ["email", "phone_number"]),
    (RECORDINGS, ["twilio_sid", "call_id"]),
];

/// Indexes that no other service makes under these names. Each is in every version; one of them is enough.
const DISTINCTIVE: [(&str, &str); 5] = [
    (CALLS, "call_id_unique"),
    (CALLS, "twilio_sid_unique"),
    (USERS, "email_lower_unique"),
    (RECORDINGS, "twilio_sid_unique"),
    (BLOCKED_NUMBERS, "number_unique"),
];

/// How many documents of a collection are looked at, for one of them may be odd.
const SAMPLE: i64 = 20;

/// How long [`list_others`] may take.
const LISTING: Duration = Duration::from_secs(5);

/// Looks for outdial's documents and indexes, and changes nothing.
///
/// # Errors
///
/// When the database is away, or does not let us look.
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

/// Names other databases of this server that are outdial's, `most` at most, as far as the login may see them, within 5 s.
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
    // What has been found by then is worth telling.
    let _ = timeout(LISTING, listing).await;
    found
}

/// Databases of the server itself.
const SYSTEM: [&str; 3] = ["admin", "config", "local"];

/// Reads raw documents, so that one that cannot be parsed does no harm.
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
