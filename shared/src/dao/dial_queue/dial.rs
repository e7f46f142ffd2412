//! A dial from the queue: the compare-and-set before it, and giving the call back.

use std::time::Duration;

use mongodb::{
    bson::{Bson, DateTime, Document, RawDocumentBuf, bson, doc},
    options::ReturnDocument,
};

use super::waiting;
use crate::{
    dao::{
        CALLS, Dao, DaoError, stored,
        updates::{by_id, server_now},
    },
    domain::{Call, CallId, CallStatus, DialOutcome, Lane, WaitingFor},
};

/// The condition that a waiting call may be dialled under this lease now. Also the guard against dialling twice.
fn may_begin(call: &Call, lease_id: &str) -> Document {
    let mut this = doc! {
        "_id": call.id,
        "lease_id": lease_id,
        "hangup_requested": { "$ne": true },
        "$expr": { "$and": [
            { "$lte": ["$due_at", server_now()] },
            { "$gt": ["$expires_at", server_now()] },
        ] },
    };
    this.extend(waiting());
    this
}

impl Dao {
    /// Returns a waiting call if it is under this lease. `None`: another claim has it, or it waits no longer.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`]; [`DaoError::Internal`] if the document cannot be read.
    pub async fn get_leased_call(
        &self,
        id: CallId,
        lease_id: &str,
    ) -> Result<Option<Call>, DaoError> {
        let mut leased = by_id(id);
        leased.insert("lease_id", lease_id);
        leased.extend(waiting());
        self.find_call(leased).await
    }

    /// Begins the dial of a call under this lease, and returns it as it is stored now. `None`: it must not be dialled. The
    /// call's `counted_on` and `counted_as` are stored with it; the latter, random for each dial, also recognizes our own update
    /// if its response was lost.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`]; the call must not be dialled then.
    pub async fn begin_queued_dial(
        &self,
        call: &Call,
        lease_id: &str,
        may_take: Duration,
    ) -> Result<Option<Call>, DaoError> {
        let filter = may_begin(call, lease_id);
        let may_take_ms = i64::try_from(may_take.as_millis()).unwrap_or(i64::MAX);
        let changes = vec![
            doc! { "$set": {
                "status": CallStatus::Initiated.as_str(),
                "status_rank": CallStatus::Initiated.rank(),
                "dial_outcome": DialOutcome::Pending.as_str(),
                "dial_begun_at": "$$NOW",
                "dial_deadline": { "$add": [server_now(), may_take_ms] },
                "counted_on": call.counted_on.as_deref(),
                "counted_as": call.counted_as,
                "updated_at": "$$NOW",
            } },
            doc! { "$unset": ["lease_id", "lease_until", "waiting_for"] },
        ];
        let ours = doc! {
            "_id": call.id,
            "counted_as": call.counted_as,
            "dial_outcome": DialOutcome::Pending.as_str(),
        };
        self.with_timeout(|| async {
            let calls = self.calls().await?.clone_with_type::<RawDocumentBuf>();
            let begun = calls
                .find_one_and_update(filter.clone(), changes.clone())
                .return_document(ReturnDocument::After)
                .await?;
            // A repeat by the driver, after a lost response, finds that the first one has begun the dial.
            let begun = match begun {
                Some(begun) => Some(begun),
                None => calls.find_one(ours.clone()).await?,
            };
            begun.map(|call| stored::read(CALLS, &call)).transpose()
        })
        .await
    }

    /// Ends the lease of a waiting call without a dial. It is due again at `due_at`, or still, if that is `None`.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`]; the lease ends by itself then.
    pub async fn give_back(
        &self,
        call: &Call,
        lease_id: &str,
        due_at: Option<DateTime>,
        waiting_for: WaitingFor,
    ) -> Result<(), DaoError> {
        let mut leased = doc! { "_id": call.id, "lease_id": lease_id };
        leased.extend(waiting());
        let changes = back_in_queue(call, due_at, waiting_for);
        self.with_timeout(|| async {
            let calls = self.calls().await?;
            calls.update_one(leased.clone(), changes.clone()).await?;
            Ok(())
        })
        .await
    }

    /// Returns a call to the queue whose dial has begun, and of which Twilio certainly knows nothing. Returns the call as it
    /// waits now; `None` if Twilio may know it after all, because a webhook has come, or if a client wants to hang up.
    ///
    /// A call that has not waited before gets the lane, the end and the answer that `call` has.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn return_to_queue(
        &self,
        call: &Call,
        due_at: DateTime,
        waiting_for: WaitingFor,
    ) -> Result<Option<Call>, DaoError> {
        let untaken = doc! {
            "_id": call.id,
            "status": CallStatus::Initiated.as_str(),
            "dial_outcome": DialOutcome::Pending.as_str(),
            "counted_as": call.counted_as,
            "twilio_sid": { "$in": [Bson::Null, ""] },
            "events": { "$in": [Bson::Null, Bson::Array(Vec::new())] },
            "hangup_requested": { "$ne": true },
        };
        let changes = back_in_queue(call, Some(due_at), waiting_for);
        // The driver may repeat the update after it lost the response: the call waits already then.
        let back = doc! { "_id": call.id, "status": CallStatus::Scheduled.as_str(), "counted_as": Bson::Null };
        self.with_timeout(|| async {
            let calls = self.calls().await?.clone_with_type::<RawDocumentBuf>();
            let returned = calls
                .find_one_and_update(untaken.clone(), changes.clone())
                .return_document(ReturnDocument::After)
                .await?;
            let returned = match returned {
                Some(returned) => Some(returned),
                None => calls.find_one(back.clone()).await?,
            };
            returned.map(|call| stored::read(CALLS, &call)).transpose()
        })
        .await
    }
}

/// The pipeline that makes a call wait again. It is due no later than it expires, so that the dispatcher finds it then.
fn back_in_queue(call: &Call, due_at: Option<DateTime>, waiting_for: WaitingFor) -> Vec<Document> {
    let due_at = due_at.map_or_else(
        || Bson::from("$due_at"),
        |at| bson!({ "$min": [at, { "$ifNull": ["$expires_at", call.expires_at] }] }),
    );
    let mut changes = doc! {
        "status": CallStatus::Scheduled.as_str(),
        "status_rank": CallStatus::Scheduled.rank(),
        "due_at": due_at,
        "waiting_for": waiting_for.as_str(),
        "updated_at": "$$NOW",
    };
    changes.extend(as_waiting(call));
    vec![
        doc! { "$set": changes },
        doc! { "$unset": [
            "lease_id", "lease_until", "dial_outcome", "dial_begun_at", "dial_deadline", "announces_dial",
            "counted_on", "counted_as",
        ] },
    ]
}

/// The fields that an immediate call lacks while it does not wait.
fn as_waiting(call: &Call) -> Document {
    let lane = call.lane.as_ref().map(Lane::as_str).map(Bson::from);
    let expires_at = call.expires_at.map(Bson::from);
    let answered = call.answered_status.map(Bson::from);
    [
        ("lane", lane),
        ("expires_at", expires_at),
        ("answered_status", answered),
    ]
    .into_iter()
    .filter_map(|(field, value)| {
        let stored_first = vec![Bson::from(format!("${field}")), value?];
        Some((field.to_owned(), doc! { "$ifNull": stored_first }.into()))
    })
    .collect()
}
