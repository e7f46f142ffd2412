//! Updates of a call that Twilio causes: status callbacks, and answers of its REST API.

use mongodb::bson::{Document, RawDocumentBuf, doc};
use serde::de::DeserializeOwned;

use super::{
    CALLS, Dao, DaoError, DuplicateKey, effects, status_pipeline,
    updates::{by_id, by_sid, learn_sid_stage},
    with_deadline,
};
use crate::domain::{CallId, CallSid, CallStatus, StatusUpdate};

/// The effect of an update from Twilio on a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// The call has changed.
    Changed,
    /// The update was known already. Nothing has changed.
    Duplicate,
    /// There is no such call.
    UnknownCall,
    /// The call has another `CallSid`, or another call has this one: Twilio may have dialled twice. Nothing has changed.
    OtherCall,
}

/// The effect of a status callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusOutcome {
    /// The effect on the call.
    pub applied: Applied,
    /// True if the caller must hang up: a hang-up was requested before the `CallSid` was known, and this callback has brought it.
    /// Always false once the call was answered, because `voice` then hangs up.
    pub hangup_waits: bool,
    /// True if the call has effects that are still to be done. Only an answer and an end tell.
    pub has_effects: bool,
}

impl Dao {
    /// Applies a status to the call with this `call_id` or, without such a call, with the update's `CallSid`.
    ///
    /// Any order and any repetition of updates ends in the same call: a lower status never replaces a higher one, and a repeated
    /// callback changes nothing.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`]. Both look-ups together have the time of one.
    pub async fn apply_status(
        &self,
        id: Option<CallId>,
        update: &StatusUpdate,
    ) -> Result<StatusOutcome, DaoError> {
        with_deadline(async {
            if let Some(id) = id {
                let outcome = self.apply_status_by_id(id, update).await?;
                if outcome.applied != Applied::UnknownCall {
                    return Ok(outcome);
                }
            }
            let sid = &update.call_sid;
            Ok(StatusOutcome {
                applied: self.update_call_by_twilio_sid(sid, update).await?,
                hangup_waits: false,
                has_effects: false,
            })
        })
        .await
    }

    /// Sends its statements in one round trip. The second is the whole update. The first only stores the `CallSid`: so two changes
    /// mean that this callback has brought it. After an answer or the end of a call, a third one changes nothing and matches a call
    /// with effects.
    async fn apply_status_by_id(
        &self,
        id: CallId,
        update: &StatusUpdate,
    ) -> Result<StatusOutcome, DaoError> {
        let mut statements = vec![
            doc! { "q": by_id(id), "u": [learn_sid_stage(&update.call_sid)] },
            doc! { "q": by_id(id), "u": status_pipeline::apply(update)? },
        ];
        if update.status.is_terminal() || update.status.is_answer() {
            statements.push(effects::statement(id));
        }
        let updated = self.update_in_order(CALLS, statements).await?;
        let updated = match updated.without_duplicate() {
            Err(DaoError::Duplicate(DuplicateKey::CallSid)) => {
                return Ok(StatusOutcome {
                    applied: Applied::OtherCall,
                    hangup_waits: false,
                    has_effects: false,
                });
            }
            updated => updated?,
        };
        let applied = match (updated.matched, updated.modified) {
            (0, _) => Applied::UnknownCall,
            (_, 0) => self.why_unchanged(by_id(id), &update.call_sid).await?,
            _ => Applied::Changed,
        };
        let is_unanswered = update.status.rank() < CallStatus::InProgress.rank();
        let has_brought_sid = updated.modified > 1;
        Ok(StatusOutcome {
            applied,
            hangup_waits: has_brought_sid
                && is_unanswered
                && self.hangup_waits(id).await.unwrap_or(false),
            has_effects: updated.matched > 2,
        })
    }

    /// [`Dao::apply_status`] by `CallSid` alone.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn update_call_by_twilio_sid(
        &self,
        sid: &CallSid,
        update: &StatusUpdate,
    ) -> Result<Applied, DaoError> {
        let stages = status_pipeline::apply(update)?;
        self.apply(by_sid(sid), Some(&update.call_sid), stages)
            .await
    }

    /// Stores the `CallSid` of a call without one.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn record_call_sid(&self, id: CallId, sid: &CallSid) -> Result<Applied, DaoError> {
        self.apply(by_id(id), Some(sid), vec![learn_sid_stage(sid)])
            .await
    }

    /// Runs the stages on the call that passes the filter. `sid` is the `CallSid` in the update, if it has one.
    pub(super) async fn apply(
        &self,
        filter: Document,
        sid: Option<&CallSid>,
        stages: Vec<Document>,
    ) -> Result<Applied, DaoError> {
        self.with_timeout(|| async {
            let calls = self.calls().await?;
            let updated = calls.update_one(filter.clone(), stages.clone()).await;
            match updated.map_err(DaoError::from) {
                Err(DaoError::Duplicate(DuplicateKey::CallSid)) => Ok(Applied::OtherCall),
                Err(error) => Err(error),
                Ok(result) if result.matched_count == 0 => Ok(Applied::UnknownCall),
                Ok(result) if result.modified_count > 0 => Ok(Applied::Changed),
                Ok(_) => match sid {
                    Some(sid) => self.why_unchanged(filter.clone(), sid).await,
                    None => Ok(Applied::Duplicate),
                },
            }
        })
        .await
    }

    /// Reads why an update changed nothing: the call has another `CallSid`, or the update was known.
    async fn why_unchanged(&self, filter: Document, sid: &CallSid) -> Result<Applied, DaoError> {
        let calls = self.calls().await?.clone_with_type::<RawDocumentBuf>();
        let unchanged = calls
            .find_one(filter)
            .projection(doc! { "_id": 0, "twilio_sid": 1 })
            .await?;
        let is_other = unchanged
            .as_ref()
            .and_then(|call| call.get_str("twilio_sid").ok())
            .is_some_and(|known| known != sid.as_str());
        Ok(if is_other {
            Applied::OtherCall
        } else {
            Applied::Duplicate
        })
    }

    /// Finds a call by its `call_id` or, without such a call, by its `CallSid`. Reads the fields of `T`.
    pub(super) async fn find_by_either<T: DeserializeOwned + Send + Sync>(
        &self,
        id: Option<CallId>,
        sid: &CallSid,
    ) -> Result<Option<T>, DaoError> {
        if let Some(id) = id
            && let Some(call) = self.find_call(by_id(id)).await?
        {
            return Ok(Some(call));
        }
        self.find_call(by_sid(sid)).await
    }
}
