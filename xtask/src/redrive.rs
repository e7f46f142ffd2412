//! `cargo xtask redrive`: dead letters back into the queue.

use std::collections::HashMap;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use chrono::{DateTime, Utc};
use clap::Args;
use outdial::config::trimmed;
use outdial::queue::Webhook;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::Result;
use crate::aws;
use crate::variables::Variables;

#[derive(Args)]
#[command(after_help = "\
It says first which queues it works on, and needs no database and no secret. Without --from it is the queue to which AWS moves the dead
letters of the other one.

Examples:
  cargo xtask redrive --from https://sqs.us-east-1.amazonaws.com/123456789012/dead --to https://sqs.us-east-1.amazonaws.com/123456789012/webhooks --dry-run
  cargo xtask redrive --variables status.json --dry-run")]
pub struct Arguments {
    /// The dead-letter queue's URL, the stack's output `WebhookDeadLettersUrl`, instead of `WEBHOOK_DEAD_LETTERS_URL` of the
    /// variables
    #[arg(long, value_name = "URL")]
    from: Option<String>,
    /// The queue's URL, the stack's output `WebhookQueueUrl`, instead of `WEBHOOK_QUEUE_URL` of the variables
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// Show what is there, and move nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    variables: Variables,
}

/// How long a letter that was read is hidden from another reader.
const HIDDEN_SECONDS: i32 = 60;

/// The two queues, by their URLs.
struct Queues {
    from: String,
    to: String,
}

type Values = HashMap<String, SecretString>;

fn value(values: &Values, name: &str) -> Option<String> {
    let value = values.get(name)?.expose_secret();
    Some(trimmed(value).to_owned()).filter(|value| !value.is_empty())
}

/// A local stack's variables say where its queues are, and what they take; a function's, which are in a file, do not.
async fn connect(values: &Values) -> Result<Client> {
    let value = |name: &str| value(values, name);
    let config = aws::configuration(value).await?;
    let mut config = aws_sdk_sqs::config::Builder::from(&config);
    if let Some(url) = value("AWS_ENDPOINT_URL_SQS").or_else(|| value("AWS_ENDPOINT_URL")) {
        config = config.endpoint_url(url);
    }
    Ok(Client::from_conf(config.build()))
}

pub async fn run(arguments: Arguments) -> Result<()> {
    let values = arguments.variables.values()?;
    let to = arguments.to.clone();
    let to = to.or_else(|| value(&values, "WEBHOOK_QUEUE_URL"));
    let to = to.ok_or("no queue: name it with --to, or in WEBHOOK_QUEUE_URL of the variables")?;
    let client = connect(&values).await?;
    let from = arguments.from.clone();
    let from = match from.or_else(|| value(&values, "WEBHOOK_DEAD_LETTERS_URL")) {
        Some(url) => url,
        None => dead_letters_of(&client, &to).await?,
    };
    let queues = Queues { from, to };
    let origin = arguments.variables.origin();
    eprintln!(
        "queue {}, dead letters {}; stack: {origin}",
        queues.to, queues.from
    );
    let waiting = depth(&client, &queues.from).await?;
    println!("{waiting} dead letters");
    let mut moved = 0_u64;
    while moved < waiting {
        let letters = receive(&client, &queues.from).await?;
        if letters.is_empty() {
            break;
        }
        for letter in &letters {
            println!("  {}", described(letter));
            if !arguments.dry_run {
                put_back(&client, &queues, letter).await?;
            }
            moved += 1;
        }
    }
    if arguments.dry_run {
        println!("nothing was moved; what was shown is hidden for {HIDDEN_SECONDS} s");
    } else {
        let left = depth(&client, &queues.from).await?;
        println!("{moved} moved back into the queue, {left} left");
    }
    Ok(())
}

/// Sent before it is deleted: where this ends in between, a webhook is applied twice, which does no harm.
async fn put_back(client: &Client, queues: &Queues, letter: &Message) -> Result<()> {
    client
        .send_message()
        .queue_url(&queues.to)
        .message_body(letter.body().unwrap_or_default())
        .send()
        .await
        .map_err(|error| failed("send to", &queues.to, &error))?;
    client
        .delete_message()
        .queue_url(&queues.from)
        .receipt_handle(letter.receipt_handle().unwrap_or_default())
        .send()
        .await
        .map_err(|error| failed("delete from", &queues.from, &error))?;
    Ok(())
}

async fn receive(client: &Client, url: &str) -> Result<Vec<Message>> {
    let received = client
        .receive_message()
        .queue_url(url)
        .max_number_of_messages(10)
        .visibility_timeout(HIDDEN_SECONDS)
        .wait_time_seconds(1)
        .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
        .send()
        .await
        .map_err(|error| failed("receive from", url, &error))?;
    Ok(received.messages.unwrap_or_default())
}

async fn depth(client: &Client, url: &str) -> Result<u64> {
    let name = QueueAttributeName::ApproximateNumberOfMessages;
    let count = attribute(client, url, name).await?;
    Ok(count.map_or(Ok(0), |count| count.parse())?)
}

async fn attribute(client: &Client, url: &str, name: QueueAttributeName) -> Result<Option<String>> {
    let found = client
        .get_queue_attributes()
        .queue_url(url)
        .attribute_names(name.clone())
        .send()
        .await
        .map_err(|error| failed("look into", url, &error))?;
    Ok(found.attributes().and_then(|all| all.get(&name)).cloned())
}

/// The URL of the queue that has the dead letters of that one, by its redrive policy.
async fn dead_letters_of(client: &Client, url: &str) -> Result<String> {
    let policy = attribute(client, url, QueueAttributeName::RedrivePolicy).await?;
    let policy: Option<Value> = policy.and_then(|policy| serde_json::from_str(&policy).ok());
    let arn = policy
        .as_ref()
        .and_then(|policy| policy["deadLetterTargetArn"].as_str());
    // arn:aws:sqs:REGION:ACCOUNT:NAME
    let mut parts = arn.unwrap_or_default().rsplit(':');
    let (Some(name), Some(account)) = (parts.next().filter(|name| !name.is_empty()), parts.next())
    else {
        return Err(format!("{url} has no queue for its dead letters: name it with --from").into());
    };
    let found = client
        .get_queue_url()
        .queue_name(name)
        .queue_owner_aws_account_id(account)
        .send()
        .await
        .map_err(|error| failed("find", name, &error))?;
    Ok(found.queue_url().unwrap_or_default().to_owned())
}

/// What it is and how old, and nothing personal.
fn described(letter: &Message) -> String {
    let id = letter.message_id().unwrap_or("a letter without a name");
    match letter.body().map(serde_json::from_str::<Webhook>) {
        Some(Ok(webhook)) => {
            let received = DateTime::<Utc>::from_timestamp_millis(webhook.received_at);
            let received = received.unwrap_or_default().format("%Y-%m-%d %H:%M:%S UTC");
            let call = webhook
                .call_id
                .map_or("a call".to_owned(), |id| id.to_string());
            format!("{id}  {:?} of {call}, received {received}", webhook.topic)
        }
        _ => format!("{id}  not a webhook of ours"),
    }
}

fn failed<E: std::error::Error + 'static>(what: &str, url: &str, error: &E) -> String {
    format!("cannot {what} {url}: {}", aws::cause(error))
}
