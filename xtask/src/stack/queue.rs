//! An SQS on this machine, and the event source mapping that feeds `replay` from it.

use std::time::{Duration, Instant};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::{BehaviorVersion, Config, Credentials, Region};
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::environment::Environment;
use super::{free_port, spawn};
use crate::Result;
use crate::lambda::Host;
use crate::output::Output;
use crate::processes;
use crate::venv::Venv;

/// How long the server may take until it answers.
const START_TIME: Duration = Duration::from_secs(30);
/// As in the template: after so many tries a message is a dead letter.
const TRIES: u32 = 200;
/// How long a message is hidden once it has been received. In the template it is six times what `replay` may take; here a
/// killed environment's messages come back sooner.
const HIDDEN_SECONDS: u32 = 10;
const BATCH: i32 = 10;

const REGION: &str = "us-east-1";
const KEY: &str = "local";

/// A queue, and the one for its dead letters, on a server that ends with this program.
#[derive(Clone)]
pub struct Queue {
    /// Its URL.
    pub url: String,
    /// The URL of the queue for dead letters.
    pub dead_letter_url: String,
    endpoint: String,
    client: Client,
}

impl Queue {
    /// Starts a server, and makes the queues.
    pub async fn start(venv: &Venv, output: &Output) -> Result<Self> {
        let endpoint = serve(venv, output).await?;
        let client = client(&endpoint)?;
        let dead_letter_url = make(&client, "webhooks-dead", None).await?;
        let arn = attribute(&client, &dead_letter_url, QueueAttributeName::QueueArn).await?;
        let redrive = json!({ "deadLetterTargetArn": arn, "maxReceiveCount": TRIES });
        let url = make(&client, "webhooks", Some(redrive)).await?;
        Ok(Self {
            url,
            dead_letter_url,
            endpoint,
            client,
        })
    }

    /// Gives functions what they reach the queue by.
    pub fn tell(&self, environment: &mut Environment) {
        environment.set("WEBHOOK_QUEUE_URL", &self.url);
        environment.set("AWS_ENDPOINT_URL", &self.endpoint);
        environment.set("AWS_REGION", REGION);
        environment.set("AWS_ACCESS_KEY_ID", KEY);
        environment.set("AWS_SECRET_ACCESS_KEY", KEY);
    }

    /// How many messages wait in it, hidden ones included.
    pub async fn depth(&self) -> Result<u64> {
        depth(&self.client, &self.url).await
    }

    /// How many dead letters there are.
    pub async fn dead(&self) -> Result<u64> {
        depth(&self.client, &self.dead_letter_url).await
    }

    /// Hands batches to `replay`, as Lambda does, until told to stop: what is not named as failed is deleted. Returns how many
    /// messages were deleted.
    pub async fn pump(self, host: Host, stop: watch::Receiver<bool>) -> usize {
        let mut applied = 0;
        while !*stop.borrow() {
            let batch = self.receive().await.unwrap_or_default();
            if batch.is_empty() {
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            }
            let Ok(answer) = host.invoke("replay", &event(&batch)).await else {
                continue;
            };
            let failed = failures(&answer);
            for message in &batch {
                let id = message.message_id().unwrap_or_default();
                if failed
                    .iter()
                    .any(|failed| failed == id || failed.is_empty())
                {
                    continue;
                }
                let deleted = self
                    .client
                    .delete_message()
                    .queue_url(&self.url)
                    .receipt_handle(message.receipt_handle().unwrap_or_default())
                    .send()
                    .await;
                applied += usize::from(deleted.is_ok());
            }
        }
        applied
    }

    async fn receive(&self) -> Result<Vec<Message>> {
        let received = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(BATCH)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .send()
            .await?;
        Ok(received.messages.unwrap_or_default())
    }
}

/// Starts a server, and returns its origin once it answers.
pub async fn serve(venv: &Venv, output: &Output) -> Result<String> {
    let port = free_port()?;
    let mut command = processes::command(venv.program("moto_server"));
    command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
    spawn(output, "sqs", &mut command)?;
    let endpoint = format!("http://127.0.0.1:{port}");
    let client = client(&endpoint)?;
    let deadline = Instant::now() + START_TIME;
    while let Err(error) = client.list_queues().send().await {
        if Instant::now() > deadline {
            let tail = output.last_lines(10);
            return Err(format!("the local SQS does not answer: {error}{tail}").into());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(endpoint)
}

fn client(endpoint: &str) -> Result<Client> {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new(KEY, KEY, None, None, KEY))
        .endpoint_url(endpoint)
        .http_client(outdial::aws::Transport::new()?)
        .build();
    Ok(Client::from_conf(config))
}

async fn make(client: &Client, name: &str, redrive: Option<Value>) -> Result<String> {
    let mut creation = client.create_queue().queue_name(name).attributes(
        QueueAttributeName::VisibilityTimeout,
        HIDDEN_SECONDS.to_string(),
    );
    if let Some(policy) = redrive {
        creation = creation.attributes(QueueAttributeName::RedrivePolicy, policy.to_string());
    }
    let made = creation.send().await?;
    Ok(made.queue_url.ok_or("the queue has no URL")?)
}

async fn attribute(client: &Client, url: &str, name: QueueAttributeName) -> Result<String> {
    let found = client
        .get_queue_attributes()
        .queue_url(url)
        .attribute_names(name.clone())
        .send()
        .await?;
    let value = found.attributes().and_then(|all| all.get(&name)).cloned();
    Ok(value.ok_or_else(|| format!("the queue does not tell its {name:?}"))?)
}

async fn depth(client: &Client, url: &str) -> Result<u64> {
    let mut sum = 0;
    for name in [
        QueueAttributeName::ApproximateNumberOfMessages,
        QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        QueueAttributeName::ApproximateNumberOfMessagesDelayed,
    ] {
        sum += attribute(client, url, name).await?.parse::<u64>()?;
    }
    Ok(sum)
}

/// What Lambda makes of a batch.
fn event(batch: &[Message]) -> Value {
    let records = batch.iter().map(|message| {
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
            "eventSourceARN": format!("arn:aws:sqs:{REGION}:123456789012:webhooks"),
            "awsRegion": REGION,
        })
    });
    json!({ "Records": records.collect::<Vec<_>>() })
}

/// The messages that an answer names as failed. An empty name, or an answer that is none, fails the whole batch.
fn failures(answer: &Value) -> Vec<String> {
    let Some(failed) = answer["batchItemFailures"].as_array() else {
        return vec![String::new()];
    };
    let name = |item: &Value| {
        item["itemIdentifier"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    failed.iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_names_what_has_failed_or_all_has() {
        assert!(failures(&json!({ "batchItemFailures": [] })).is_empty());
        let one = json!({ "batchItemFailures": [{ "itemIdentifier": "a" }] });
        assert_eq!(failures(&one), ["a"]);
        for all in [json!(null), json!({}), json!({ "batchItemFailures": [{}] })] {
            assert_eq!(failures(&all), [""], "{all}");
        }
    }
}
