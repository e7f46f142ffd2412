//! The SQS queue of webhooks that the database could not take, and of apologies that `voice` spoke.

use std::{fmt, sync::Arc, time::Duration};

use aws_config::{retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_sqs::{
    Client, Config,
    error::{ProvideErrorMetadata, SdkError},
};
use bson::DateTime;
use serde::{Deserialize, Serialize};
use tokio::{sync::OnceCell, time::timeout};
use url::Url;

use super::{event::WebhookTopic, extractor::SignedForm};
use crate::{
    aws,
    config::{ConfigError, Settings},
    domain::{CallId, CallSid},
    twilio::form_pairs,
};

/// A webhook in the queue, whose signature was checked: a JSON object.
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

/// The time limit of a queue operation, including the creation of the client: Twilio waits for the response.
pub const SEND_TIMEOUT: Duration = Duration::from_secs(2);

/// The time limit of one attempt: it leaves time for a second one.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(900);

/// The longest pause before the second attempt.
const BACKOFF: Duration = Duration::from_millis(100);

/// The queue in `WEBHOOK_QUEUE_URL`. The first message creates the SDK client. Clones share it.
#[derive(Clone)]
pub struct WebhookQueue(Arc<Shared>);

struct Shared {
    url: String,
    client: OnceCell<Client>,
}

/// Why a queue operation failed. If the queue did not respond, the operation may have succeeded.
#[derive(Debug, thiserror::Error)]
#[error("queue operation failed: {0}")]
pub struct QueueError(String);

impl WebhookQueue {
    /// Returns the configured queue, if there is one.
    ///
    /// # Errors
    ///
    /// If `WEBHOOK_QUEUE_URL` is malformed.
    pub fn from_settings(settings: &Settings) -> Result<Option<Self>, ConfigError> {
        let url = settings.webhook_queue()?;
        Ok(url.map(|url| {
            Self(Arc::new(Shared {
                url: url.into(),
                client: OnceCell::new(),
            }))
        }))
    }

    /// Sends a webhook to the queue.
    ///
    /// # Errors
    ///
    /// If the queue refuses, or does not respond within [`SEND_TIMEOUT`].
    pub async fn send(&self, webhook: &QueuedWebhook) -> Result<(), QueueError> {
        let body = serde_json::to_string(webhook).map_err(|error| QueueError(error.to_string()))?;
        self.with_timeout(async |client, url| {
            let sent = client.send_message().queue_url(url).message_body(body);
            sent.send()
                .await
                .map(|_| ())
                .map_err(|error| describe(&error))
        })
        .await
    }

    /// Hides a received message for this number of seconds from now.
    ///
    /// # Errors
    ///
    /// If the queue refuses, or does not respond within [`SEND_TIMEOUT`].
    pub async fn postpone(&self, receipt_handle: &str, seconds: i32) -> Result<(), QueueError> {
        self.with_timeout(async |client, url| {
            let changed = client
                .change_message_visibility()
                .queue_url(url)
                .receipt_handle(receipt_handle)
                .visibility_timeout(seconds);
            changed
                .send()
                .await
                .map(|_| ())
                .map_err(|error| describe(&error))
        })
        .await
    }

    async fn with_timeout(
        &self,
        operation: impl AsyncFnOnce(&Client, &str) -> Result<(), QueueError>,
    ) -> Result<(), QueueError> {
        let Shared { url, client } = &*self.0;
        timeout(SEND_TIMEOUT, async {
            let client = client.get_or_try_init(async || connect(url)).await?;
            operation(client, url).await
        })
        .await
        .unwrap_or_else(|_| Err(QueueError("timeout".to_owned())))
    }
}

/// Creates the client. The endpoint comes from the environment variables or, without them, from the queue's URL.
fn connect(url: &str) -> Result<Client, QueueError> {
    let http = aws::Transport::new().map_err(|error| QueueError(error.to_string()))?;
    let environment = aws::configuration(http, aws::Service::Queues);
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .build();
    let mut config = Config::from(&environment)
        .to_builder()
        .timeout_config(timeouts)
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(2)
                .with_initial_backoff(BACKOFF),
        );
    if let (None, Ok(url)) = (aws::endpoint(aws::Service::Queues), Url::parse(url)) {
        config.set_endpoint_url(Some(url.origin().ascii_serialization()));
    }
    Ok(Client::from_conf(config.build()))
}

/// Returns the service's error code or the kind of failure, never a body.
fn describe<E: ProvideErrorMetadata>(error: &SdkError<E>) -> QueueError {
    QueueError(match error {
        SdkError::ServiceError(service) => service.err().code().unwrap_or("refused").to_owned(),
        SdkError::TimeoutError(_) => "timeout".to_owned(),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => "timeout".to_owned(),
        SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_) => aws::unreachable("SQS"),
        _ => "unreadable response".to_owned(),
    })
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
