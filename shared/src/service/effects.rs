//! Tells the function `effects` that a call has effects that are still to be done.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use crate::{
    aws::sqs::Queue,
    config::{ConfigError, Settings},
    domain::{Call, CallId},
};

/// The time limit of a message: Twilio, or a client, waits meanwhile.
const LIMIT: Duration = Duration::from_millis(500);

/// A message of the effects queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectsMessage {
    /// The call with effects.
    pub call_id: CallId,
}

/// The effects queue (`EFFECTS_QUEUE_URL`). Without one, the sweep of `effects` finds each call. Clones share the client.
#[derive(Clone, Default)]
pub struct EffectsQueue(Option<Queue>);

impl EffectsQueue {
    /// Reads the settings. Connects nowhere yet.
    ///
    /// # Errors
    ///
    /// If `EFFECTS_QUEUE_URL` is malformed.
    pub fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        Ok(Self(settings.effects_queue()?.map(Queue::new)))
    }

    /// Sends a message about this call, within half a second. Logs a failure: the sweep finds the call then.
    pub async fn announce(&self, id: CallId) {
        let Some(queue) = &self.0 else {
            return;
        };
        let message = EffectsMessage { call_id: id };
        let failure = match timeout(LIMIT, queue.send_json(&message)).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "timeout".to_owned(),
        };
        tracing::warn!(call_id = %id, error = failure, "effects left to the sweep");
    }

    /// [`EffectsQueue::announce`] for a call that was just read, if it has effects.
    pub async fn announce_effects_of(&self, call: &Call) {
        if !call.effects.is_empty() {
            self.announce(call.call_id).await;
        }
    }
}
