//! A local SQS server, and its queues.

use std::time::{Duration, Instant};

use address::free_port;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::config::{BehaviorVersion, Config, Credentials, Region};
use aws_sdk_sqs::types::QueueAttributeName;
use lambda::REGION;

use crate::output::Output;
use crate::venv::Venv;
use crate::{Result, processes};

/// Timeout for the server's first response.
const START_TIME: Duration = Duration::from_secs(30);

/// Moto's server without its log of requests, which are many.
const SERVER: &str = "import logging; logging.getLogger('werkzeug').setLevel(logging.ERROR); \
    import moto.server; moto.server.main()";

/// The server's setting by which a queue may be purged more than once a minute.
const MANY_PURGES: (&str, &str) = ("MOTO_SQS_ENFORCE_STRICT_QUEUE_PURGE_BEHAVIOUR", "false");

/// Timeout for one response. A read of a queue waits up to 20 seconds for messages.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// The id and the secret of the access key. The server accepts any.
pub const KEY: &str = "local";

/// Starts a server that ends with this program, and returns its origin once it responds.
///
/// # Errors
///
/// When it does not respond.
pub async fn serve(venv: &Venv, output: &Output) -> Result<String> {
    let port = free_port()?;
    let mut command = processes::command(venv.program("python"));
    command.args(["-c", SERVER, "-H", "127.0.0.1", "-p", &port.to_string()]);
    command.env(MANY_PURGES.0, MANY_PURGES.1);
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

/// A client of the server with this origin.
pub(super) fn client(endpoint: &str) -> Result<Client> {
    let timeouts = TimeoutConfig::builder().read_timeout(READ_TIMEOUT).build();
    let config = Config::builder()
        .timeout_config(timeouts)
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new(KEY, KEY, None, None, KEY))
        .endpoint_url(endpoint)
        .http_client(outdial::aws::Transport::new()?)
        .build();
    Ok(Client::from_conf(config))
}

/// Creates a queue with these attributes, and returns its URL.
pub(super) async fn create(
    client: &Client,
    name: &str,
    attributes: Vec<(QueueAttributeName, String)>,
) -> Result<String> {
    let attributes = (!attributes.is_empty()).then(|| attributes.into_iter().collect());
    let creation = client.create_queue().queue_name(name);
    let created = creation.set_attributes(attributes).send().await?;
    Ok(created.queue_url.ok_or("the queue has no URL")?)
}

/// The number of messages in a queue, hidden ones included.
pub(super) async fn depth(client: &Client, url: &str) -> Result<u64> {
    let found = client
        .get_queue_attributes()
        .queue_url(url)
        .attribute_names(QueueAttributeName::All)
        .send()
        .await?;
    let mut sum = 0;
    for name in [
        QueueAttributeName::ApproximateNumberOfMessages,
        QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        QueueAttributeName::ApproximateNumberOfMessagesDelayed,
    ] {
        let count = found.attributes().and_then(|all| all.get(&name));
        let count = count.ok_or_else(|| format!("the queue has no attribute {name:?}"))?;
        sum += count.parse::<u64>()?;
    }
    Ok(sum)
}
