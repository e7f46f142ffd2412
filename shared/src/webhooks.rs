//! What Twilio's webhooks tell, applied to the record of the call: when they come, and when they come out of the queue.

use std::{sync::Arc, time::Duration};

use mongodb::bson::DateTime;
use tokio::time::timeout;
use tracing::field;

use crate::{
    dao::{Applied, Dao, DaoError},
    domain::{CallId, CallSid, RecordingUpdate, StatusUpdate},
    metrics::{self, Count},
    queue::WebhookTopic,
    twilio::{InvalidForm, TwilioClient, parse_recording, parse_status, parse_voice},
};

/// What a webhook tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebhookEvent {
    /// Of a call.
    Status(StatusUpdate),
    /// Of a recording.
    Recording(RecordingUpdate),
    /// An apology was spoken instead of the script; with the `CallSid`, if it is known.
    Undelivered(Option<CallSid>),
}

impl WebhookEvent {
    /// Reads a form. `token` is the header `I-Twilio-Idempotency-Token`; `received_at` stands in for a time that the form
    /// does not tell.
    ///
    /// # Errors
    ///
    /// When the form is not what Twilio sends.
    pub fn read(
        topic: WebhookTopic,
        form: &[u8],
        token: Option<&str>,
        received_at: DateTime,
    ) -> Result<Self, InvalidForm> {
        Ok(match topic {
            WebhookTopic::Status => Self::Status(parse_status(form, token, received_at)?),
            WebhookTopic::Recording => Self::Recording(parse_recording(form)?),
            WebhookTopic::Undelivered => Self::Undelivered(parse_voice(form).ok()),
        })
    }

    /// Twilio's name of the call, where it is known.
    #[must_use]
    pub fn call_sid(&self) -> Option<&CallSid> {
        match self {
            Self::Status(update) => Some(&update.call_sid),
            Self::Recording(update) => Some(&update.call_sid),
            Self::Undelivered(sid) => sid.as_ref(),
        }
    }
}

/// Where news go.
#[derive(Clone)]
pub struct Webhooks {
    dao: Dao,
    twilio: Option<Arc<TwilioClient>>,
}

impl Webhooks {
    /// Without a client of Twilio's, a requested hang-up is left to others.
    #[must_use]
    pub fn new(dao: Dao, twilio: Option<TwilioClient>) -> Self {
        Self {
            dao,
            twilio: twilio.map(Arc::new),
        }
    }

    /// Applies the news to the call that the webhook's URL names, else to the one that Twilio names. An event of a call that is
    /// not known here, or that goes by another `CallSid`, change nothing and are no error.
    ///
    /// # Errors
    ///
    /// When the database is away, or does not take it; a part may have been stored then: repeat it.
    pub async fn apply(&self, id: Option<CallId>, news: &WebhookEvent) -> Result<(), DaoError> {
        let (applied, hangup_waits) = match news {
            WebhookEvent::Status(update) => {
                let told = self.dao.apply_status(id, update).await?;
                (told.applied, told.hangup_waits)
            }
            WebhookEvent::Recording(update) => (self.dao.apply_recording(id, update).await?, false),
            WebhookEvent::Undelivered(sid) => {
                (self.dao.record_undelivered(id, sid.as_ref()).await?, false)
            }
        };
        let call_sid = news.call_sid();
        match (applied, news) {
            (Applied::Changed, WebhookEvent::Status(update)) => metrics::webhook_applied(update.at),
            // These do not tell when they were sent.
            (Applied::Changed, WebhookEvent::Recording(_) | WebhookEvent::Undelivered(_)) => {}
            (Applied::Duplicate, _) => metrics::count(Count::DuplicateWebhook),
            (Applied::UnknownCall, _) => self.tell_unknown(id, call_sid).await?,
            (Applied::OtherCall, _) => {
                metrics::count(Count::SuspectedDoubleDial);
                let call_sid = call_sid.map(field::display);
                tracing::error!(
                    call_sid,
                    "suspected double dial: the call has another CallSid"
                );
            }
        }
        if hangup_waits
            && let (Some(twilio), Some(call_sid)) = (&self.twilio, call_sid)
            && timeout(HANGING_UP, self.end(twilio, id, call_sid))
                .await
                .is_err()
        {
            tracing::warn!("a requested hang-up took too long; {LEFT_TO_VOICE}");
        }
        Ok(())
    }

    /// A call whose person was erased is no lost record.
    async fn tell_unknown(
        &self,
        id: Option<CallId>,
        call_sid: Option<&CallSid>,
    ) -> Result<(), DaoError> {
        let call_sid = call_sid.map(field::display);
        if let Some(id) = id
            && self.dao.is_erased(id).await?
        {
            tracing::warn!(
                call_sid,
                "a webhook of an erased call came late: nothing of it was stored"
            );
        } else {
            metrics::count(Count::OrphanWebhook);
            tracing::warn!(
                call_sid,
                "orphan: a webhook of a call that is not known here"
            );
        }
        Ok(())
    }

    /// Ends the call, and records it: for one that is canceled while it is queued no callback will.
    async fn end(&self, twilio: &TwilioClient, id: Option<CallId>, sid: &CallSid) {
        let details = match twilio.hangup_call(sid).await {
            Ok(details) => details,
            Err(error) => {
                tracing::warn!(%error, "a requested hang-up failed; {LEFT_TO_VOICE}");
                return;
            }
        };
        if details.status.is_terminal() {
            let update = details.to_status_update(DateTime::now());
            if let Err(error) = self.dao.apply_status(id, &update).await {
                tracing::warn!(%error, "the end of a call was not stored");
            }
        }
    }
}

const LEFT_TO_VOICE: &str = "voice ends the call once it is answered";

/// What is left of the time that Twilio waits for the answer.
const HANGING_UP: Duration = Duration::from_secs(2);
