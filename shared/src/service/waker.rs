//! Wakes `dispatch` for calls that are due soon. Its schedule finds the others.

use std::time::Duration;

use bson::DateTime;
use serde_json::json;
use tokio::time::timeout;

use crate::{
    aws::sqs::Queue,
    config::{ConfigError, Settings},
    domain::{Call, CallStatus},
};

/// The interval of `dispatch`'s schedule. It needs no wake-up for calls that are due later.
const SCHEDULE: Duration = Duration::from_mins(1);
/// The time limit of the message: a client waits for the response.
const LIMIT: Duration = Duration::from_secs(1);

/// Wakes `dispatch` through the queue in `WAKE_QUEUE_URL`. Without a queue it does nothing. Clones share the client.
#[derive(Clone)]
pub struct Waker(Option<Queue>);

impl Waker {
    /// Takes the queue from the settings. Connects to nothing.
    ///
    /// # Errors
    ///
    /// If `WAKE_QUEUE_URL` is malformed.
    pub fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        Ok(Self(settings.wake_queue()?.map(Queue::new)))
    }

    /// Wakes `dispatch` if the call waits and is due within a minute.
    pub async fn wake_for(&self, call: &Call) {
        let soon = DateTime::now().saturating_add_duration(SCHEDULE);
        if call.status == CallStatus::Scheduled && call.due_at.is_some_and(|due_at| due_at < soon) {
            self.wake().await;
        }
    }

    /// Wakes `dispatch`. Logs a failure: the schedule finds the calls then.
    pub async fn wake(&self) {
        let Some(queue) = &self.0 else {
            return;
        };
        let message = json!({ "wake": true });
        let failure = match timeout(LIMIT, queue.send_json(&message)).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "timeout".to_owned(),
        };
        tracing::warn!(error = failure, "dispatch not woken");
    }
}
