//! The template's queues on a local SQS, and their event source mappings.

mod server;

use std::collections::BTreeMap;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use futures_util::future::join_all;
use lambda::{
    ACCOUNT, Deliveries, EventSourceMapping, FUNCTIONS, Host, QUEUES, REGION, Redeliveries,
};
use serde_json::json;
use tokio::sync::watch;

use crate::Result;
use crate::environment::Environment;
use crate::output::Output;
use crate::venv::Venv;

pub use server::serve;
use server::{KEY, client, create, depth};

/// How the queues differ from the template's.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The visibility timeout of all queues, in place of the template's. A short one lets the messages of a killed environment
    /// return soon.
    pub hidden_seconds: Option<u32>,
    /// Plans of late and repeated messages, by the queue's variable.
    pub redeliveries: BTreeMap<&'static str, Redeliveries>,
    /// The most concurrent events, in place of the template's, by the queue's variable.
    pub concurrency: BTreeMap<&'static str, usize>,
}

/// The template's queues, on a server that ends with this program. Their messages end with it, too.
#[derive(Clone)]
pub struct Queues {
    /// The server's origin.
    pub endpoint: String,
    client: Client,
    options: Options,
    /// The URL of each queue, by its logical id.
    urls: BTreeMap<&'static str, String>,
}

impl Queues {
    /// Starts a server, and creates the queues.
    ///
    /// # Errors
    ///
    /// When the server does not respond.
    pub async fn start(venv: &Venv, output: &Output, options: Options) -> Result<Self> {
        let endpoint = serve(venv, output).await?;
        let client = client(&endpoint)?;
        let mut urls = BTreeMap::new();
        // A dead-letter queue has no redrive policy, and is needed by those that do.
        let (with_redrive, without) = QUEUES
            .iter()
            .partition::<Vec<_>, _>(|queue| queue.redrive.is_some());
        for queue in without.into_iter().chain(with_redrive) {
            let attributes = attributes(queue, &options);
            urls.insert(queue.id, create(&client, queue.id, attributes).await?);
        }
        Ok(Self {
            endpoint,
            client,
            options,
            urls,
        })
    }

    /// The variables by which functions reach the queues.
    #[must_use]
    pub fn variables(&self) -> BTreeMap<&'static str, String> {
        let urls = QUEUES.iter().filter_map(|queue| {
            let url = self.urls.get(queue.id)?;
            Some((queue.variable?, url.clone()))
        });
        let server = [
            ("AWS_ENDPOINT_URL", &*self.endpoint),
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", KEY),
            ("AWS_SECRET_ACCESS_KEY", KEY),
        ];
        let server = server.map(|(name, value)| (name, value.to_owned()));
        urls.chain(server).collect()
    }

    /// A client of the server.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Sets the variables by which functions reach the queues.
    pub fn configure(&self, environment: &mut Environment) {
        for (name, value) in self.variables() {
            environment.set(name, value);
        }
    }

    /// The number of messages in the queue with this variable, hidden ones included.
    ///
    /// # Errors
    ///
    /// When the server does not respond, or the template has no such queue.
    pub async fn depth(&self, variable: &str) -> Result<u64> {
        let queue = queue(variable)?;
        depth(&self.client, &self.urls[queue.id]).await
    }

    /// The number of dead letters of the queue with this variable. Zero if it keeps none.
    ///
    /// # Errors
    ///
    /// As [`Queues::depth`].
    pub async fn dead(&self, variable: &str) -> Result<u64> {
        match &queue(variable)?.redrive {
            Some(redrive) => depth(&self.client, &self.urls[redrive.dead_letters]).await,
            None => Ok(0),
        }
    }

    /// Invokes functions with the messages of their queues, as Lambda does, until `stop` is true. Returns what happened, by the
    /// queue's variable. Failed invocations are written to `output`.
    pub async fn pump(
        self,
        host: Host,
        stop: watch::Receiver<bool>,
        output: Output,
    ) -> BTreeMap<&'static str, Deliveries> {
        let mappings = FUNCTIONS.iter().flat_map(|function| {
            let sources = function.event_sources.iter();
            sources.map(|source| (function.name, source.clone()))
        });
        let running = mappings.map(|(function, mut source)| {
            let queue = QUEUES.iter().find(|queue| queue.id == source.queue);
            let variable = queue.and_then(|queue| queue.variable).unwrap_or_default();
            if let Some(concurrency) = self.options.concurrency.get(variable) {
                source.concurrency = *concurrency;
            }
            let mapping = EventSourceMapping {
                function,
                url: self.urls.get(source.queue).cloned().unwrap_or_default(),
                source,
                client: self.client.clone(),
                redeliveries: self.options.redeliveries.get(variable).copied(),
            };
            let (host, stop, output) = (host.clone(), stop.clone(), output.clone());
            async move {
                let deliveries = mapping.run(host, stop, report_to(output)).await;
                (variable, deliveries)
            }
        });
        join_all(running).await.into_iter().collect()
    }
}

/// Writes the failure of an invocation without a client.
pub(crate) fn report_to(
    output: Output,
) -> impl Fn(&str, &lambda::Failure) + Clone + Send + Sync + 'static {
    move |function, failure| output.line(function, &format!("invocation failed: {failure}"))
}

fn queue(variable: &str) -> Result<&'static lambda::Queue> {
    let found = QUEUES.iter().find(|queue| queue.variable == Some(variable));
    Ok(found.ok_or_else(|| format!("the template has no queue for {variable}"))?)
}

fn attributes(queue: &lambda::Queue, options: &Options) -> Vec<(QueueAttributeName, String)> {
    let hidden = options.hidden_seconds.or(queue.visibility_seconds);
    let redrive = queue.redrive.as_ref().map(|redrive| {
        let dead_letters = format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{}", redrive.dead_letters);
        let policy = json!({
            "deadLetterTargetArn": dead_letters,
            "maxReceiveCount": redrive.max_receives,
        });
        policy.to_string()
    });
    [
        (
            QueueAttributeName::VisibilityTimeout,
            hidden.map(|seconds| seconds.to_string()),
        ),
        (
            QueueAttributeName::MessageRetentionPeriod,
            queue.retention_seconds.map(|seconds| seconds.to_string()),
        ),
        (QueueAttributeName::RedrivePolicy, redrive),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}
