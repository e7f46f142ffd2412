//! Admission of a new call: what the database acknowledges before Twilio is asked to dial, and how a failed admission is
//! undone.

use std::time::Duration;

use mongodb::bson::{Bson, DateTime, Document, doc};
use tokio::time::{Instant, sleep};

use super::{CapCheck, DailyCaps, Dao, DaoError, within};
use crate::domain::{Call, DialOutcome};

/// How often a call with an idempotency key is counted again after it met a cap.
const AGAIN: u32 = 3;
/// How long repeats of a request may take to give back what they have counted.
const REPEATS_GIVE_BACK: Duration = Duration::from_millis(100);
/// How long undoing may take after the deadline of the admission: the API promises a 503 within 5 s.
const UNDO_BUDGET: Duration = Duration::from_millis(700);

impl Dao {
    /// Stores a new call and counts it in the caps of its day ([`Dao::take_calls`]), concurrently. A call without an
    /// idempotency key may be dialled if the result is [`CapCheck::Admitted`]; one with a key after [`Dao::begin_dial`] too.
    ///
    /// Repeats under one idempotency key count until they find their key taken. So a call with a key that meets a cap is
    /// counted again a few times.
    ///
    /// # Errors
    ///
    /// [`DaoError::Duplicate`] as [`Dao::create_call`]; [`DaoError::Unavailable`] if the database has not acknowledged
    /// both by the deadline. Every result but [`CapCheck::Admitted`] undoes the admission, within 0.7 s after the deadline.
    pub async fn admit_call(
        &self,
        call: &Call,
        caps: DailyCaps,
        deadline: Instant,
    ) -> Result<CapCheck, DaoError> {
        let count = || within(deadline, self.take_calls(call, caps));
        let store = within(deadline, self.create_call(call));
        let (stored, mut taken) = tokio::join!(store, count());
        if stored.is_ok() && call.idempotency_scope.is_some() {
            for _ in 0..AGAIN {
                if !is_capped(&taken) {
                    break;
                }
                sleep(REPEATS_GIVE_BACK).await;
                taken = count().await;
            }
        }
        let admitted = stored.and(taken);
        if !matches!(admitted, Ok(CapCheck::Admitted)) {
            // Boxed: rare, and as large as the rest.
            Box::pin(self.undo_admission(call, !is_capped(&admitted), deadline)).await;
        }
        admitted
    }

    /// Stores that the dial of an admitted call begins: `dial_begun_at`, and how long it may take as `dial_deadline`.
    /// Returns the call as it is then, or `None` if somebody has withdrawn it meanwhile ([`Dao::withdraw_undialled`]): it
    /// must not be dialled.
    ///
    /// # Errors
    ///
    /// [`DaoError::Unavailable`] if the database has not acknowledged it by the deadline. The call must not be dialled; its
    /// admission is undone as [`Dao::admit_call`] does.
    pub async fn begin_dial(
        &self,
        call: &Call,
        dial_deadline: DateTime,
        deadline: Instant,
    ) -> Result<Option<Call>, DaoError> {
        let now = DateTime::now();
        let changes = doc! { "$set": {
            "dial_begun_at": now,
            "dial_deadline": dial_deadline,
            "updated_at": now,
        } };
        // Our own time, where the driver repeats the update after its answer was lost.
        let undialled = doc! {
            "_id": call.id,
            "dial_outcome": DialOutcome::Pending.as_str(),
            "dial_begun_at": { "$in": [Bson::Null, Bson::DateTime(now)] },
        };
        let begin = self.with_timeout(|| async {
            let calls = self.calls().await?;
            let updated = calls.update_one(undialled.clone(), changes.clone()).await?;
            Ok(updated.matched_count > 0)
        });
        let begun = within(deadline, begin).await;
        if begun.is_err() {
            Box::pin(self.undo_admission(call, true, deadline)).await;
        }
        Ok(begun?.then(|| Call {
            dial_begun_at: Some(now),
            dial_deadline: Some(dial_deadline),
            updated_at: now,
            ..call.clone()
        }))
    }

    /// Deletes a call that was stored and will not be dialled.
    ///
    /// # Errors
    ///
    /// When the database is away.
    pub async fn withdraw_call(&self, call: &Call) -> Result<(), DaoError> {
        self.delete_pending(call, Document::new()).await?;
        Ok(())
    }

    /// Deletes a call whose request has ended before it asked Twilio to dial ([`Call::is_undialled`]), and gives it back to
    /// the caps. Returns whether it was still there and undialled; then its request can't begin to dial any more.
    ///
    /// # Errors
    ///
    /// When the database is away.
    pub async fn withdraw_undialled(&self, call: &Call) -> Result<bool, DaoError> {
        let undialled = doc! {
            "announces_dial": true,
            "dial_begun_at": Bson::Null,
            "hangup_requested": { "$ne": true },
        };
        let is_withdrawn = self.delete_pending(call, undialled).await?;
        if is_withdrawn {
            self.give_back_calls(call).await?;
        }
        Ok(is_withdrawn)
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

    /// Undoes what the request that stored the call has done, which will not dial it.
    ///
    /// Commands of the admission that the database has not acknowledged may still be applied later. A late count has no
    /// effect then; a late insert leaves an undialled call, for a repeat or the reconciler to withdraw.
    async fn undo_admission(&self, call: &Call, may_be_counted: bool, deadline: Instant) {
        let give_back = async {
            if may_be_counted {
                self.give_back_calls(call).await?;
            }
            Ok(())
        };
        let undoing = async {
            let (withdrawn, given_back) = tokio::join!(self.withdraw_call(call), give_back);
            withdrawn.and(given_back)
        };
        if let Err(error) = within(deadline + UNDO_BUDGET, undoing).await {
            tracing::warn!(%error, "admission not undone; the call is never dialled");
        }
    }
}

fn is_capped(taken: &Result<CapCheck, DaoError>) -> bool {
    matches!(
        taken,
        Ok(CapCheck::UserCapReached | CapCheck::NumberCapReached | CapCheck::CapReached)
    )
}
