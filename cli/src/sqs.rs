//! SQS on an operator's machine: a client, and attributes of queues.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;

use crate::aws;
use crate::error::{Result, cause};
use crate::variables::{Values, value};

/// Makes a client. A local stack's variables name the endpoint and the credentials; a deployed function's do not.
pub async fn connect(values: &Values) -> Result<Client> {
    let value = |name: &str| value(values, name).map(str::to_owned);
    let config = aws::configuration(value).await?;
    let mut config = aws_sdk_sqs::config::Builder::from(&config);
    if let Some(url) = value("AWS_ENDPOINT_URL_SQS").or_else(|| value("AWS_ENDPOINT_URL")) {
        config = config.endpoint_url(url);
    }
    Ok(Client::from_conf(config.build()))
}

/// Returns an attribute of the queue with this URL.
pub async fn attribute(
    client: &Client,
    url: &str,
    name: QueueAttributeName,
) -> Result<Option<String>> {
    let found = client
        .get_queue_attributes()
        .queue_url(url)
        .attribute_names(name.clone())
        .send()
        .await
        .map_err(|error| failed("look into", url, &error))?;
    Ok(found.attributes().and_then(|all| all.get(&name)).cloned())
}

/// Returns the number of messages that a reader could receive, as SQS estimates it.
pub async fn count_messages(client: &Client, url: &str) -> Result<u64> {
    let count = attribute(client, url, QueueAttributeName::ApproximateNumberOfMessages).await?;
    Ok(count.map_or(Ok(0), |count| count.parse())?)
}

/// The message of a failed operation on a queue.
pub fn failed<E: std::error::Error + 'static>(what: &str, url: &str, error: &E) -> String {
    format!("cannot {what} {url}: {}", cause(error))
}
