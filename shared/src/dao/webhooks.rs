//! What a webhook tells, applied to the call that its URL names, else to the one that Twilio names.

use std::time::Duration;

use mongodb::bson::{doc, oid::ObjectId};
use serde::{Deserialize, de::DeserializeOwned};
use tokio::time::{Instant, timeout};

use super::{
    Applied, CALLS, Dao, DaoError, DuplicateKey,
    calls::{by_id, by_sid},
    recording_pipeline::RecordingTarget,
    status, with_deadline, within,
};
use crate::domain::{Call, CallId, CallSid, CallStatus, RecordingUpdate, StatusUpdate};

/// What a status callback did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusOutcome {
    /// To the call.
    pub applied: Applied,
    /// Whether the call was to be ended as soon as Twilio had named it, which this callback has done. Of a call that is
    /// answered nothing is said: voice ends it.
    pub hangup_waits: bool,
}

/// A call that asks what to say.
#[derive(Debug)]
pub enum VoiceLookup {
    /// The call, and why Twilio's name of it may not be stored.
    Call(Box<Call>, Option<DaoError>),
    /// The call goes by another `CallSid`, or the `CallSid` is another call's: perhaps it was dialled twice. Nothing has
    /// changed.
    OtherCall,
    /// There is no such call.
    UnknownCall,
}

/// What a recording callback needs of its call.
#[derive(Deserialize)]
struct Named {
    #[serde(rename = "_id")]
    id: ObjectId,
    call_id: CallId,
    #[serde(default)]
    twilio_sid: Option<CallSid>,
}

/// How long `voice` waits for the call: a person is listening.
const READING: Duration = Duration::from_secs(2);
/// How long a script may wait for Twilio's name of the call.
const NAMING: Duration = Duration::from_secs(2);

impl Dao {
    /// Applies a status callback: [`Dao::update_call`].
    ///
    /// # Errors
    ///
    /// When the database is away. All of it is limited as one call is.
    pub async fn apply_status(
        &self,
        id: Option<CallId>,
        update: &StatusUpdate,
    ) -> Result<StatusOutcome, DaoError> {
        with_deadline(async {
            if let Some(id) = id {
                let told = self.update_and_ask(id, update).await?;
                if told.applied != Applied::UnknownCall {
                    return Ok(told);
                }
            }
            let sid = &update.call_sid;
            Ok(StatusOutcome {
                applied: self.update_call_by_twilio_sid(sid, update).await?,
                hangup_waits: false,
            })
        })
        .await
    }

    /// Two statements in one round trip. The second is the whole update; the first one does nothing where Twilio's name of
    /// the call is known, so that two changes tell that it is this callback which has brought the name.
    async fn update_and_ask(
        &self,
        id: CallId,
        update: &StatusUpdate,
    ) -> Result<StatusOutcome, DaoError> {
        let statements = vec![
            doc! { "q": by_id(id), "u": [status::learn(&update.call_sid)] },
            doc! { "q": by_id(id), "u": status::apply(update)? },
        ];
        let updated = self.update_in_order(CALLS, statements).await?;
        let updated = match updated.without_duplicate() {
            Err(DaoError::Duplicate(DuplicateKey::CallSid)) => {
                return Ok(StatusOutcome {
                    applied: Applied::OtherCall,
                    hangup_waits: false,
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
        let learned = updated.modified > 1;
        Ok(StatusOutcome {
            applied,
            hangup_waits: learned && is_unanswered && self.hangup_waits(id).await.unwrap_or(false),
        })
    }

    /// The call that asks what to say. Where it does not go by Twilio's name yet, that is stored and the call read again, so
    /// that a hang-up either finds the name, or is found. A name that is not stored in time does not keep the call waiting,
    /// for a status callback brings it again.
    ///
    /// # Errors
    ///
    /// When the database has not answered within two seconds, or the call cannot be read.
    pub async fn ask_for_call(
        &self,
        id: Option<CallId>,
        sid: &CallSid,
    ) -> Result<VoiceLookup, DaoError> {
        let reading = within(Instant::now() + READING, self.find_either::<Call>(id, sid));
        let Some(call) = reading.await? else {
            return Ok(VoiceLookup::UnknownCall);
        };
        // A hang-up that comes from here on finds the name.
        if call.twilio_sid.as_ref() == Some(sid) {
            return Ok(VoiceLookup::Call(call.into(), None));
        }
        let named = timeout(NAMING, self.name_call(call.call_id, sid)).await;
        Ok(match named.unwrap_or_else(|_| Err(DaoError::timed_out())) {
            Ok(Some(call)) => VoiceLookup::Call(call.into(), None),
            Err(error) if call.twilio_sid.is_none() => VoiceLookup::Call(call.into(), Some(error)),
            Ok(None) | Err(_) => VoiceLookup::OtherCall,
        })
    }

    /// The call, by that name; none where it has another one, or the name is another call's.
    async fn name_call(&self, id: CallId, sid: &CallSid) -> Result<Option<Call>, DaoError> {
        match self.record_call_sid(id, sid).await? {
            Applied::OtherCall => Ok(None),
            _ => self.get_call(id).await,
        }
    }

    /// Applies a recording callback: [`Dao::create_recording`]. Whoever comes first brings Twilio's name of the call.
    ///
    /// The `_id` of a call of ours follows from its `call_id`, so that the recording is stored while the call is changed. Where
    /// the call turns out to be another one, what was stored is put right.
    ///
    /// # Errors
    ///
    /// When the database is away; a part may have been stored then: repeat it. All of it is limited as one call is.
    pub async fn apply_recording(
        &self,
        id: Option<CallId>,
        update: &RecordingUpdate,
    ) -> Result<Applied, DaoError> {
        with_deadline(async {
            if let Some(id) = id {
                let call = RecordingTarget {
                    object_id: id.object_id(),
                    id,
                    is_certain: false,
                };
                if let Some(applied) = self.store_recording(call, update).await? {
                    return Ok(applied);
                }
            }
            // On the heap, for it is seldom needed.
            let applied = Box::pin(self.find_and_tell(id, update)).await?;
            if let (Some(id), Applied::UnknownCall | Applied::OtherCall) = (id, applied) {
                self.remove_recording(id.object_id(), &update.recording_sid)
                    .await?;
            }
            Ok(applied)
        })
        .await
    }

    async fn find_and_tell(
        &self,
        id: Option<CallId>,
        update: &RecordingUpdate,
    ) -> Result<Applied, DaoError> {
        let found = self.find_either::<Named>(id, &update.call_sid).await?;
        let Some(call) = found else {
            return Ok(Applied::UnknownCall);
        };
        if call.twilio_sid.as_ref() != Some(&update.call_sid) {
            let named = self.record_call_sid(call.call_id, &update.call_sid).await?;
            if matches!(named, Applied::UnknownCall | Applied::OtherCall) {
                return Ok(named);
            }
        }
        let call = RecordingTarget {
            object_id: call.id,
            id: call.call_id,
            is_certain: true,
        };
        let stored = self.store_recording(call, update).await?;
        Ok(stored.unwrap_or(Applied::OtherCall))
    }

    async fn find_either<T: DeserializeOwned + Send + Sync>(
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
