//! An SQS queue for one test.

use aws_sdk_sqs::{
    Client,
    types::{Message, MessageSystemAttributeName, QueueAttributeName},
};
use lambda::sqs_event;
use serde_json::Value;
use uuid::Uuid;

use crate::aws;
use crate::stage::Stage;

/// A queue for one test, on the server that `OUTDIAL_TEST_SQS_ENDPOINT` names.
#[derive(Debug, Clone)]
pub struct Queue {
    client: Client,
    url: String,
}

impl Queue {
    /// Creates a queue with a visibility timeout of zero: received messages stay visible.
    ///
    /// # Panics
    ///
    /// If the server doesn't run.
    pub async fn new() -> Self {
        Self::hiding(0).await
    }

    /// Creates a queue that hides received messages for this number of seconds.
    ///
    /// # Panics
    ///
    /// If the server doesn't run.
    pub async fn hiding(seconds: u32) -> Self {
        let client = Client::new(&aws::configuration("OUTDIAL_TEST_SQS_ENDPOINT"));
        let created = client
            .create_queue()
            .queue_name(format!("test-{}", Uuid::new_v4().simple()))
            .attributes(QueueAttributeName::VisibilityTimeout, seconds.to_string())
            .send()
            .await
            .expect("the server creates the queue");
        Self {
            client,
            url: created.queue_url.expect("a queue has a URL"),
        }
    }

    /// Returns the queue's URL, the value of a variable such as `DIAL_QUEUE_URL`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns a client of the queue's server.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Returns up to ten visible messages, as JSON. They stay in the queue.
    ///
    /// # Panics
    ///
    /// If the server doesn't answer.
    pub async fn messages(&self) -> Vec<Value> {
        let messages = self.receive().await;
        bodies(&messages).collect()
    }

    /// Takes all messages from the queue, and returns them as JSON.
    ///
    /// # Panics
    ///
    /// If the server doesn't answer.
    pub async fn receive_all(&self) -> Vec<Value> {
        let mut all = Vec::new();
        loop {
            let messages = self.receive().await;
            if messages.is_empty() {
                return all;
            }
            all.extend(bodies(&messages));
            for message in &messages {
                let deleted = self
                    .client
                    .delete_message()
                    .queue_url(&self.url)
                    .receipt_handle(message.receipt_handle().expect("a received message"));
                deleted
                    .send()
                    .await
                    .expect("the server deletes the message");
            }
        }
    }

    /// Sends a message to the queue.
    ///
    /// # Panics
    ///
    /// If the server refuses it.
    pub async fn put(&self, body: &str) {
        let sent = self
            .client
            .send_message()
            .queue_url(&self.url)
            .message_body(body);
        sent.send().await.expect("the server accepts the message");
    }

    /// Returns up to ten visible messages as the event that Lambda would send to a function.
    ///
    /// # Panics
    ///
    /// If the server doesn't answer.
    pub async fn event(&self) -> Value {
        sqs_event("test", &self.receive().await)
    }

    async fn receive(&self) -> Vec<Message> {
        let received = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(10)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .send()
            .await
            .expect("the server answers");
        received.messages.unwrap_or_default()
    }
}

/// Returns the bodies of messages. One that is not JSON is a JSON string.
fn bodies(messages: &[Message]) -> impl Iterator<Item = Value> {
    let bodies = messages.iter().filter_map(Message::body);
    bodies.map(|body| serde_json::from_str(body).unwrap_or_else(|_| body.into()))
}

impl Stage {
    /// Configures the functions to keep webhooks in this queue.
    #[must_use]
    pub fn spilling_into(self, queue: &Queue) -> Self {
        self.set("WEBHOOK_QUEUE_URL", queue.url())
    }
}
