//! Calls that wait to be answered: Twilio has them in its queue, rings them, or may do so soon.

use mongodb::{
    Database,
    bson::{Bson, DateTime, Document, RawBsonRef, RawDocument, RawDocumentBuf, doc},
};

use crate::{
    dao::{CALLS, DaoError, ERASED_AT, with_deadline},
    domain::{CallId, CallSid, CallStatus},
};

/// A call that waits.
pub struct WaitingCall {
    /// The `_id` as text, for messages and as a key.
    pub id: String,
    /// The public id, or `None` if it can't be read.
    pub call_id: Option<CallId>,
    /// Twilio's id.
    pub sid: StoredSid,
    /// The time until which the request that placed the call may store its `CallSid`.
    pub dial_deadline: Option<DateTime>,
}

/// The stored `CallSid` of a call.
pub enum StoredSid {
    /// Twilio has not named the call yet.
    Absent,
    /// Twilio's id.
    Known(CallSid),
    /// The stored value isn't a `CallSid`.
    Unreadable,
}

/// Lists every call whose status is `initiated`, `queued` or `ringing`.
///
/// # Errors
///
/// Any [`DaoError`].
pub async fn list(database: &Database) -> Result<Vec<WaitingCall>, DaoError> {
    let statuses = [
        CallStatus::Initiated,
        CallStatus::Queued,
        CallStatus::Ringing,
    ]
    .map(CallStatus::as_str);
    let mut found = database
        .collection::<RawDocumentBuf>(CALLS)
        .find(doc! { "status": { "$in": statuses.to_vec() }, ERASED_AT: Bson::Null })
        .projection(doc! { "call_id": 1, "twilio_sid": 1, "dial_deadline": 1 })
        .await?;
    let mut calls = Vec::new();
    while found.advance().await? {
        calls.push(WaitingCall::read(found.current()));
    }
    Ok(calls)
}

/// Counts the calls in progress, within the deadline of a DAO call.
///
/// # Errors
///
/// Any [`DaoError`].
pub async fn count_in_progress(database: &Database) -> Result<u64, DaoError> {
    let in_progress = doc! { "status": CallStatus::InProgress.as_str(), ERASED_AT: Bson::Null };
    with_deadline(async {
        let calls = database.collection::<Document>(CALLS);
        Ok(calls.count_documents(in_progress).await?)
    })
    .await
}

impl WaitingCall {
    fn read(document: &RawDocument) -> Self {
        let id = document.get("_id").ok().flatten();
        let id = id.and_then(|id| Bson::try_from(id).ok());
        let sid = match document.get("twilio_sid") {
            Ok(None | Some(RawBsonRef::Null | RawBsonRef::String(""))) => StoredSid::Absent,
            Ok(Some(RawBsonRef::String(sid))) => {
                sid.parse().map_or(StoredSid::Unreadable, StoredSid::Known)
            }
            Ok(Some(_)) | Err(_) => StoredSid::Unreadable,
        };
        Self {
            id: id.map_or("without an _id".to_owned(), |id| id.to_string()),
            call_id: document
                .get_str("call_id")
                .ok()
                .and_then(|id| id.parse().ok()),
            sid,
            dial_deadline: document.get_datetime("dial_deadline").ok(),
        }
    }
}
