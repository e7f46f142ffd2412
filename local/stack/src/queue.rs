//! A local SQS, and the event source mapping that invokes `replay` with its messages.

use std::time::{Duration, Instant};

use address::free_port;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::{BehaviorVersion, Config, Credentials, Region};
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use lambda::Host;
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use crate::Result;
use crate::environment::Environment;
use crate::output::Output;
use crate::processes;
use crate::venv::Venv;

/// Timeout for the server's first response.
const START_TIME: Duration = Duration::from_secs(30);
/// The template's `maxReceiveCount`: after this many receives a message is a dead letter.
const TRIES: u32 = 200;
/// The visibility timeout. The template's is six times the time limit of `replay`. This one is shorter, so that the messages of a
/// killed environment return sooner.
const HIDDEN_SECONDS: u32 = 10;
const BATCH: i32 = 10;

const REGION: &str = "us-east-1";
const KEY: &str = "local";

/// A queue and its dead-letter queue, on a server that ends with this program.
#[derive(Clone)]
pub struct Queue {
    /// The queue's URL.
    pub url: String,
    /// The dead-letter queue's URL.
    pub dead_letter_url: String,
    endpoint: String,
    client: Client,
}

impl Queue {
    /// Starts a server, and creates the queues.
    ///
    /// # Errors
    ///
    /// When the server does not respond.
    pub async fn start(venv: &Venv, output: &Output) -> Result<Self> {
        let endpoint = serve(venv, output).await?;
        let client = client(&endpoint)?;
        let dead_letter_url = create(&client, "webhooks-dead", None).await?;
        let arn = attribute(&client, &dead_letter_url, QueueAttributeName::QueueArn).await?;
        let redrive = json!({ "deadLetterTargetArn": arn, "maxReceiveCount": TRIES });
        let url = create(&client, "webhooks", Some(redrive)).await?;
        Ok(Self {
            url,
            dead_letter_url,
            endpoint,
            client,
        })
    }

    /// Sets the variables by which functions reach the queue.
    pub fn configure(&self, environment: &mut Environment) {
        environment.set("WEBHOOK_QUEUE_URL", &self.url);
        environment.set("AWS_ENDPOINT_URL", &self.endpoint);
        environment.set("AWS_REGION", REGION);
        environment.set("AWS_ACCESS_KEY_ID", KEY);
        environment.set("AWS_SECRET_ACCESS_KEY", KEY);
    }

    /// The number of messages in the queue, hidden ones included.
    ///
    /// # Errors
    ///
    /// When the server does not respond.
    pub async fn depth(&self) -> Result<u64> {
        depth(&self.client, &self.url).await
    }

    /// The number of dead letters.
    ///
    /// # Errors
    ///
    /// When the server does not respond.
    pub async fn dead(&self) -> Result<u64> {
        depth(&self.client, &self.dead_letter_url).await
    }

    /// Invokes `replay` with batches, as Lambda does, until `stop` is true. Deletes the messages that the result does not name as
    /// failed, and returns their number.
    pub async fn pump(self, host: Host, stop: watch::Receiver<bool>) -> usize {
        let mut applied = 0;
        while !*stop.borrow() {
            let batch = self.receive().await.unwrap_or_default();
            if batch.is_empty() {
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            }
            let Ok(result) = host.invoke("replay", &event(&batch)).await else {
                continue;
            };
            let failed = failures(&result);
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

/// Starts a server, and returns its origin once it responds.
///
/// # Errors
///
/// When it does not respond.
pub async fn serve(venv: &Venv, output: &Output) -> Result<String> {
    let port = free_port()?;
    let mut command = processes::command(venv.program("moto_server"));
    command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
    output.spawn("sqs", &mut command)?;
    let endpoint = format!("http://127.0.0.1:{port}");
    let client = client(&endpoint)?;
    let deadline = Instant::now() + START_TIME;
    while let Err(error) = client.list_queues().send().await {
        if Instant::now() > deadline {
            let tail = output.last_lines(10);
            return Err(format!("the local SQS does not respond: {error}{tail}").into());
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

async fn create(client: &Client, name: &str, redrive: Option<Value>) -> Result<String> {
    let mut creation = client.create_queue().queue_name(name).attributes(
        QueueAttributeName::VisibilityTimeout,
        HIDDEN_SECONDS.to_string(),
    );
    if let Some(policy) = redrive {
        creation = creation.attributes(QueueAttributeName::RedrivePolicy, policy.to_string());
    }
    let created = creation.send().await?;
    Ok(created.queue_url.ok_or("the queue has no URL")?)
}

async fn attribute(client: &Client, url: &str, name: QueueAttributeName) -> Result<String> {
    let found = client
        .get_queue_attributes()
        .queue_url(url)
        .attribute_names(name.clone())
        .send()
        .await?;
    let value = found.attributes().and_then(|all| all.get(&name)).cloned();
    Ok(value.ok_or_else(|| format!("the queue has no attribute {name:?}"))?)
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

/// The event of a batch, as Lambda sends it.
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

/// The messages that a result names as failed. An empty name, or an invalid result, fails the whole batch.
fn failures(result: &Value) -> Vec<String> {
    let Some(failed) = result["batchItemFailures"].as_array() else {
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
    fn invalid_result_fails_the_whole_batch() {
        assert!(failures(&json!({ "batchItemFailures": [] })).is_empty());
        let one = json!({ "batchItemFailures": [{ "itemIdentifier": "a" }] });
        assert_eq!(failures(&one), ["a"]);
        for all in [json!(null), json!({}), json!({ "batchItemFailures": [{}] })] {
            assert_eq!(failures(&all), [""], "{all}");
        }
    }
}
