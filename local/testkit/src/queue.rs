//! An SQS queue for one test.

use aws_sdk_sqs::{
    Client,
    types::{Message, MessageSystemAttributeName, QueueAttributeName},
};
use serde_json::{Map, Value, json};
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
        let client = Client::new(&aws::configuration("OUTDIAL_TEST_SQS_ENDPOINT"));
        let created = client
            .create_queue()
            .queue_name(format!("test-{}", Uuid::new_v4().simple()))
            .attributes(QueueAttributeName::VisibilityTimeout, "0")
            .send()
            .await
            .expect("the server creates the queue");
        Self {
            client,
            url: created.queue_url.expect("a queue has a URL"),
        }
    }

    /// Returns the value of `WEBHOOK_QUEUE_URL`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the visible messages, as JSON.
    ///
    /// # Panics
    ///
    /// If the server doesn't answer.
    pub async fn messages(&self) -> Vec<Value> {
        let messages = self.receive().await;
        let bodies = messages.iter().filter_map(Message::body);
        bodies
            .map(|body| serde_json::from_str(body).unwrap_or_else(|_| body.into()))
            .collect()
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

    /// Returns the visible messages as the event that Lambda would send to a function.
    ///
    /// # Panics
    ///
    /// If the server doesn't answer.
    pub async fn event(&self) -> Value {
        let records = self.receive().await.into_iter().map(|message| {
            let attributes: Map<_, _> = message
                .attributes()
                .into_iter()
                .flatten()
                .map(|(name, value)| (name.as_str().to_owned(), value.as_str().into()))
                .collect();
            json!({
                "messageId": message.message_id(),
                "receiptHandle": message.receipt_handle(),
                "body": message.body(),
                "attributes": attributes,
                "messageAttributes": {},
                "md5OfBody": message.md5_of_body(),
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:webhooks",
                "awsRegion": "us-east-1",
            })
        });
        json!({ "Records": records.collect::<Vec<_>>() })
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

impl Stage {
    /// Configures the functions to keep webhooks in this queue.
    #[must_use]
    pub fn spilling_into(self, queue: &Queue) -> Self {
        self.set("WEBHOOK_QUEUE_URL", queue.url())
    }
}
