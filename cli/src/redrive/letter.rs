//! A dead letter, without anything personal.

use std::fmt;

use aws_sdk_sqs::types::Message;
use chrono::{DateTime, SecondsFormat, Utc};
use outdial::domain::CallId;
use outdial::webhook::QueuedWebhook;
use serde::{Deserialize, Serialize};

/// A dead letter.
#[derive(Serialize)]
pub struct Letter {
    message_id: Option<String>,
    /// The topic of a webhook, `effects` or `dial`. `None` if the message is not from outdial.
    topic: Option<String>,
    call_id: Option<String>,
    /// When the webhook came in, UTC.
    received_at: Option<String>,
    /// True for a letter of the dial queue, which is never moved.
    #[serde(skip)]
    pub is_dial: bool,
}

/// A message of the effects queue or, with a lease, of the dial queue.
#[derive(Deserialize)]
struct OfCall {
    call_id: CallId,
    lease_id: Option<String>,
}

impl Letter {
    /// Reads a message of any queue.
    pub fn of(message: &Message) -> Self {
        let body = message.body().unwrap_or_default();
        let message_id = message.message_id().map(str::to_owned);
        // A webhook has a topic, and no other message does.
        match serde_json::from_str::<QueuedWebhook>(body) {
            Ok(webhook) => Self::of_webhook(message_id, &webhook),
            Err(_) => Self::of_call(message_id, serde_json::from_str(body).ok()),
        }
    }

    fn of_webhook(message_id: Option<String>, webhook: &QueuedWebhook) -> Self {
        let topic = serde_json::to_value(webhook.topic).ok();
        let received = DateTime::<Utc>::from_timestamp_millis(webhook.received_at);
        let received = received.unwrap_or_default();
        Self {
            message_id,
            topic: topic.and_then(|topic| topic.as_str().map(str::to_owned)),
            call_id: webhook.call_id.map(|id| id.to_string()),
            received_at: Some(received.to_rfc3339_opts(SecondsFormat::Millis, true)),
            is_dial: false,
        }
    }

    fn of_call(message_id: Option<String>, of: Option<OfCall>) -> Self {
        let is_dial = of.as_ref().is_some_and(|of| of.lease_id.is_some());
        let topic = if is_dial { "dial" } else { "effects" };
        Self {
            message_id,
            topic: of.as_ref().map(|_| topic.to_owned()),
            call_id: of.map(|of| of.call_id.to_string()),
            received_at: None,
            is_dial,
        }
    }
}

impl fmt::Display for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.message_id.as_deref();
        write!(f, "{}  ", id.unwrap_or("message without an id"))?;
        let Some(topic) = &self.topic else {
            return f.write_str("not a webhook from outdial");
        };
        let call = self.call_id.as_deref().unwrap_or("a call");
        write!(f, "{topic} of {call}")?;
        match &self.received_at {
            Some(received) => write!(f, ", received {received}"),
            None => Ok(()),
        }
    }
}
