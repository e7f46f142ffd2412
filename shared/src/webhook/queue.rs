//! The SQS queue of webhooks that the database could not take, and of what `voice` could not store.

use std::fmt;

use bson::DateTime;
use serde::{Deserialize, Serialize};

use super::{
    event::{CUT_OFF, OPTED_OUT, WebhookTopic},
    extractor::SignedForm,
};
use crate::{
    aws::sqs::{Queue, QueueError},
    config::{ConfigError, Settings},
    domain::{CallId, CallSid, PhoneNumber, Place},
    twilio::form_pairs,
};

/// What becomes of a call with steps that the database does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepEnd {
    /// The steps went on to their end, or go on.
    NotCutOff,
    /// The person hears no further steps.
    CutOff,
    /// The person asked for no further calls.
    OptedOut,
}

/// The field of [`QueuedWebhook::instead_of_all`].
pub(super) const INSTEAD_OF_ALL: &str = "InsteadOfAll";

/// A webhook in the queue: a JSON object. Its signature was checked, unless it has `unverified`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuedWebhook {
    /// The topic.
    pub topic: WebhookTopic,
    /// The `call_id` in its URL.
    #[serde(default)]
    pub call_id: Option<CallId>,
    /// The header `I-Twilio-Idempotency-Token`.
    #[serde(default)]
    pub token: Option<String>,
    /// The whole form, `application/x-www-form-urlencoded`.
    pub form: String,
    /// When it arrived, UTC, in milliseconds since 1970.
    pub received_at: i64,
    /// The request's id in the logs.
    pub request_id: String,
    /// The signature, if the function that received the webhook could not check it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unverified: Option<Unverified>,
}

/// A signature that is still to be checked.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unverified {
    /// The query of the URL that Twilio requested.
    pub query: String,
    /// The header `X-Twilio-Signature`.
    pub signature: String,
    /// The header `X-Twilio-Webhooks-Signature-Settings`.
    #[serde(default)]
    pub settings: Option<String>,
}

impl QueuedWebhook {
    pub(super) fn new(topic: WebhookTopic, form: SignedForm, received_at: DateTime) -> Self {
        Self {
            topic,
            call_id: form.call_id,
            form: Self::keepable_form(&form.body),
            token: form.token,
            received_at: received_at.timestamp_millis(),
            request_id: form.request_id,
            unverified: None,
        }
    }

    /// Returns the message that a person heard an apology instead of the script. It holds no personal data.
    #[must_use]
    pub fn undelivered(
        call_id: Option<CallId>,
        call_sid: Option<&CallSid>,
        request_id: String,
    ) -> Self {
        let sid = call_sid.map(|sid| ("CallSid", sid.as_str()));
        Self {
            topic: WebhookTopic::Undelivered,
            call_id,
            token: None,
            form: form_urlencoded::Serializer::new(String::new())
                .extend_pairs(sid)
                .finish(),
            received_at: DateTime::now().timestamp_millis(),
            request_id,
            unverified: None,
        }
    }

    /// Adds that the person certainly heard nothing else: all responses before the apology were redirects.
    #[must_use]
    pub fn instead_of_all(self) -> Self {
        let form = format!("{}&{INSTEAD_OF_ALL}=true", self.form);
        Self { form, ..self }
    }

    /// Returns the message with an event of a call with steps: its place, and the keys that were pressed there. `end` says
    /// how the call ends.
    #[must_use]
    pub fn step(
        call_id: CallId,
        call_sid: &CallSid,
        place: &Place,
        keys: Option<&str>,
        end: StepEnd,
        request_id: String,
    ) -> Self {
        Self {
            topic: WebhookTopic::Step,
            call_id: Some(call_id),
            token: None,
            form: form_urlencoded::Serializer::new(String::new())
                .append_pair("CallSid", call_sid.as_str())
                .extend_pairs(place.pairs())
                .extend_pairs(keys.map(|keys| ("Digits", keys)))
                .extend_pairs(match end {
                    StepEnd::NotCutOff => None,
                    StepEnd::CutOff => Some((CUT_OFF, "1")),
                    StepEnd::OptedOut => Some((OPTED_OUT, "1")),
                })
                .finish(),
            received_at: DateTime::now().timestamp_millis(),
            request_id,
            unverified: None,
        }
    }

    /// Returns the message that a person called from this number and asked for no further calls.
    #[must_use]
    pub fn caller_opted_out(call_sid: &CallSid, number: &PhoneNumber, request_id: String) -> Self {
        Self {
            topic: WebhookTopic::Inbound,
            call_id: None,
            token: None,
            form: form_urlencoded::Serializer::new(String::new())
                .append_pair("CallSid", call_sid.as_str())
                .append_pair("From", number.as_str())
                .finish(),
            received_at: DateTime::now().timestamp_millis(),
            request_id,
            unverified: None,
        }
    }

    /// When it arrived, UTC.
    #[must_use]
    pub fn received_at(&self) -> DateTime {
        DateTime::from_millis(self.received_at)
    }

    /// Encodes a form for the queue: printable ASCII with the same fields, whatever bytes arrived.
    #[must_use]
    pub fn keepable_form(body: &[u8]) -> String {
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form_pairs(body))
            .finish()
    }
}

/// Without the form.
impl fmt::Debug for QueuedWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueuedWebhook")
            .field("topic", &self.topic)
            .field("call_id", &self.call_id)
            .field("received_at", &self.received_at)
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}

/// The queue in `WEBHOOK_QUEUE_URL`. Clones share the client.
#[derive(Clone)]
pub struct WebhookQueue(Queue);

impl WebhookQueue {
    /// Returns the configured queue, if there is one.
    ///
    /// # Errors
    ///
    /// If `WEBHOOK_QUEUE_URL` is malformed.
    pub fn from_settings(settings: &Settings) -> Result<Option<Self>, ConfigError> {
        let url = settings.webhook_queue()?;
        Ok(url.map(|url| Self(Queue::new(url))))
    }

    /// Sends a webhook to the queue.
    ///
    /// # Errors
    ///
    /// If the queue refuses, or does not respond within [`SEND_TIMEOUT`](crate::aws::sqs::SEND_TIMEOUT).
    pub async fn send(&self, webhook: &QueuedWebhook) -> Result<(), QueueError> {
        self.0.send_json(webhook).await
    }

    /// Sends a received message once more, hidden for this number of seconds at first.
    ///
    /// # Errors
    ///
    /// As [`WebhookQueue::send`].
    pub async fn send_again(&self, body: &str, seconds: i32) -> Result<(), QueueError> {
        self.0.send_after(body, seconds).await
    }

    /// Hides a received message for this number of seconds from now.
    ///
    /// # Errors
    ///
    /// As [`WebhookQueue::send`].
    pub async fn postpone(&self, receipt_handle: &str, seconds: i32) -> Result<(), QueueError> {
        self.0.postpone(receipt_handle, seconds).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queued_form_is_printable_ascii_with_the_same_fields() {
        for body in [
            &b"CallSid=CA1&CallStatus=busy&CallerName=&x=a+b%20c"[..],
            b"a=\xff\x00\x07&b=%FF&=&&c",
            "a=\u{1F600}&\u{FFFE}=\u{0}".as_bytes(),
        ] {
            let kept = QueuedWebhook::keepable_form(body);
            assert!(kept.bytes().all(|byte| byte.is_ascii_graphic()), "{kept:?}");
            let pairs = |form| form_pairs(form).into_owned().collect::<Vec<_>>();
            assert_eq!(pairs(kept.as_bytes()), pairs(body));
        }
    }
}
