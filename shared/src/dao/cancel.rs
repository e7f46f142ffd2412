//! Ending calls for clients, and what would follow them: a waiting call is canceled, another one is hung up as soon as its
//! `CallSid` is known, and an ended one gets no next attempt.

use mongodb::bson::{Bson, Document, bson, doc};

use super::{
    Dao, DaoError,
    dial_queue::end,
    effects::is_pending,
    stored::find_one_and_update,
    updates::{by_id, if_else, sid_is_absent},
};
use crate::domain::{
    Call, CallId, CallStatus, EffectKind, EventSource, RetryRequest, StatusReason,
};

/// The effect of a client's request on a call that does not wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// No next attempt after its end, if it has ended.
    Cancel,
    /// Also its end, as soon as its `CallSid` is known.
    HangUp,
    /// No next attempt. The caller then asks Twilio to end the call.
    NoRetry,
}

/// A call after a client ended it, and the later attempt that was reached through it.
#[derive(Debug, Clone, PartialEq)]
pub struct Cancellation {
    /// The call.
    pub call: Call,
    /// The last attempt after it, if there is one.
    pub later: Option<Call>,
}

impl Cancellation {
    /// The last attempt: the call itself, or one after it.
    #[must_use]
    pub fn last(&self) -> &Call {
        self.later.as_ref().unwrap_or(&self.call)
    }

    /// Returns true if a client's wish, now or before, has ended what would follow: the last attempt was canceled while it
    /// waited, or it has ended and has no next one.
    #[must_use]
    pub fn is_canceled(&self) -> bool {
        let last = self.last();
        let was_not_taken = !last.was_dialled() || last.status_reason.is_some();
        let has_waited = last.status == CallStatus::Canceled && was_not_taken;
        let has_ended = last.status.is_terminal() && last.retry.is_some() && last.hangup_requested;
        has_waited || has_ended
    }
}

impl Dao {
    /// Cancels a waiting call for a client; or keeps an ended one from a next attempt. Returns the call after that, whether it
    /// waited or not, or `None`.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn cancel_call(&self, id: CallId) -> Result<Option<Call>, DaoError> {
        self.end_for_client(id, Wish::Cancel).await
    }

    /// [`Dao::cancel_call`], and requests a hang-up as soon as the `CallSid` is known, unless it is known. Returns the call
    /// after that, or `None`.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn request_hangup(&self, id: CallId) -> Result<Option<Call>, DaoError> {
        self.end_for_client(id, Wish::HangUp).await
    }

    /// Ends a call for a client, and the waiting attempt after it. Returns `None` if there is no such call.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`]. Some attempts may have ended.
    pub async fn end_series(
        &self,
        id: CallId,
        wish: Wish,
    ) -> Result<Option<Cancellation>, DaoError> {
        let Some(call) = self.end_for_client(id, wish).await? else {
            return Ok(None);
        };
        let mut ended = Cancellation { call, later: None };
        for _ in 0..RetryRequest::MAX_ATTEMPTS {
            // Only an ended call has a next attempt. It is linked before it can be dialled.
            let Some(next) = ended.last().next_call_id else {
                break;
            };
            let Some(later) = self.cancel_call(next).await? else {
                break;
            };
            ended.later = Some(later);
        }
        Ok(Some(ended))
    }

    async fn end_for_client(&self, id: CallId, wish: Wish) -> Result<Option<Call>, DaoError> {
        let mut stages = end(
            CallStatus::Canceled,
            EventSource::Api,
            Some(StatusReason::Requested.as_str()),
        )?;
        stages.push(store_wish(wish));
        self.with_timeout(|| async {
            find_one_and_update(&self.calls().await?, by_id(id), stages.clone()).await
        })
        .await
    }
}

/// The stage that stores the wish as `hangup_requested`. It follows the one that cancels a waiting call.
fn store_wish(wish: Wish) -> Document {
    let active = CallStatus::ACTIVE.map(CallStatus::as_str).to_vec();
    let is_active = bson!({ "$in": ["$status", active] });
    let of_active = match wish {
        Wish::Cancel => Bson::from(false),
        Wish::HangUp => bson!({ "$and": [is_active, sid_is_absent()] }),
        Wish::NoRetry => bson!({ "$and": [is_active, { "$eq": ["$effects_open", true] }] }),
    };
    let is_wished = bson!({ "$or": [of_active, may_be_followed()] });
    doc! { "$set": {
        "hangup_requested": if_else(is_wished.clone(), true, "$hangup_requested"),
        "updated_at": if_else(is_wished, "$$NOW", "$updated_at"),
    } }
}

/// Matches an ended call that may still get a next attempt: its end has a pending effect, or it was only given up.
fn may_be_followed() -> Bson {
    let was_given_up = bson!({ "$eq": ["$status_rank", CallStatus::GIVEN_UP_RANK] });
    let is_pending = is_pending(EffectKind::NextAttempt);
    let is_unlinked = bson!({ "$eq": [{ "$ifNull": ["$next_call_id", ""] }, ""] });
    bson!({ "$and": [
        { "$eq": ["$effects_open", true] },
        is_unlinked,
        { "$or": [was_given_up, is_pending] },
    ] })
}
