//! An SQS queue, as the functions use it: they send messages and postpone received ones.

use std::{sync::Arc, time::Duration};

use aws_config::{retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_sqs::{
    Client, Config,
    error::{BuildError, ProvideErrorMetadata, SdkError},
    types::SendMessageBatchRequestEntry,
};
use futures_util::{StreamExt, stream};
use serde::Serialize;
use tokio::{sync::OnceCell, time::timeout};
use url::Url;

use super::{Service, Transport, configuration, endpoint, unreachable};

/// The time limit of one queue operation, including the creation of the client: a client of the API waits for the response.
pub const SEND_TIMEOUT: Duration = Duration::from_secs(2);

/// The time limit of one attempt: it leaves time for a second one.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(900);

/// The longest pause before the second attempt.
const BACKOFF: Duration = Duration::from_millis(100);

/// The most messages that SQS takes in one request.
const BATCH: usize = 10;

/// The number of concurrent requests of [`Queue::send_all`].
const CONCURRENT_BATCHES: usize = 8;

/// An SQS queue. The first operation creates the SDK client. Clones share it.
#[derive(Clone)]
pub struct Queue(Arc<Shared>);

struct Shared {
    url: String,
    client: OnceCell<Client>,
}

/// Why a queue operation failed. If the queue did not respond, the operation may have succeeded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("queue operation failed: {0}")]
pub struct QueueError(String);

/// A message of [`Queue::send_all`] that was not sent, or whose fate is unknown because the queue did not respond.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotSent {
    /// The message's position among all messages of the call, from 0.
    pub index: usize,
    /// The reason.
    pub error: QueueError,
}

impl Queue {
    /// Returns the queue with this URL. Connects nowhere yet.
    #[must_use]
    pub fn new(url: Url) -> Self {
        Self(Arc::new(Shared {
            url: url.into(),
            client: OnceCell::new(),
        }))
    }

    /// Sends a message.
    ///
    /// # Errors
    ///
    /// If the queue refuses, or does not respond within [`SEND_TIMEOUT`].
    pub async fn send(&self, body: impl Into<String>) -> Result<(), QueueError> {
        self.send_after(body, 0).await
    }

    /// Sends a message that is hidden for this number of seconds at first.
    ///
    /// # Errors
    ///
    /// As [`Queue::send`].
    pub async fn send_after(
        &self,
        body: impl Into<String>,
        seconds: i32,
    ) -> Result<(), QueueError> {
        let delay = Some(seconds).filter(|&seconds| seconds > 0);
        self.with_timeout(async |client, url| {
            let sent = client.send_message().queue_url(url).message_body(body);
            let sent = sent.set_delay_seconds(delay).send();
            sent.await.map_err(|error| describe(&error))
        })
        .await
        .map(drop)
    }

    /// Sends a message, as JSON.
    ///
    /// # Errors
    ///
    /// As [`Queue::send`], or if the message has no JSON form.
    pub async fn send_json(&self, message: &impl Serialize) -> Result<(), QueueError> {
        let body = serde_json::to_string(message).map_err(|error| QueueError(error.to_string()))?;
        self.send(body).await
    }

    /// Sends any number of messages in batches of ten, some batches concurrently. Returns the messages that were not sent, in the
    /// order of `bodies`: none if all were.
    ///
    /// Each batch has [`SEND_TIMEOUT`]. SQS may deliver the messages in another order.
    pub async fn send_all(&self, bodies: Vec<String>) -> Vec<NotSent> {
        let mut bodies = bodies.into_iter();
        let batches = std::iter::from_fn(|| {
            let batch: Vec<_> = bodies.by_ref().take(BATCH).collect();
            (!batch.is_empty()).then_some(batch)
        });
        let failures: Vec<_> = stream::iter(batches.enumerate())
            .map(|(nth, batch)| self.send_batch(nth * BATCH, batch))
            .buffered(CONCURRENT_BATCHES)
            .collect()
            .await;
        failures.into_iter().flatten().collect()
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
            changed.send().await.map_err(|error| describe(&error))
        })
        .await
        .map(drop)
    }

    /// Sends at most [`BATCH`] messages, the first of which has the position `first`.
    async fn send_batch(&self, first: usize, bodies: Vec<String>) -> Vec<NotSent> {
        let count = bodies.len();
        let sent = self
            .with_timeout(async |client, url| {
                let entries: Result<Vec<_>, _> = bodies
                    .into_iter()
                    .enumerate()
                    .map(|(index, body)| entry(index, body))
                    .collect();
                let entries = entries.map_err(|error| QueueError(error.to_string()))?;
                let sent = client.send_message_batch().queue_url(url);
                sent.set_entries(Some(entries))
                    .send()
                    .await
                    .map_err(|error| describe(&error))
            })
            .await;
        match sent {
            Ok(sent) => refused(
                first,
                count,
                sent.failed.iter().map(|entry| (&*entry.id, &*entry.code)),
            ),
            Err(error) => (first..first + count)
                .map(|index| NotSent {
                    index,
                    error: error.clone(),
                })
                .collect(),
        }
    }

    async fn with_timeout<T>(
        &self,
        operation: impl AsyncFnOnce(&Client, &str) -> Result<T, QueueError>,
    ) -> Result<T, QueueError> {
        let Shared { url, client } = &*self.0;
        timeout(SEND_TIMEOUT, async {
            let client = client.get_or_try_init(async || connect(url)).await?;
            operation(client, url).await
        })
        .await
        .unwrap_or_else(|_| Err(QueueError("timeout".to_owned())))
    }
}

fn entry(index: usize, body: String) -> Result<SendMessageBatchRequestEntry, BuildError> {
    SendMessageBatchRequestEntry::builder()
        .id(index.to_string())
        .message_body(body)
        .build()
}

/// Returns the messages that SQS names as failed, in their order. An unreadable id fails the whole batch.
fn refused<'a>(
    first: usize,
    count: usize,
    failed: impl Iterator<Item = (&'a str, &'a str)>,
) -> Vec<NotSent> {
    let mut all = Vec::new();
    for (id, code) in failed {
        let error = QueueError(code.to_owned());
        let Some(index) = id.parse().ok().filter(|index: &usize| *index < count) else {
            let index = first..first + count;
            return index
                .map(|index| NotSent {
                    index,
                    error: error.clone(),
                })
                .collect();
        };
        all.push(NotSent {
            index: first + index,
            error,
        });
    }
    all.sort_unstable_by_key(|message| message.index);
    all
}

/// Creates the client. The endpoint comes from the environment variables or, without them, from the queue's URL.
fn connect(url: &str) -> Result<Client, QueueError> {
    let http = Transport::new().map_err(|error| QueueError(error.to_string()))?;
    let environment = configuration(http, Service::Queues);
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
    if let (None, Ok(url)) = (endpoint(Service::Queues), Url::parse(url)) {
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
        SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_) => unreachable("SQS"),
        _ => "unreadable response".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_messages_are_named_by_position() {
        let positions = |failed: &[(&str, &str)]| {
            let refused = refused(20, 3, failed.iter().copied());
            refused
                .into_iter()
                .map(|message| message.index)
                .collect::<Vec<_>>()
        };
        assert_eq!(positions(&[]), [0; 0]);
        assert_eq!(
            positions(&[("2", "Throttled"), ("0", "Throttled")]),
            [20, 22]
        );
        for unreadable in ["3", "-1", "x", ""] {
            assert_eq!(positions(&[("1", "a"), (unreadable, "a")]), [20, 21, 22]);
        }
    }
}
