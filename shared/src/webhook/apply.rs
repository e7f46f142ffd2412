//! Applies webhooks to their calls, and queues those that the database can't take.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::FromRef,
    response::{IntoResponse, Response},
    routing::MethodRouter,
};
use bson::DateTime;
use http::header;
use tracing::field;

use super::{
    event::{WebhookEvent, WebhookTopic, is_of_leg},
    extractor::{SignatureCheck, SignedForm},
    queue::{QueuedWebhook, WebhookQueue},
};
use crate::{
    config::Settings,
    dao::{Applied, Dao, DaoError, StepEvent, VoiceLookup},
    domain::{CallId, CallSid},
    http::{Problem, with_common_layers},
    service::{
        double_dial::{DoubleDial, report_double_dial},
        effects::EffectsQueue,
        hang_up::hang_up_as_requested,
    },
    telemetry::metrics::{self, Count},
    twilio::TwilioClient,
};

/// The state of a function that receives the webhooks of one topic.
#[derive(Clone)]
pub struct WebhookReceiver {
    topic: WebhookTopic,
    check: SignatureCheck,
    applier: WebhookApplier,
    queue: Option<WebhookQueue>,
}

impl WebhookReceiver {
    /// Reads the settings. Makes no connection: a request is authenticated first. `twilio` is for [`WebhookApplier::new`].
    ///
    /// # Errors
    ///
    /// If a variable is missing or malformed.
    pub fn from_settings(
        settings: &Settings,
        topic: WebhookTopic,
        twilio: Option<TwilioClient>,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let applier = WebhookApplier::new(Dao::from_settings(settings)?, twilio);
        Ok(Self {
            topic,
            check: SignatureCheck::from_settings(settings, topic.kind())?,
            // Only a status ends a call.
            applier: match topic {
                WebhookTopic::Status => applier.announcing(EffectsQueue::from_settings(settings)?),
                WebhookTopic::Recording | WebhookTopic::Undelivered | WebhookTopic::Step => applier,
            },
            queue: WebhookQueue::from_settings(settings)?,
        })
    }

    /// Returns the function's router: the handler at the topic's path.
    pub fn router(self, handler: MethodRouter<Self>) -> Router {
        let path = self.topic.kind().path();
        with_common_layers(Router::new().route(path, handler).with_state(self))
    }

    /// Applies a webhook, or queues it if the database can't take it. Either way, Twilio gets an empty TwiML document.
    ///
    /// # Errors
    ///
    /// 400 if the form is malformed; 503, on which Twilio retries, if neither the database nor the queue has taken the webhook.
    pub async fn receive(&self, form: SignedForm) -> Result<Response, Problem> {
        if self.topic == WebhookTopic::Status && is_of_leg(&form.body) {
            tracing::info!("status of a transfer's leg ignored");
            return Ok(twiml(EMPTY_TWIML));
        }
        let now = DateTime::now();
        let event = WebhookEvent::parse(self.topic, &form.body, form.token.as_deref(), now)
            .map_err(|error| Problem::malformed_form(format!("The form is malformed: {error}.")))?;
        if let Err(error) = self.applier.apply(form.call_id, &event).await {
            let Some(queue) = &self.queue else {
                return Err(error.into());
            };
            let call_sid = event.call_sid().map(field::display);
            let queued = QueuedWebhook::new(self.topic, form, now);
            if let Err(queue_error) = queue.send(&queued).await {
                tracing::error!(call_sid, error = %queue_error, "webhook neither applied nor queued");
                return Err(error.into());
            }
            metrics::count(Count::SpilledWebhook);
            tracing::warn!(call_sid, %error, "webhook queued");
        }
        Ok(twiml(EMPTY_TWIML))
    }
}

impl FromRef<WebhookReceiver> for SignatureCheck {
    fn from_ref(receiver: &WebhookReceiver) -> Self {
        receiver.check.clone()
    }
}

/// The response to a callback: no instructions.
const EMPTY_TWIML: &str = r#"<?xml version="1.0" encoding="UTF-8"?><Response></Response>"#;

/// Returns the response with a `TwiML` document.
pub fn twiml(document: impl Into<Body>) -> Response {
    let media = [(header::CONTENT_TYPE, "text/xml; charset=utf-8")];
    (media, document.into()).into_response()
}

/// Applies webhook events to calls.
#[derive(Clone)]
pub struct WebhookApplier {
    dao: Dao,
    twilio: Option<Arc<TwilioClient>>,
    effects: EffectsQueue,
}

impl WebhookApplier {
    /// Without a Twilio client, a requested hang-up is left to other functions.
    #[must_use]
    pub fn new(dao: Dao, twilio: Option<TwilioClient>) -> Self {
        Self {
            dao,
            twilio: twilio.map(Arc::new),
            effects: EffectsQueue::default(),
        }
    }

    /// Tells the function `effects` of calls that end. Otherwise its sweep finds them.
    #[must_use]
    pub fn announcing(self, effects: EffectsQueue) -> Self {
        Self { effects, ..self }
    }

    /// Applies an event to the call with this `call_id`. If there is none, applies it to the call with the event's `CallSid`. Ignores an event of an
    /// unknown call, or of a call with another `CallSid`.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`]. The event may be stored in part: repeat it.
    pub async fn apply(&self, id: Option<CallId>, event: &WebhookEvent) -> Result<(), DaoError> {
        let call_sid = event.call_sid();
        let mut has_effects = false;
        let (applied, hangup_waits) = match event {
            WebhookEvent::Status(update) => {
                let outcome = self.dao.apply_status(id, update).await?;
                if outcome.applied == Applied::Changed {
                    metrics::webhook_applied(update.at);
                }
                has_effects = outcome.has_effects;
                (outcome.applied, outcome.hangup_waits)
            }
            WebhookEvent::Recording(update) => (self.dao.apply_recording(id, update).await?, false),
            WebhookEvent::Undelivered(sid) => {
                (self.dao.record_undelivered(id, sid.as_ref()).await?, false)
            }
            WebhookEvent::Step(sid, events) => (self.apply_steps(id, sid, events).await?, false),
        };
        match applied {
            Applied::Changed => {}
            Applied::Duplicate => metrics::count(Count::DuplicateWebhook),
            Applied::UnknownCall => self.report_unknown_call(id, call_sid).await?,
            Applied::OtherCall => report_double_dial(DoubleDial::OtherCallSid, call_sid),
        }
        if hangup_waits && let (Some(twilio), Some(sid)) = (&self.twilio, call_sid) {
            has_effects |= hang_up_as_requested(&self.dao, twilio, id, sid, HANG_UP_TIMEOUT).await;
        }
        if has_effects && let Some(id) = id {
            self.effects.announce(id).await;
        }
        Ok(())
    }

    /// Applies events of steps, which name their call by its `call_id`.
    async fn apply_steps(
        &self,
        id: Option<CallId>,
        sid: &CallSid,
        events: &[StepEvent],
    ) -> Result<Applied, DaoError> {
        let Some(id) = id else {
            return Ok(Applied::UnknownCall);
        };
        for event in events {
            match self.dao.record_step(id, sid, event).await? {
                VoiceLookup::Call(..) => {}
                VoiceLookup::OtherCall => return Ok(Applied::OtherCall),
                VoiceLookup::UnknownCall => return Ok(Applied::UnknownCall),
            }
        }
        Ok(Applied::Changed)
    }

    /// Logs a webhook of an unknown call. Counts it as an orphan, unless the call was erased.
    async fn report_unknown_call(
        &self,
        id: Option<CallId>,
        call_sid: Option<&CallSid>,
    ) -> Result<(), DaoError> {
        let call_sid = call_sid.map(field::display);
        if let Some(id) = id
            && self.dao.is_erased(id).await?
        {
            tracing::warn!(call_sid, "webhook of an erased call ignored");
        } else {
            metrics::count(Count::OrphanWebhook);
            tracing::warn!(call_sid, "webhook of an unknown call ignored");
        }
        Ok(())
    }
}

/// The time limit of a requested hang-up, within the time that Twilio waits for the response.
const HANG_UP_TIMEOUT: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::EMPTY_TWIML;

    #[test]
    fn empty_twiml_equals_a_written_document() {
        assert_eq!(EMPTY_TWIML, crate::twilio::response([]));
    }
}
