//! What `voice` queues for the record of a call that ends early: the event of the request, and that the call was cut off.

use std::time::Duration;

use outdial::{
    domain::Place,
    telemetry::metrics::{self, Count},
    webhook::{QueuedWebhook, StepEnd, WebhookTopic},
};
use tokio::time::timeout;
use tracing::field;

use crate::{apology::VoiceRequest, app::App};

/// The time limit of the queue: together with the database's, less than Twilio waits for a request in steps.
const SEND_TIMEOUT: Duration = Duration::from_millis(1_500);

impl App {
    /// Queues the end of the call. Returns false if the queue has not taken it.
    pub(crate) async fn queue_end(&self, request: &VoiceRequest) -> bool {
        let call_sid = request.call_sid.as_ref();
        let logged_sid = call_sid.map(field::display);
        let Some(message) = message(request) else {
            return true;
        };
        let sent = match &self.queue {
            None => Err("WEBHOOK_QUEUE_URL is not set".to_owned()),
            Some(queue) => match timeout(SEND_TIMEOUT, queue.send(&message)).await {
                Ok(sent) => sent.map_err(|error| error.to_string()),
                Err(_) => Err("timeout".to_owned()),
            },
        };
        let is_step = message.topic == WebhookTopic::Step;
        match &sent {
            Ok(()) => metrics::count(Count::SpilledWebhook),
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
}

/// `None`: nothing is to be stored.
fn message(request: &VoiceRequest) -> Option<QueuedWebhook> {
    let (id, sid) = (request.call_id, request.call_sid.as_ref());
    let request_id = request.request_id.clone();
    match (&request.step, id, sid) {
        (None, ..) if request.hangs_up => None,
        (Some(step), ..) if step.is_of_leg() => None,
        (Some(step), Some(id), Some(sid)) if *step.place() != Place::Start => {
            let end = if step.opts_out() {
                StepEnd::OptedOut
            } else if request.hangs_up {
                StepEnd::Reached
            } else {
                StepEnd::CutOff
            };
            let (place, keys) = (step.place(), step.keys());
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
