//! What a webhook tells, applied to the call that its URL names, else to the one that Twilio names.

use mongodb::bson::{deserialize_from_document, doc};
use serde::{Deserialize, de::IgnoredAny};

use super::{Applied, CALLS, Dao, DaoError, DuplicateKey, calls::by_id, status, together};
use crate::domain::{Call, CallId, CallSid, CallStatus, RecordingUpdate, StatusUpdate};

/// What a status callback did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// To the call.
    pub applied: Applied,
    /// Whether the call was to be ended as soon as Twilio had named it, which this callback has done. Of a call that is
    /// answered nothing is said: voice ends it.
    pub hangup_waits: bool,
}

/// The database's answer to the command `update`.
#[derive(Deserialize)]
struct Reply {
    #[serde(rename = "n")]
    matched: i64,
    #[serde(rename = "nModified", default)]
    modified: i64,
    #[serde(rename = "writeErrors", default)]
    errors: Vec<WriteError>,
    #[serde(rename = "writeConcernError")]
    unconfirmed: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct WriteError {
    code: i32,
    #[serde(rename = "errmsg", default)]
    message: String,
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
            if let Some(id) = id {
                let told = self.update_and_ask(id, update).await?;
                if told.applied != Applied::UnknownCall {
                    return Ok(told);
                }
            }
            let sid = &update.call_sid;
            Ok(Told {
                applied: self.update_call_by_twilio_sid(sid, update).await?,
                hangup_waits: false,
            })
        })
        .await
    }

    async fn update_and_ask(&self, id: CallId, update: &StatusUpdate) -> Result<Told, DaoError> {
        let reply = match self.logged_in(|| self.learn_and_update(id, update)).await {
            // The driver repeats its own writes once, but no command; the stages may be applied twice.
            Err(DaoError::Unavailable(_)) => self.learn_and_update(id, update).await,
            reply => reply,
        };
        let reply = match reply {
            Err(DaoError::Duplicate(DuplicateKey::CallSid)) => {
                return Ok(Told {
                    applied: Applied::OtherCall,
                    hangup_waits: false,
                });
            }
            reply => reply?,
        };
        let applied = match (reply.matched, reply.modified) {
            (0, _) => Applied::UnknownCall,
            (_, 0) => self.why_unchanged(by_id(id), &update.call_sid).await?,
            _ => Applied::Changed,
        };
        let is_unanswered = update.status.rank() < CallStatus::InProgress.rank();
        let learned = reply.modified > 1;
        Ok(Told {
            applied,
            hangup_waits: learned && is_unanswered && self.hangup_waits(id).await.unwrap_or(false),
        })
    }

    /// Two statements in one round trip. The second is the whole update; the first one does nothing where Twilio's name of
    /// the call is known, so that two changes tell that it is this callback which has brought the name.
    async fn learn_and_update(&self, id: CallId, update: &StatusUpdate) -> Result<Reply, DaoError> {
        let command = doc! {
            "update": CALLS,
            "updates": [
                { "q": by_id(id), "u": [status::learn(&update.call_sid)] },
                { "q": by_id(id), "u": status::apply(update)? },
            ],
            "writeConcern": { "w": "majority" },
        };
        let reply = self.database().await?.run_command(command).await?;
        let mut reply: Reply =
            deserialize_from_document(reply).map_err(mongodb::error::Error::from)?;
        match reply.errors.pop() {
            Some(WriteError { code, message }) => Err(DaoError::of_code(code, "", &message)),
            None if reply.unconfirmed.is_some() => Err(DaoError::unconfirmed()),
            None => Ok(reply),
        }
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
            match goes_by {
                Applied::Changed => {
                    self.create_recording(&call, update).await?;
                    Ok(Applied::Changed)
                }
                Applied::Duplicate => self.create_recording(&call, update).await,
                Applied::UnknownCall | Applied::OtherCall => Ok(goes_by),
            }
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
