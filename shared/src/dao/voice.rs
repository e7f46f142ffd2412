//! The operations of `voice`: reads the call to speak, and records that a person heard an apology instead.

use std::time::Duration;

use mongodb::bson::{Bson, Document, bson, doc};
use tokio::time::{Instant, timeout};

use super::{
    Applied, Dao, DaoError,
    effects::note_late_news,
    updates::{by_id, by_sid, goes_by, if_else, learn_sid_stage},
    with_deadline, within,
};
use crate::domain::{Call, CallId, CallSid, Delivery};

/// The call that a voice request is for.
#[derive(Debug)]
pub enum VoiceLookup {
    /// The call, and the error if its `CallSid` could not be stored.
    Call(Box<Call>, Option<DaoError>),
    /// The call has another `CallSid`, or another call has this one: Twilio may have dialled twice. Nothing has changed.
    OtherCall,
    /// There is no such call.
    UnknownCall,
}

/// The time limit for reading the call: a person is listening.
pub(super) const READ_TIMEOUT: Duration = Duration::from_secs(2);
/// The time limit for storing the `CallSid`.
const SID_TIMEOUT: Duration = Duration::from_secs(2);

impl Dao {
    /// Finds a call by its `call_id` or, without such a call, by its `CallSid`.
    ///
    /// If the call has no `CallSid` yet, stores it and reads the call again. So a concurrent hang-up request either finds the
    /// `CallSid`, or is found here. A `CallSid` that can't be stored in time does not delay the call: a status callback brings
    /// it again.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`]; [`DaoError::Unavailable`] if the call can't be read within two seconds.
    pub async fn look_up_for_voice(
        &self,
        id: Option<CallId>,
        sid: &CallSid,
    ) -> Result<VoiceLookup, DaoError> {
        let reading = within(
            Instant::now() + READ_TIMEOUT,
            self.find_by_either::<Call>(id, sid),
        );
        let Some(call) = reading.await? else {
            return Ok(VoiceLookup::UnknownCall);
        };
        // A hang-up request from now on finds the CallSid.
        if call.twilio_sid.as_ref() == Some(sid) {
            return Ok(VoiceLookup::Call(call.into(), None));
        }
        let named = timeout(SID_TIMEOUT, self.store_sid_and_read(call.call_id, sid)).await;
        Ok(match named.unwrap_or_else(|_| Err(DaoError::timed_out())) {
            Ok(Some(call)) => VoiceLookup::Call(call.into(), None),
            Err(error) if call.twilio_sid.is_none() => VoiceLookup::Call(call.into(), Some(error)),
            Ok(None) | Err(_) => VoiceLookup::OtherCall,
        })
    }

    /// Returns the call with this `CallSid`; `None` if it has another one, or another call has this one.
    async fn store_sid_and_read(
        &self,
        id: CallId,
        sid: &CallSid,
    ) -> Result<Option<Call>, DaoError> {
        match self.record_call_sid(id, sid).await? {
            Applied::OtherCall => Ok(None),
            _ => self.get_call(id).await,
        }
    }

    /// Stores `delivery: none` on the call with this `call_id` or, without such a call, with this `CallSid`. Does nothing if a
    /// delivery is stored already, or if the call has another `CallSid`. Never changes the status.
    ///
    /// If `is_certain`, it replaces `started` in a call without any later event: `voice` stored that, but its response was a redirect.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`]. Both look-ups together have the time of one.
    pub async fn record_undelivered(
        &self,
        id: Option<CallId>,
        sid: Option<&CallSid>,
        is_certain: bool,
    ) -> Result<Applied, DaoError> {
        let stages = undelivered(sid, is_certain);
        with_deadline(async {
            if let Some(id) = id {
                let applied = self.apply(by_id(id), sid, stages.clone()).await?;
                if applied != Applied::UnknownCall {
                    return Ok(applied);
                }
            }
            match sid {
                Some(known) => self.apply(by_sid(known), sid, stages.clone()).await,
                None => Ok(Applied::UnknownCall),
            }
        })
        .await
    }
}

/// The stages that store `delivery: none`. The first one stores the `CallSid`, so that an apology in one of Twilio's calls is not
/// recorded for another.
fn undelivered(sid: Option<&CallSid>, is_certain: bool) -> Vec<Document> {
    let is_unknown = bson!({ "$eq": [{ "$ifNull": ["$delivery", ""] }, ""] });
    let is_empty = |field: &str| bson!({ "$eq": [{ "$ifNull": [field, []] }, []] });
    let has_only_started = bson!({ "$and": [
        { "$eq": ["$delivery", Delivery::Started.as_str()] },
        is_empty("$answers"),
        is_empty("$unanswered"),
        is_empty("$transfers"),
        { "$ne": ["$steps_ended", true] },
        { "$ne": ["$opted_out", true] },
    ] });
    let is_news = if is_certain {
        bson!({ "$or": [is_unknown, has_only_started] })
    } else {
        is_unknown
    };
    let applies = match sid {
        Some(sid) => bson!({ "$and": [is_news, goes_by(sid)] }),
        None => is_news,
    };
    let change = |then: Bson, otherwise: &str| if_else(applies.clone(), then, otherwise);
    let mut changes = doc! {
        "delivery": change(Delivery::None.as_str().into(), "$delivery"),
        "updated_at": change("$$NOW".into(), "$updated_at"),
    };
    changes.extend(note_late_news(applies));
    let stored = doc! { "$set": changes };
    sid.map(learn_sid_stage)
        .into_iter()
        .chain([stored])
        .collect()
}
