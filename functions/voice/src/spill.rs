//! What `voice` queues for the record of a call without the database: keys, and the end of a call that ends early.

use std::time::Duration;

use outdial::{
    domain::{CallSid, Place},
    telemetry::metrics::{self, Count},
    webhook::{QueuedWebhook, StepEnd, StepRequest, WebhookTopic},
};
use tokio::time::timeout;
use tracing::field;

use crate::{apology::VoiceRequest, app::App};

/// The time limit of the queue: together with the database's, less than Twilio waits for a request in steps.
const SEND_TIMEOUT: Duration = Duration::from_millis(1_500);

impl App {
    /// Queues the end of the call. Returns false if the queue has not taken it.
    pub(crate) async fn queue_end(&self, request: &VoiceRequest) -> bool {
        match message(request) {
            Some(message) => self.send(&message, request.call_sid.as_ref()).await,
            None => true,
        }
    }

    /// Queues the keys of a call that goes on. If the queue does not take them, a later request stores them.
    pub(crate) async fn queue_keys(&self, step: &StepRequest, sid: &CallSid, request_id: &str) {
        let end = if step.opts_out {
            StepEnd::OptedOut
        } else {
            StepEnd::NotCutOff
        };
        let (id, request_id) = (step.call_id, request_id.to_owned());
        let message =
            QueuedWebhook::step(id, sid, &step.place, step.keys.as_deref(), end, request_id);
        self.send(&message, Some(sid)).await;
    }

    /// Sends a message to the queue. Returns false if the queue has not taken it.
    async fn send(&self, message: &QueuedWebhook, call_sid: Option<&CallSid>) -> bool {
        let logged_sid = call_sid.map(field::display);
        let sent = self.put(message).await;
        let is_step = message.topic == WebhookTopic::Step;
        match &sent {
            Ok(()) => {}
            Err(error) if is_step => {
                tracing::error!(call_sid = logged_sid, error, "step not queued");
            }
            Err(error) => tracing::error!(call_sid = logged_sid, error, "delivery none not queued"),
        }
        if sent.is_ok() && is_step {
            tracing::warn!(call_sid = logged_sid, "step queued");
        } else if sent.is_ok() {
            tracing::warn!(call_sid = logged_sid, "delivery none queued");
        }
        sent.is_ok()
    }

    /// Puts a message into the queue, and counts it. Returns why that failed.
    pub(crate) async fn put(&self, message: &QueuedWebhook) -> Result<(), String> {
        let Some(queue) = &self.queue else {
            return Err("WEBHOOK_QUEUE_URL is not set".to_owned());
        };
        match timeout(SEND_TIMEOUT, queue.send(message)).await {
            Ok(Ok(())) => {
                metrics::count(Count::SpilledWebhook);
                Ok(())
            }
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("timeout".to_owned()),
        }
    }
}

/// `None`: nothing is to be stored.
fn message(request: &VoiceRequest) -> Option<QueuedWebhook> {
    let (id, sid) = (request.call_id, request.call_sid.as_ref());
    let request_id = request.request_id.clone();
    match (&request.step, id, sid) {
        (None, ..) if request.hangs_up => None,
        (Some(step), ..) if step.is_of_leg() => None,
        (Some(step), Some(id), Some(sid)) if step.place != Place::Start => {
            let end = if step.opts_out {
                StepEnd::OptedOut
            } else if request.hangs_up {
                StepEnd::NotCutOff
            } else {
                StepEnd::CutOff
            };
            let (place, keys) = (&step.place, step.keys.as_deref());
            Some(QueuedWebhook::step(id, sid, place, keys, end, request_id))
        }
        _ => {
            let message = QueuedWebhook::undelivered(id, sid, request_id);
            Some(if request.heard_nothing {
                message.instead_of_all()
            } else {
                message
            })
        }
    }
}
