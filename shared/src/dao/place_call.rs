//! The database's part in placing a call: whom it concerns, storing it, beginning and recording its dial, withdrawing it.

use mongodb::bson::{Bson, DateTime, Document, RawDocumentBuf, doc};
use serde::Deserialize;

use super::{
    BLOCKED_NUMBERS, COUNTERS, Dao, DaoError, USERS, dial_pipeline,
    dialing::{DialingSwitch, SWITCH},
    insert_once,
    stored::{self, find_one},
};
use crate::domain::{
    Call, CallStatus, DialOutcome, DialResult, Lane, PhoneNumber, User, UserId, WaitingFor,
};

/// Facts that decide whether a call may be placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callee {
    /// The user whom the call concerns.
    pub user: User,
    /// The spelling of the called number that is on the block list.
    pub blocked_as: Option<PhoneNumber>,
    /// The kill switch.
    pub dialing: DialingSwitch,
}

/// What the database returns for [`callee_stages`].
#[derive(Deserialize)]
pub(super) struct FoundCallee {
    user: RawDocumentBuf,
    blocked: Vec<RawDocumentBuf>,
    dialing: Vec<RawDocumentBuf>,
}

impl FoundCallee {
    /// Reads the facts about a number with these spellings.
    pub(super) fn read(&self, spellings: &[PhoneNumber]) -> Result<Callee, DaoError> {
        Ok(Callee {
            user: stored::read(USERS, &self.user)?,
            // An unreadable entry blocks as well.
            blocked_as: self.blocked.first().and_then(|entry| {
                let number = entry.get_str("number").ok();
                let is_it = |spelling: &&PhoneNumber| number == Some(spelling.as_str());
                spellings.iter().find(is_it).or(spellings.first()).cloned()
            }),
            dialing: DialingSwitch::of(self.dialing.first().map(AsRef::as_ref)),
        })
    }
}

/// The stages that look up a user, the spellings of a number on the block list, and the kill switch.
pub(super) fn callee_stages(id: UserId, spellings: &[PhoneNumber]) -> Vec<Document> {
    let looked_up: Vec<_> = spellings.iter().map(PhoneNumber::as_str).collect();
    let lookup = |collection: &str, value: &str, field: &str, name: &str| {
        doc! { "$lookup": { "from": collection, "localField": value, "foreignField": field, "as": name } }
    };
    vec![
        doc! { "$match": { "_id": id.object_id() } },
        doc! { "$project": {
            "_id": 0,
            "user": "$$ROOT",
            "spellings": { "$literal": looked_up },
            "switch": { "$literal": SWITCH },
        } },
        lookup(BLOCKED_NUMBERS, "spellings", "number", "blocked"),
        lookup(COUNTERS, "switch", "_id", "dialing"),
    ]
}

impl Dao {
    /// Returns the user with this id, which of the number's spellings is blocked, and the kill switch; `None` if there is no
    /// such user. One command, because a request has two connections and looks its idempotency key up concurrently.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn get_callee(
        &self,
        id: UserId,
        spellings: &[PhoneNumber],
    ) -> Result<Option<Callee>, DaoError> {
        let stages = callee_stages(id, spellings);
        self.with_timeout(|| async {
            let users = self.users().await?;
            let mut found = users
                .aggregate(stages.clone())
                .with_type::<FoundCallee>()
                .await?;
            if !found.advance().await? {
                return Ok(None);
            }
            found.deserialize_current()?.read(spellings).map(Some)
        })
        .await
    }

    /// Returns the call that was placed with this idempotency key ([`Call::idempotency_scope`]), or `None`.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn get_call_by_idempotency_scope(
        &self,
        scope: &str,
    ) -> Result<Option<Call>, DaoError> {
        self.find_call(doc! { "idempotency_scope": scope }).await
    }

    /// Stores a new call.
    ///
    /// # Errors
    ///
    /// [`DaoError::Duplicate`] if another call has its idempotency key, its `call_id` or its `twilio_sid`.
    pub async fn create_call(&self, call: &Call) -> Result<(), DaoError> {
        self.with_timeout(|| async { insert_once(&self.calls().await?, call.id, call).await })
            .await
    }

    /// Stores that the dial of a call begins: `dial_begun_at`, and the time until which it may take as `dial_deadline`.
    /// Returns the call with these changes, or `None` if it was withdrawn ([`Dao::withdraw_undialled`]).
    ///
    /// # Errors
    ///
    /// Any [`DaoError`]; the call must not be dialled then.
    pub async fn begin_dial(
        &self,
        call: &Call,
        dial_deadline: DateTime,
    ) -> Result<Option<Call>, DaoError> {
        let now = DateTime::now();
        let changes = doc! { "$set": {
            "dial_begun_at": now,
            "dial_deadline": dial_deadline,
            "updated_at": now,
        } };
        // The driver may repeat the update after it lost the response: our own time matches then.
        let undialled = doc! {
            "_id": call.id,
            "dial_outcome": DialOutcome::Pending.as_str(),
            "dial_begun_at": { "$in": [Bson::Null, Bson::DateTime(now)] },
        };
        let begun = self.with_timeout(|| async {
            let calls = self.calls().await?;
            let updated = calls.update_one(undialled.clone(), changes.clone()).await?;
            Ok(updated.matched_count > 0)
        });
        Ok(begun.await?.then(|| Call {
            dial_begun_at: Some(now),
            dial_deadline: Some(dial_deadline),
            updated_at: now,
            ..call.clone()
        }))
    }

    /// Deletes a call that its request has stored and will not dial: one whose dial is still pending, or one that still waits
    /// in the dial queue, whose dial has not begun.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn withdraw_call(&self, call: &Call) -> Result<(), DaoError> {
        if call.status == CallStatus::Scheduled {
            let waiting = doc! {
                "_id": call.id,
                "status": CallStatus::Scheduled.as_str(),
                "dial_outcome": Bson::Null,
            };
            return self
                .with_timeout(|| async {
                    self.calls().await?.delete_one(waiting.clone()).await?;
                    Ok(())
                })
                .await;
        }
        self.delete_pending(call, Document::new()).await?;
        Ok(())
    }

    /// Makes a stored call wait in the dial queue, because its request found no permit. Returns false if the call is gone.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn queue_call(&self, stored: &Call, waiting: &Call) -> Result<bool, DaoError> {
        let mut undialled =
            doc! { "_id": stored.id, "twilio_sid": Bson::Null, "dial_begun_at": Bson::Null };
        // The driver may repeat the update after it lost the response: the call waits already then.
        undialled.insert(
            "status",
            doc! { "$in": [stored.status.as_str(), waiting.status.as_str()] },
        );
        let changes = doc! {
            "$set": {
                "status": waiting.status.as_str(),
                "status_rank": waiting.status_rank,
                "lane": waiting.lane.as_ref().map(Lane::as_str),
                "due_at": waiting.due_at,
                "expires_at": waiting.expires_at,
                "waiting_for": waiting.waiting_for.map(WaitingFor::as_str),
                "answered_status": waiting.answered_status,
                "updated_at": waiting.updated_at,
            },
            "$unset": { "dial_outcome": "", "dial_deadline": "", "announces_dial": "" },
        };
        self.with_timeout(|| async {
            let calls = self.calls().await?;
            let updated = calls.update_one(undialled.clone(), changes.clone()).await?;
            Ok(updated.matched_count > 0)
        })
        .await
    }

    /// Deletes a call whose request has ended before it asked Twilio to dial ([`Call::is_undialled`]). Returns true if the call
    /// was still there and undialled. Its request can no longer begin to dial then.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn withdraw_undialled(&self, call: &Call) -> Result<bool, DaoError> {
        let undialled = doc! {
            "announces_dial": true,
            "dial_begun_at": Bson::Null,
            "hangup_requested": { "$ne": true },
        };
        self.delete_pending(call, undialled).await
    }

    async fn delete_pending(&self, call: &Call, filter: Document) -> Result<bool, DaoError> {
        let mut this = doc! { "_id": call.id, "dial_outcome": DialOutcome::Pending.as_str() };
        this.extend(filter);
        self.with_timeout(|| async {
            let deleted = self.calls().await?.delete_one(this.clone()).await?;
            Ok(deleted.deleted_count > 0)
        })
        .await
    }

    /// Records how our request to dial ended. Returns the call after that, or `None` if there is no such call. `call` is the
    /// call as it was stored: if it has not changed since, the result is known without reading it.
    ///
    /// A webhook may have arrived first, and then knows better. A call with a `CallSid` keeps it and can no longer be
    /// refused. Twilio's `queued` in the response gives way to the status in any webhook. `answered_status` is the HTTP status
    /// of our own response; `None` leaves the stored one, of a call that waited in the dial queue. A call that Twilio has not
    /// taken loses its idempotency key in the same update.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn record_dial(
        &self,
        call: &Call,
        result: &DialResult,
        answered_status: Option<u16>,
    ) -> Result<Option<Call>, DaoError> {
        let answered = answered_status.map(i32::from).or(call.answered_status);
        self.with_timeout(|| async {
            let calls = self.calls().await?;
            if let Some(expected) = recorded(call, result, answered)
                && calls
                    .update_one(as_stored(call), changes_to(&expected))
                    .await?
                    .matched_count
                    > 0
            {
                return Ok(Some(expected));
            }
            let this = doc! { "_id": call.id };
            let stages = dial_pipeline::record(result, answered_status)?;
            calls.update_one(this.clone(), stages).await?;
            find_one(&calls, this).await
        })
        .await
    }
}

/// The call after its dial is recorded, without changes by others. `None` for a refusal, which changes more than this struct, and
/// for an end, which may have effects.
fn recorded(call: &Call, result: &DialResult, answered_status: Option<i32>) -> Option<Call> {
    let (twilio_sid, status, outcome) = match result {
        DialResult::Accepted { sid, status } => (Some(sid.clone()), *status, DialOutcome::Accepted),
        DialResult::Unknown(_) => (None, None, DialOutcome::Unknown),
        DialResult::Refused(_) | DialResult::NotTaken(_) => return None,
    };
    let status = status.unwrap_or(call.status);
    if status.is_terminal() {
        return None;
    }
    Some(Call {
        twilio_sid,
        status,
        status_rank: status.rank(),
        dial_outcome: Some(outcome),
        answered_status,
        updated_at: DateTime::now(),
        ..call.clone()
    })
}

/// The filter that finds the call only if it is unchanged. Every change sets one of these fields: a webhook with the `CallSid`
/// settles the outcome, and a requested hang-up sets `hangup_requested`.
fn as_stored(call: &Call) -> Document {
    doc! {
        "_id": call.id,
        "updated_at": call.updated_at,
        "dial_outcome": DialOutcome::Pending.as_str(),
        "hangup_requested": { "$ne": true },
    }
}

fn changes_to(expected: &Call) -> Document {
    let mut changes = doc! {
        "dial_outcome": expected.dial_outcome.map(DialOutcome::as_str),
        "answered_status": expected.answered_status,
        "updated_at": expected.updated_at,
    };
    if let Some(sid) = &expected.twilio_sid {
        changes.insert("twilio_sid", sid.as_str());
        changes.insert("status", expected.status.as_str());
        changes.insert("status_rank", expected.status_rank);
    }
    doc! { "$set": changes }
}
