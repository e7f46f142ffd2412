//! An event source mapping: reads an SQS queue, and invokes a function with its messages.

use std::ops::AddAssign;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::functions::EventSource;
use crate::host::{Failure, Host};
use crate::redeliveries::{Fate, Redeliveries};
use crate::sqs_event::{failed_messages, sqs_event};

/// The longest wait for messages of one read, in seconds. The server responds as soon as there is one. Shorter than the SDK's
/// connection timeout, which our transport applies to the whole request: a message for a reader that has gone would be hidden.
const WAIT_SECONDS: i32 = 1;

/// The pause after a read that failed.
const PAUSE: Duration = Duration::from_millis(200);

/// The most messages that SQS returns at once.
const MESSAGES_MAX: usize = 10;

/// A function that gets the messages of a queue.
pub struct EventSourceMapping {
    /// The function's name.
    pub function: &'static str,
    /// The template's settings.
    pub source: EventSource,
    /// The queue's URL.
    pub url: String,
    /// A client of the queue's server.
    pub client: Client,
    /// Plan of late and repeated batches.
    pub redeliveries: Option<Redeliveries>,
}

/// A message, when a function gets it for the first time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstDelivery {
    /// The message's body.
    pub body: String,
    /// Time at which it was sent, in milliseconds since 1970.
    pub sent_at: i64,
    /// Time at which the function is invoked with it.
    pub invoked_at: SystemTime,
}

/// What a mapping did: counts, and the messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deliveries {
    /// Messages that the function handled, and that were deleted.
    pub handled: usize,
    /// Messages that arrived late because of the plan.
    pub late: usize,
    /// Messages that arrived again because of the plan.
    pub again: usize,
    /// The messages that were not received before.
    pub first: Vec<FirstDelivery>,
}

impl AddAssign for Deliveries {
    fn add_assign(&mut self, other: Self) {
        self.handled += other.handled;
        self.late += other.late;
        self.again += other.again;
        self.first.extend(other.first);
    }
}

impl EventSourceMapping {
    /// Invokes the function, as Lambda does, until `stop` is true or has no sender. Then waits for the running invocations.
    ///
    /// Messages that the function has handled are deleted. The others come again when they become visible. `on_failure` gets each
    /// failed invocation.
    pub async fn run(
        self,
        host: Host,
        mut stop: watch::Receiver<bool>,
        on_failure: impl Fn(&str, &Failure) + Clone + Send + Sync + 'static,
    ) -> Deliveries {
        let mapping = Arc::new(self);
        let slots = Arc::new(Semaphore::new(mapping.source.concurrency));
        let (mut deliveries, mut running) = (Deliveries::default(), JoinSet::new());
        let mut nth = 0;
        loop {
            while let Some(done) = running.try_join_next() {
                deliveries += done.unwrap_or_default();
            }
            let next = async {
                // No message is read before there is a slot. None is held meanwhile: a late batch may need it.
                drop(slots.acquire().await);
                let batch = mapping.receive().await;
                if batch.is_empty() {
                    return None;
                }
                Some((batch, slots.clone().acquire_owned().await.ok()?))
            };
            let next = tokio::select! {
                _ = stop.wait_for(|stopped| *stopped) => break,
                next = next => next,
            };
            let Some((batch, slot)) = next else { continue };
            let plan = mapping.redeliveries;
            let fate = plan.map(|plan| plan.decide(mapping.source.queue, nth));
            nth += 1;
            let delivery = Delivery {
                mapping: mapping.clone(),
                host: host.clone(),
                slots: slots.clone(),
                fate: fate.unwrap_or_default(),
            };
            running.spawn(delivery.run(batch, slot, on_failure.clone()));
        }
        while let Some(done) = running.join_next().await {
            deliveries += done.unwrap_or_default();
        }
        deliveries
    }

    /// Reads messages. Returns none if there are none for a while, or after a failure.
    async fn receive(&self) -> Vec<Message> {
        let count = self.source.batch_size.clamp(1, MESSAGES_MAX);
        let received = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(i32::try_from(count).unwrap_or(1))
            .wait_time_seconds(WAIT_SECONDS)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .send()
            .await;
        if let Ok(received) = received {
            return received.messages.unwrap_or_default();
        }
        sleep(PAUSE).await;
        Vec::new()
    }

    /// Deletes these messages, and returns their number.
    async fn delete<'a>(&self, messages: impl Iterator<Item = &'a Message>) -> usize {
        let entries = messages.enumerate().filter_map(|(index, message)| {
            DeleteMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .receipt_handle(message.receipt_handle()?)
                .build()
                .ok()
        });
        let entries: Vec<_> = entries.collect();
        if entries.is_empty() {
            return 0;
        }
        let deleted = self.client.delete_message_batch().queue_url(&self.url);
        let deleted = deleted.set_entries(Some(entries)).send().await;
        deleted.map_or(0, |deleted| deleted.successful.len())
    }
}

/// One batch on its way to the function.
struct Delivery {
    mapping: Arc<EventSourceMapping>,
    host: Host,
    slots: Arc<Semaphore>,
    fate: Fate,
}

impl Delivery {
    async fn run(
        self,
        batch: Vec<Message>,
        slot: OwnedSemaphorePermit,
        on_failure: impl Fn(&str, &Failure),
    ) -> Deliveries {
        let Self { mapping, host, .. } = &self;
        let mut deliveries = Deliveries::default();
        let event = sqs_event(mapping.source.queue, &batch);
        let mut slot = Some(slot);
        if let Some(delay) = self.fate.late {
            deliveries.late = batch.len();
            // Other batches pass this one.
            slot = None;
            sleep(delay).await;
        }
        if slot.is_none() {
            slot = self.slots.clone().acquire_owned().await.ok();
        }
        deliveries.first = first_deliveries(&batch);
        let twice = async {
            if self.fate.twice
                && let Err(failure) = host.invoke(mapping.function, &event).await
            {
                on_failure(mapping.function, &failure);
            }
        };
        let (result, ()) = tokio::join!(host.invoke(mapping.function, &event), twice);
        if self.fate.twice {
            deliveries.again += batch.len();
        }
        match result {
            Ok(result) => {
                let failed = if mapping.source.reports_failures {
                    failed_messages(&result)
                } else {
                    Some(Vec::new())
                };
                if let Some(failed) = failed {
                    let is_handled = |message: &&Message| {
                        let id = message.message_id().unwrap_or_default();
                        !failed.contains(&id)
                    };
                    deliveries.handled = mapping.delete(batch.iter().filter(is_handled)).await;
                }
            }
            Err(failure) => on_failure(mapping.function, &failure),
        }
        drop(slot);
        if let Some(delay) = self.fate.again {
            deliveries.again += batch.len();
            sleep(delay).await;
            let _slot = self.slots.clone().acquire_owned().await;
            if let Err(failure) = host.invoke(mapping.function, &event).await {
                on_failure(mapping.function, &failure);
            }
        }
        deliveries
    }
}

/// The messages of a batch that were received only once so far.
fn first_deliveries(batch: &[Message]) -> Vec<FirstDelivery> {
    let invoked_at = SystemTime::now();
    let first = batch.iter().filter_map(|message| {
        let attributes = message.attributes()?;
        let number = |name| attributes.get(&name)?.parse::<i64>().ok();
        let receives = number(MessageSystemAttributeName::ApproximateReceiveCount);
        let sent_at = number(MessageSystemAttributeName::SentTimestamp)?;
        (receives == Some(1)).then(|| FirstDelivery {
            body: message.body().unwrap_or_default().to_owned(),
            sent_at,
            invoked_at,
        })
    });
    first.collect()
}
