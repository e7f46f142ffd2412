//! Backfill: fills in fields that documents of earlier versions lack.

use mongodb::{
    Database,
    bson::{Bson, Document, RawDocumentBuf, deserialize_from_slice, doc, oid::ObjectId},
};

use crate::{
    dao::{CALLS, DaoError, RECORDINGS, USERS, stored::verbatim},
    domain::Call,
};

/// The result for one field.
pub(super) struct FilledIn {
    pub(super) field: &'static str,
    /// The number of documents that got the field.
    pub(super) count: u64,
    /// The `_id`s of documents that would have the same value of a unique field. The first of each group still lacks it.
    pub(super) conflicts: Vec<Vec<Bson>>,
}

pub(super) async fn run(database: &Database) -> Result<[FilledIn; 4], DaoError> {
    Ok([
        email_lower(database).await?,
        call_uuid(database).await?,
        recording_settled(database).await?,
        result(database).await?,
    ])
}

/// Stores the missing results of calls that have ended.
async fn result(database: &Database) -> Result<FilledIn, DaoError> {
    let calls = database.collection::<RawDocumentBuf>(CALLS);
    let mut found = calls
        .find(doc! {
            "result": Bson::Null,
            "$or": [{ "steps": { "$ne": Bson::Null } }, { "voicemail": { "$ne": Bson::Null } }],
        })
        .await?;
    let mut filled = FilledIn::new("calls.result");
    while found.advance().await? {
        let Ok(call) = deserialize_from_slice::<Call>(found.current().as_bytes()) else {
            continue;
        };
        let Some(result) = call.result() else {
            continue;
        };
        let as_read = doc! { "_id": call.id, "updated_at": call.updated_at };
        let change = doc! { "$set": { "result": result } };
        filled.count += calls.update_one(as_read, change).await?.modified_count;
    }
    Ok(filled)
}

/// Marks calls that have their recording as settled.
async fn recording_settled(database: &Database) -> Result<FilledIn, DaoError> {
    let calls = database.collection::<Document>(CALLS);
    let has_one = doc! { "recording_url": { "$gt": "" }, "recording_settled": Bson::Null };
    let settled = doc! { "$set": { "recording_settled": true } };
    let mut filled = FilledIn::new("calls.recording_settled");
    filled.count = calls.update_many(has_one, settled).await?.modified_count;
    Ok(filled)
}

/// Fills in `email_lower`. The server's own conversion is not used, because it handles only ASCII.
async fn email_lower(database: &Database) -> Result<FilledIn, DaoError> {
    let users = database.collection::<Document>(USERS);
    let mut found = users
        .find(doc! { "email_lower": { "$in": [Bson::Null, ""] }, "email": { "$gt": "" } })
        .projection(doc! { "email": 1 })
        .await?;
    let mut filled = FilledIn::new("users.email_lower");
    while found.advance().await? {
        let user = verbatim(found.current())?;
        let (Some(id), Ok(email)) = (user.get("_id"), user.get_str("email")) else {
            continue;
        };
        let unchanged = doc! { "_id": id, "email": email };
        let lower = doc! { "email_lower": email.to_lowercase() };
        let change = doc! { "$set": lower.clone() };
        match users
            .update_one(unchanged, change)
            .await
            .map_err(DaoError::from)
        {
            Ok(updated) => filled.count += updated.modified_count,
            Err(DaoError::Duplicate(_)) => {
                let other = users
                    .clone_with_type::<RawDocumentBuf>()
                    .find_one(lower)
                    .projection(doc! { "_id": 1 })
                    .await?;
                let other = other.as_deref().map(verbatim).transpose()?;
                let other = other.and_then(|user| user.get("_id").cloned());
                filled
                    .conflicts
                    .push([Some(id.clone()), other].into_iter().flatten().collect());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Fills in `call_uuid`. The earlier service stored only the `_id` of the call.
async fn call_uuid(database: &Database) -> Result<FilledIn, DaoError> {
    let calls = database.collection::<RawDocumentBuf>(CALLS);
    let recordings = database.collection::<Document>(RECORDINGS);
    let mut found = recordings
        .find(doc! { "call_uuid": Bson::Null })
        .projection(doc! { "call_id": 1 })
        .await?;
    let mut filled = FilledIn::new("recordings.call_uuid");
    while found.advance().await? {
        let recording = verbatim(found.current())?;
        let call_id = recording.get_str("call_id").unwrap_or_default();
        let Ok(id) = ObjectId::parse_str(call_id) else {
            continue;
        };
        let call = calls
            .find_one(doc! { "_id": id })
            .projection(doc! { "call_id": 1 })
            .await?;
        let Some(call_uuid) = call.as_ref().and_then(|call| call.get_str("call_id").ok()) else {
            continue;
        };
        let this = doc! { "_id": recording.get("_id") };
        let change = doc! { "$set": { "call_uuid": call_uuid } };
        filled.count += recordings.update_one(this, change).await?.modified_count;
    }
    Ok(filled)
}

impl FilledIn {
    fn new(field: &'static str) -> Self {
        Self {
            field,
            count: 0,
            conflicts: Vec::new(),
        }
    }
}
