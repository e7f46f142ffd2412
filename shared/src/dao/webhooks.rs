//! What a webhook tells, applied to the call that its URL names, else to the one that Twilio names.

use super::{Applied, Dao, DaoError, together};
use crate::domain::{Call, CallId, CallSid, CallStatus, RecordingUpdate, StatusUpdate};

/// What a status callback did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// To the call.
    pub applied: Applied,
    /// Whether the call was to be ended as soon as Twilio had named it, which it has by now. Of a call that is answered
    /// nothing is said: voice ends it.
    pub hangup_waits: bool,
}

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
    ) -> Result<Told, DaoError> {
        together(async {
            let applied = self.update_either(id, update).await?;
            let is_known = matches!(applied, Applied::Changed | Applied::Duplicate);
            let hangup_waits = match id {
                Some(id) if is_known && update.status.rank() < CallStatus::InProgress.rank() => {
                    self.hangup_waits(id).await.unwrap_or(false)
                }
                _ => false,
            };
            Ok(Told {
                applied,
                hangup_waits,
            })
        })
        .await
    }

    async fn update_either(
        &self,
        id: Option<CallId>,
        update: &StatusUpdate,
    ) -> Result<Applied, DaoError> {
        if let Some(id) = id {
            let applied = self.update_call(id, update).await?;
            if applied != Applied::UnknownCall {
                return Ok(applied);
            }
        }
        self.update_call_by_twilio_sid(&update.call_sid, update)
            .await
    }

    /// Applies a recording callback: [`Dao::create_recording`]. Whoever comes first brings Twilio's name of the call.
    ///
    /// # Errors
    ///
    /// When the database is away; a part may have been stored then: repeat it. All of it is limited as one call is.
    pub async fn apply_recording(
        &self,
        id: Option<CallId>,
        update: &RecordingUpdate,
    ) -> Result<Applied, DaoError> {
        together(async {
            let Some(call) = self.find_either(id, &update.call_sid).await? else {
                return Ok(Applied::UnknownCall);
            };
            let goes_by = match &call.twilio_sid {
                Some(sid) if *sid == update.call_sid => Applied::Duplicate,
                Some(_) => Applied::OtherCall,
                None => self.record_call_sid(call.call_id, &update.call_sid).await?,
            };
            if matches!(goes_by, Applied::Changed | Applied::Duplicate) {
                self.create_recording(&call, update).await?;
            }
            Ok(goes_by)
        })
        .await
    }

    async fn find_either(
        &self,
        id: Option<CallId>,
        sid: &CallSid,
    ) -> Result<Option<Call>, DaoError> {
        if let Some(id) = id
            && let Some(call) = self.get_call(id).await?
        {
            return Ok(Some(call));
        }
        self.get_call_by_twilio_sid(sid).await
    }
}
