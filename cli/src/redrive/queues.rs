//! A queue and its dead-letter queue in SQS.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use serde_json::Value;

use crate::error::Result;
use crate::sqs::{attribute, connect, count_messages, failed};
use crate::variables::Values;

/// The time for which SQS hides a letter that was read from other readers.
pub const HIDDEN_SECONDS: i32 = 60;

/// The two queues.
pub struct Queues {
    client: Client,
    /// URL of the dead-letter queue.
    pub from: String,
    /// URL of the queue.
    pub to: String,
}

impl Queues {
    /// Makes a client of SQS. Without `from`, the redrive policy of `to` names the dead-letter queue.
    pub async fn find(values: &Values, from: Option<String>, to: String) -> Result<Self> {
        let client = connect(values).await?;
        let from = match from {
            Some(url) => url,
            None => dead_letters_of(&client, &to).await?,
        };
        Ok(Self { client, from, to })
    }

    /// Returns the number of dead letters, as SQS estimates it.
    pub async fn count_dead_letters(&self) -> Result<u64> {
        count_messages(&self.client, &self.from).await
    }

    /// Reads up to ten dead letters.
    pub async fn receive(&self) -> Result<Vec<Message>> {
        let received = self
            .client
            .receive_message()
            .queue_url(&self.from)
            .max_number_of_messages(10)
            .visibility_timeout(HIDDEN_SECONDS)
            .wait_time_seconds(1)
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
            .send()
            .await
            .map_err(|error| failed("receive from", &self.from, &error))?;
        Ok(received.messages.unwrap_or_default())
    }

    /// Sends the letter before it deletes it. If the command ends in between, the message is handled twice, which is harmless.
    pub async fn put_back(&self, letter: &Message) -> Result<()> {
        self.client
            .send_message()
            .queue_url(&self.to)
            .message_body(letter.body().unwrap_or_default())
            .send()
            .await
            .map_err(|error| failed("send to", &self.to, &error))?;
        self.client
            .delete_message()
            .queue_url(&self.from)
            .receipt_handle(letter.receipt_handle().unwrap_or_default())
            .send()
            .await
            .map_err(|error| failed("delete from", &self.from, &error))?;
        Ok(())
    }
}

/// The URL of the queue that the redrive policy of this queue names.
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
        return Err(format!("{url} has no dead-letter queue: pass its URL with --from").into());
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
