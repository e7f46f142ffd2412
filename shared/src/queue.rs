//! An SQS queue of webhooks that the database could not take, and of apologies that `voice` could not store.

use std::{fmt, sync::Arc, time::Duration};

use aws_config::{retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_sqs::{
    Client, Config,
    error::{ProvideErrorMetadata, SdkError},
};
use mongodb::bson::DateTime;
use serde::{Deserialize, Serialize};
use tokio::{sync::OnceCell, time::timeout};
use url::Url;

use crate::{
    aws,
    config::{ConfigError, Settings},
    domain::{CallId, CallSid},
    twilio::form_pairs,
};

/// What a webhook tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookTopic {
    /// What becomes of a call.
    Status,
    /// What was recorded.
    Recording,
    /// An apology was spoken instead of the script. `voice` sends this, not Twilio.
    Undelivered,
}

/// A webhook whose signature has been checked, as it lies in the queue: a JSON object.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// What it tells of.
    pub topic: WebhookTopic,
    /// The call that its URL names.
    #[serde(default)]
    pub call_id: Option<CallId>,
    /// Its header `I-Twilio-Idempotency-Token`.
    #[serde(default)]
    pub token: Option<String>,
    /// The whole form, `application/x-www-form-urlencoded`.
    pub form: String,
    /// When it came, UTC, in milliseconds since 1970.
    pub received_at: i64,
    /// The name of the request in the logs.
    pub request_id: String,
}

impl Webhook {
    /// Returns the message that the call's script was not spoken. It holds nothing personal.
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

    /// When it came, UTC.
    #[must_use]
    pub fn received_at(&self) -> DateTime {
        DateTime::from_millis(self.received_at)
    }

    /// The form as it is kept: plain ASCII that means the same, whatever bytes came.
    #[must_use]
    pub fn keepable_form(body: &[u8]) -> String {
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form_pairs(body))
            .finish()
    }
}

/// Without the form.
impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook")
            .field("topic", &self.topic)
            .field("call_id", &self.call_id)
            .field("received_at", &self.received_at)
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}

/// How long Twilio's answer may wait for the queue, the making of the client included.
pub const SEND_TIMEOUT: Duration = Duration::from_secs(2);

/// For one try: there is time for another.
const TRY_TIMEOUT: Duration = Duration::from_millis(900);

/// The longest pause before that.
const PAUSE: Duration = Duration::from_millis(100);

/// The queue of `WEBHOOK_QUEUE_URL`. Nothing of the AWS SDK is made before it is needed. Clones share one client.
#[derive(Clone)]
pub struct WebhookQueue(Arc<Shared>);

struct Shared {
    url: String,
    client: OnceCell<Client>,
}

/// Why the queue did not do what it was asked. Whether it was done is not known where it is away.
#[derive(Debug, thiserror::Error)]
#[error("the queue failed: {0}")]
pub struct QueueError(String);

impl WebhookQueue {
    /// The configured queue, if there is one.
    ///
    /// # Errors
    ///
    /// When `WEBHOOK_QUEUE_URL` is malformed.
    pub fn from_settings(settings: &Settings) -> Result<Option<Self>, ConfigError> {
        let url = settings.webhook_queue()?;
        Ok(url.map(|url| {
            Self(Arc::new(Shared {
                url: url.into(),
                client: OnceCell::new(),
            }))
        }))
    }

    /// Puts a webhook into the queue.
    ///
    /// # Errors
    ///
    /// When the queue refuses, or has not answered within [`SEND_TIMEOUT`].
    pub async fn send(&self, webhook: &Webhook) -> Result<(), QueueError> {
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

    /// Hides a message that was received for so many seconds more, counted from now.
    ///
    /// # Errors
    ///
    /// When the queue refuses, or has not answered within [`SEND_TIMEOUT`].
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
        ask: impl AsyncFnOnce(&Client, &str) -> Result<(), QueueError>,
    ) -> Result<(), QueueError> {
        let Shared { url, client } = &*self.0;
        timeout(SEND_TIMEOUT, async {
            let client = client.get_or_try_init(async || connect(url)).await?;
            ask(client, url).await
        })
        .await
        .unwrap_or_else(|_| Err(QueueError("no answer in time".to_owned())))
    }
}

/// The environment's settings win; without them the queue is asked where its URL is.
fn connect(url: &str) -> Result<Client, QueueError> {
    let http = aws::Transport::new().map_err(|error| QueueError(error.to_string()))?;
    let environment = aws::configuration(http, aws::Service::Queues);
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(TRY_TIMEOUT)
        .build();
    let mut config = Config::from(&environment)
        .to_builder()
        .timeout_config(timeouts)
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(2)
                .with_initial_backoff(PAUSE),
        );
    if let (None, Ok(url)) = (aws::endpoint(aws::Service::Queues), Url::parse(url)) {
        config.set_endpoint_url(Some(url.origin().ascii_serialization()));
    }
    Ok(Client::from_conf(config.build()))
}

/// The service's error code, or the kind of failure; never a body.
fn describe<E: ProvideErrorMetadata>(error: &SdkError<E>) -> QueueError {
    QueueError(match error {
        SdkError::ServiceError(service) => service.err().code().unwrap_or("refused").to_owned(),
        SdkError::TimeoutError(_) => "no answer in time".to_owned(),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => {
            "no answer in time".to_owned()
        }
        SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_) => aws::unreachable("SQS"),
        _ => "its answer could not be read".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_kept_as_plain_text_that_means_the_same() {
        for body in [
            &b"CallSid=CA1&CallStatus=busy&CallerName=&x=a+b%20c"[..],
            b"a=\xff\x00\x07&b=%FF&=&&c",
            "a=\u{1F600}&\u{FFFE}=\u{0}".as_bytes(),
        ] {
            let kept = Webhook::keepable_form(body);
            assert!(kept.bytes().all(|byte| byte.is_ascii_graphic()), "{kept:?}");
            let pairs = |form| form_pairs(form).into_owned().collect::<Vec<_>>();
            assert_eq!(pairs(kept.as_bytes()), pairs(body));
        }
    }
}
