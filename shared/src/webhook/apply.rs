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
    event::{WebhookEvent, WebhookTopic, is_of_unrecorded_call},
    extractor::{SignatureCheck, SignedForm},
    queue::{QueuedWebhook, WebhookQueue},
};
use crate::{
    config::{Settings, WebhookKind, webhook_url},
    dao::{Applied, Dao, DaoError, StepEvent, VerdictOutcome, VoiceLookup},
    domain::{CallId, CallSid, MachineVerdict},
    http::{Problem, with_common_layers},
    service::{
        double_dial::{DoubleDial, report_double_dial},
        effects::EffectsQueue,
        hang_up::hang_up_as_requested,
        machines::redirect_machine,
        steps::{opt_caller_out, report_caller, store},
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
            // Only these may have effects.
            applier: match topic {
                WebhookTopic::Status => applier.announcing(EffectsQueue::from_settings(settings)?),
                WebhookTopic::Recording
                | WebhookTopic::Machine
                | WebhookTopic::Undelivered
                | WebhookTopic::Step
                | WebhookTopic::Inbound
                | WebhookTopic::Fallback => applier,
            },
            queue: WebhookQueue::from_settings(settings)?,
        })
    }

    /// Returns the function's router: the handler at the topic's path.
    pub fn router(self, handler: MethodRouter<Self>) -> Router {
        with_common_layers(self.route(handler))
    }

    /// Returns the handler at the topic's path, without the layers of a function.
    pub fn route(self, handler: MethodRouter<Self>) -> Router {
        let path = self.topic.kind().path();
        Router::new().route(path, handler).with_state(self)
    }

    /// Returns a receiver of another topic in the same function, with the same clients.
    ///
    /// # Errors
    ///
    /// If a variable is missing or malformed.
    pub fn of_topic(
        &self,
        settings: &Settings,
        topic: WebhookTopic,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let applier = self.applier.clone();
        Ok(Self {
            topic,
            check: SignatureCheck::from_settings(settings, topic.kind())?,
            applier: match topic {
                WebhookTopic::Machine => {
                    applier.changing_live_calls(webhook_url(settings, WebhookKind::Voice)?)
                }
                _ => applier,
            },
            queue: self.queue.clone(),
        })
    }

    /// Applies a webhook, or queues it if the database can't take it. Either way, Twilio gets an empty TwiML document.
    ///
    /// # Errors
    ///
    /// 400 if the form is malformed; 503, on which Twilio retries, if neither the database nor the queue has taken the webhook.
    pub async fn receive(&self, form: SignedForm) -> Result<Response, Problem> {
        if self.topic == WebhookTopic::Status && is_of_unrecorded_call(&form.body) {
            tracing::info!("status of a call without a record ignored");
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
    /// The voice URL for live calls. `None`: live calls are left alone.
    live: Option<LiveCalls>,
}

/// The permission to change live calls.
#[derive(Clone)]
struct LiveCalls {
    voice_url: Option<Arc<str>>,
}

impl WebhookApplier {
    /// Without a Twilio client, a requested hang-up is left to other functions.
    #[must_use]
    pub fn new(dao: Dao, twilio: Option<TwilioClient>) -> Self {
        Self {
            dao,
            twilio: twilio.map(Arc::new),
            effects: EffectsQueue::default(),
            live: None,
        }
    }

    /// Tells the function `effects` of calls that end. Otherwise its sweep finds them.
    #[must_use]
    pub fn announcing(self, effects: EffectsQueue) -> Self {
        Self { effects, ..self }
    }

    /// Changes a live call if an event says that a machine has answered. Otherwise such an event is only stored.
    fn changing_live_calls(self, voice_url: Option<String>) -> Self {
        let voice_url = voice_url.map(Arc::from);
        let live = Some(LiveCalls { voice_url });
        Self { live, ..self }
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
            WebhookEvent::Machine(verdict) => {
                let outcome = self.apply_verdict(id, verdict).await?;
                has_effects = outcome.has_effects;
                (outcome.applied, false)
            }
            WebhookEvent::Undelivered {
                call_sid,
                is_certain,
            } => {
                let sid = call_sid.as_ref();
                let recorded = self.dao.record_undelivered(id, sid, *is_certain);
                (recorded.await?, false)
            }
            WebhookEvent::Step(sid, events) => (self.apply_steps(id, sid, events).await?, false),
            WebhookEvent::CallerOptedOut {
                call_sid,
                number,
                at,
            } => {
                let is_blocked = opt_caller_out(&self.dao, number, *at).await?;
                report_caller(call_sid, is_blocked);
                (Applied::Changed, false)
            }
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

    /// Stores a result of machine detection. If it takes a live call over, does what follows.
    async fn apply_verdict(
        &self,
        id: Option<CallId>,
        verdict: &MachineVerdict,
    ) -> Result<VerdictOutcome, DaoError> {
        let Some(id) = id else {
            return Ok(VerdictOutcome::nothing(Applied::UnknownCall));
        };
        let live = self.live.as_ref().zip(self.twilio.as_ref());
        let outcome = self.dao.record_verdict(id, verdict, live.is_some()).await?;
        if let (Some((live, twilio)), Some(call)) = (live, &outcome.claimed) {
            let voice_url = live.voice_url.as_deref();
            redirect_machine(twilio, voice_url, call, verdict, LIVE_CHANGE_TIMEOUT).await;
        }
        Ok(outcome)
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
            match store(&self.dao, id, sid, event).await? {
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

/// The time limit of a change of a live call, within the time that Twilio waits for the response.
const LIVE_CHANGE_TIMEOUT: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use super::EMPTY_TWIML;

    #[test]
    fn empty_twiml_equals_a_written_document() {
        assert_eq!(EMPTY_TWIML, crate::twilio::response([]));
    }
}
