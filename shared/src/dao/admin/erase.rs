//! Erasing a person: the user, their calls and recordings, and the reasons noted at blocked numbers.
//!
//! A user's calls are found by `user_id`, which an erased call no longer has. So an erasure that was interrupted can be
//! repeated.

use mongodb::{
    Database,
    bson::{DateTime, Document, RawDocumentBuf, deserialize_from_document, doc, oid::ObjectId},
};

use super::document::{StoredDocument, StoredDocuments};
use crate::{
    dao::{
        BLOCKED_NUMBERS, CALLS, DaoError, ERASED_AT, RECORDINGS, TRANSCRIPTS, USERS, dial_queue,
        stored::verbatim,
    },
    domain::{Call, CallId, CallStatus, EventSource, StatusReason, UserId},
};

/// The fields that an erased call keeps, if they can be read. All others go, also those that later versions add.
const KEPT: [&str; 19] = [
    "from_number",
    "status",
    "status_rank",
    "dial_outcome",
    "answered_status",
    "error_code",
    "error_status",
    "duration_seconds",
    "answered_by",
    "sip_response_code",
    "delivery",
    "events",
    "events_dropped",
    "recording_enabled",
    "created_at",
    "batch_id",
    "attempt",
    "status_reason",
    "voicemail_left",
];

/// Returns the stored user, or `None` if the user doesn't exist.
///
/// # Errors
///
/// Any [`DaoError`].
pub async fn find_user(
    database: &Database,
    id: UserId,
) -> Result<Option<StoredDocument>, DaoError> {
    let users = database.collection::<RawDocumentBuf>(USERS);
    let user = users.find_one(doc! { "_id": id.object_id() }).await?;
    Ok(user.map(StoredDocument::from))
}

/// Deletes the user.
///
/// # Errors
///
/// Any [`DaoError`].
pub async fn delete_user(database: &Database, id: UserId) -> Result<(), DaoError> {
    let users = database.collection::<Document>(USERS);
    users.delete_one(doc! { "_id": id.object_id() }).await?;
    Ok(())
}

/// Finds the calls of the user that are not erased. In no particular order: an erased call leaves the index that a sorted
/// query would walk along.
///
/// # Errors
///
/// Any [`DaoError`].
pub async fn find_calls(database: &Database, user: UserId) -> Result<StoredDocuments, DaoError> {
    let calls = database.collection::<RawDocumentBuf>(CALLS);
    Ok(StoredDocuments::new(calls.find(of_user(user)).await?))
}

/// Counts what [`find_calls`] finds.
///
/// # Errors
///
/// Any [`DaoError`].
pub async fn count_calls(database: &Database, user: UserId) -> Result<u64, DaoError> {
    let calls = database.collection::<Document>(CALLS);
    Ok(calls.count_documents(of_user(user)).await?)
}

/// Cancels the user's calls that wait, and keeps the others from a next attempt.
///
/// # Errors
///
/// Any [`DaoError`].
pub async fn cancel_calls(database: &Database, user: UserId) -> Result<(), DaoError> {
    let calls = database.collection::<RawDocumentBuf>(CALLS);
    // First, so that no next attempt is made after the others are canceled.
    let mut retried = of_user(user);
    retried.insert("effects_open", true);
    let unwanted = doc! { "$set": { "hangup_requested": true } };
    calls.update_many(retried, unwanted).await?;
    let mut waiting = of_user(user);
    waiting.extend(dial_queue::waiting());
    let status = CallStatus::Canceled;
    let reason = StatusReason::Requested.as_str();
    let canceled = dial_queue::end(status, EventSource::Api, Some(reason))?;
    let mut found = calls.find(waiting).projection(doc! { "_id": 1 }).await?;
    let mut ids = Vec::new();
    while found.advance().await? {
        ids.extend(verbatim(found.current())?.remove("_id"));
    }
    dial_queue::end_these(&calls, ids, None, status, &canceled).await?;
    Ok(())
}

fn of_user(user: UserId) -> Document {
    doc! { "user_id": user.to_string() }
}

/// Counts the recordings of the call with this `_id`.
///
/// # Errors
///
/// Any [`DaoError`].
pub async fn count_recordings(database: &Database, call: ObjectId) -> Result<u64, DaoError> {
    let recordings = database.collection::<Document>(RECORDINGS);
    Ok(recordings.count_documents(of_call(call)).await?)
}

/// Returns Twilio's ids of the recordings of the call with this `_id`, as they are stored.
///
/// # Errors
///
/// Any [`DaoError`].
pub async fn recording_sids(database: &Database, call: ObjectId) -> Result<Vec<String>, DaoError> {
    let recordings = database.collection::<RawDocumentBuf>(RECORDINGS);
    let mut found = recordings.find(of_call(call)).await?;
    let mut sids = Vec::new();
    while found.advance().await? {
        let sid = found.current().get_str("twilio_sid").ok();
        sids.extend(sid.map(str::to_owned));
    }
    Ok(sids)
}

/// Deletes our records of the recordings of the call with this `_id`.
///
/// # Errors
///
/// Any [`DaoError`].
pub async fn delete_recordings(database: &Database, call: ObjectId) -> Result<(), DaoError> {
    let recordings = database.collection::<Document>(RECORDINGS);
    recordings.delete_many(of_call(call)).await?;
    Ok(())
}

/// Returns Twilio's ids of the transcripts of the call with this `_id`, as they are stored.
///
/// # Errors
///
/// Any [`DaoError`].
pub async fn transcript_sids(database: &Database, call: ObjectId) -> Result<Vec<String>, DaoError> {
    let transcripts = database.collection::<RawDocumentBuf>(TRANSCRIPTS);
    let mut found = transcripts.find(of_call(call)).await?;
    let mut sids = Vec::new();
    while found.advance().await? {
        let sid = found.current().get_str("twilio_sid").ok();
        sids.extend(sid.map(str::to_owned));
    }
    Ok(sids)
}

/// Deletes the transcripts of the call with this `_id`.
///
/// # Errors
///
/// Any [`DaoError`].
pub async fn delete_transcripts(database: &Database, call: ObjectId) -> Result<(), DaoError> {
    let transcripts = database.collection::<Document>(TRANSCRIPTS);
    transcripts.delete_many(of_call(call)).await?;
    Ok(())
}

fn of_call(call: ObjectId) -> Document {
    doc! { "call_id": call.to_hex() }
}

/// Removes the reason from the blocked numbers with one of these spellings. The numbers stay blocked.
///
/// # Errors
///
/// Any [`DaoError`].
pub async fn remove_block_reasons(database: &Database, spellings: &[&str]) -> Result<(), DaoError> {
    let blocked = database.collection::<Document>(BLOCKED_NUMBERS);
    let change = doc! { "$unset": { "reason": "" } };
    let these = doc! { "number": { "$in": spellings } };
    blocked.update_many(these, change).await?;
    Ok(())
}

/// Makes the call anonymous: it keeps its facts and the `country` of its number, and gets a new `call_id` and empty texts.
///
/// # Errors
///
/// Any [`DaoError`].
pub async fn erase_call(
    database: &Database,
    call: &StoredDocument,
    country: Option<String>,
) -> Result<(), DaoError> {
    let facts = readable_facts(call);
    // The required fields of a call must still be there.
    let mut marks = doc! {
        "call_id": CallId::generate().to_string(),
        "user_id": "",
        "to_number": "",
        "script": "",
        "country": country,
        "recording_settled": true,
        ERASED_AT: "$$NOW",
        "updated_at": "$$NOW",
    };
    if !facts.contains_key("status") {
        marks.insert("status", CallStatus::Failed.as_str());
        marks.insert("status_rank", CallStatus::Failed.rank());
    }
    for (fact, value) in [("from_number", ""), ("created_at", "$$NOW")] {
        if !facts.contains_key(fact) {
            marks.insert(fact, value);
        }
    }
    let stages = vec![doc! { "$project": facts }, doc! { "$set": marks }];
    let calls = database.collection::<Document>(CALLS);
    calls
        .update_one(doc! { "_id": call.value("_id") }, stages)
        .await?;
    Ok(())
}

/// Returns the projection to the facts that can be read. A value that no call could have may name a person.
fn readable_facts(call: &StoredDocument) -> Document {
    let bare = doc! {
        "_id": ObjectId::new(),
        "call_id": CallId::generate().to_string(),
        "user_id": "",
        "to_number": "",
        "from_number": "",
        "status": CallStatus::Failed.as_str(),
        "script": "",
        "created_at": DateTime::MIN,
        "updated_at": DateTime::MIN,
    };
    let mut facts = doc! { "_id": 1 };
    for fact in KEPT {
        let Some(value) = call.value(fact) else {
            continue;
        };
        let mut with_fact = bare.clone();
        with_fact.insert(fact, value);
        if deserialize_from_document::<Call>(with_fact).is_ok_and(|call| has_known_words(&call)) {
            facts.insert(fact, 1);
        }
    }
    facts
}

/// Returns true if this version knows the words for the status and the events. Others read as unknown, but may name a person.
fn has_known_words(call: &Call) -> bool {
    let mut events = call.events.iter();
    call.status != CallStatus::Unknown
        && events.all(|event| {
            event.status != CallStatus::Unknown && event.source != EventSource::Unknown
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_readable_facts_are_kept() {
        let call = doc! {
            "status": "Ada",
            "duration_seconds": 17,
            "answered_by": { "$oid": "Ada" },
            "error_code": "Ada",
            "events": [{ "status": "ringing", "at": "noon", "source": "twilio" }],
            "created_at": DateTime::now(),
            "script": "Hello, Ada.",
        };
        let kept = readable_facts(&RawDocumentBuf::try_from(&call).unwrap().into());
        assert_eq!(
            kept,
            doc! { "_id": 1, "duration_seconds": 1, "created_at": 1 }
        );
    }
}
