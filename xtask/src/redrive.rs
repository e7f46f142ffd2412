//! `cargo xtask redrive`: dead letters back into the queue.

use aws_config::BehaviorVersion;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use chrono::{DateTime, Utc};
use clap::Args;
use outdial::aws::Transport;
use outdial::queue::Webhook;

use crate::Result;

#[derive(Args)]
#[command(
    after_help = "Example:\n  cargo xtask redrive --from https://sqs.us-east-1.amazonaws.com/123456789012/dead --to https://sqs.us-east-1.amazonaws.com/123456789012/webhooks --dry-run"
)]
pub struct Arguments {
    /// The dead-letter queue's URL: the stack's output `WebhookDeadLettersUrl`
    #[arg(long, value_name = "URL", env = "WEBHOOK_DEAD_LETTERS_URL")]
    from: String,
    /// The queue's URL: the stack's output `WebhookQueueUrl`
    #[arg(long, value_name = "URL", env = "WEBHOOK_QUEUE_URL")]
    to: String,
    /// Show what is there, and move nothing
    #[arg(long)]
    dry_run: bool,
}

/// How long a letter that was read is hidden from another reader.
const HIDDEN_SECONDS: i32 = 60;

pub async fn run(arguments: Arguments) -> Result<()> {
    let config = aws_config::defaults(BehaviorVersion::latest())
        .http_client(Transport::new()?)
        .load()
        .await;
    let client = Client::new(&config);
    let waiting = depth(&client, &arguments.from).await?;
    println!("{waiting} dead letters");
    let mut moved = 0_u64;
    while moved < waiting {
        let letters = receive(&client, &arguments.from).await?;
        if letters.is_empty() {
            break;
        }
        for letter in &letters {
            println!("  {}", described(letter));
            if !arguments.dry_run {
                put_back(&client, &arguments, letter).await?;
            }
            moved += 1;
        }
    }
    if arguments.dry_run {
        println!("nothing was moved; what was shown is hidden for {HIDDEN_SECONDS} s");
    } else {
        let left = depth(&client, &arguments.from).await?;
        println!("{moved} moved back into the queue, {left} left");
    }
    Ok(())
}

/// Sent before it is deleted: where this ends in between, a webhook is applied twice, which does no harm.
async fn put_back(client: &Client, arguments: &Arguments, letter: &Message) -> Result<()> {
    client
        .send_message()
        .queue_url(&arguments.to)
        .message_body(letter.body().unwrap_or_default())
        .send()
        .await
        .map_err(|error| failed("send to", &arguments.to, &error))?;
    client
        .delete_message()
        .queue_url(&arguments.from)
        .receipt_handle(letter.receipt_handle().unwrap_or_default())
        .send()
        .await
        .map_err(|error| failed("delete from", &arguments.from, &error))?;
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
    let found = client
        .get_queue_attributes()
        .queue_url(url)
        .attribute_names(name.clone())
        .send()
        .await
        .map_err(|error| failed("look into", url, &error))?;
    let count = found.attributes().and_then(|all| all.get(&name));
    Ok(count.map_or(Ok(0), |count| count.parse())?)
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
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        reason = error.to_string();
        cause = error.source();
    }
    format!("cannot {what} {url}: {reason}")
}
