//! Storing a new call, beginning its dial, and withdrawing it.

use mongodb::bson::{Bson, DateTime, Document, doc};

use super::{Dao, DaoError, insert_once};
use crate::domain::{Call, CallStatus, DialOutcome, Lane, WaitingFor};

impl Dao {
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
}
