//! The services of a run: the database, the simulated Twilio, the queue, and the functions behind a gateway.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use chrono::Utc;
use futures_util::TryStreamExt;
use lambda::{Deliveries, Gateway, Host, Kill, Kills, Redeliveries};
use mongodb::bson::{Document, doc};
use serde::de::DeserializeOwned;
use stack::Result;
use stack::database::{self, Database, Storage};
use stack::environment::Environment;
use stack::functions::{self, Options};
use stack::http;
use stack::output::Output;
use stack::queues::{self, Queues};
use stack::simulator;
use stack::venv::Venv;
use stack::workspace::Workspace;
use testkit::Proxy;
use tokio::sync::watch;

use crate::evidence::{Evidence, QueueEvidence, StoredCall};
use crate::hours::Hours;
use crate::known::Known;
use crate::moment::now;
use crate::plan::Plan;
use crate::simulator::Simulator;

/// Speed factor of the simulated calls.
const SPEED: u32 = 20;
/// The most environments of one function.
const ENVIRONMENTS: usize = 10;
/// The share of invocations whose environment is killed.
const KILLED: f64 = 0.03;
/// The latest time of the kill after the start of the invocation.
const KILLED_WITHIN: Duration = Duration::from_millis(60);
/// The kills of the dial queue's functions: their share, and the latest time. A run of `dispatch` takes a minute.
const QUEUE_KILLS: [(&str, f64, Duration); 3] = [
    ("dispatch", 0.3, Duration::from_secs(8)),
    ("dial", 0.1, Duration::from_millis(300)),
    ("effects", 0.1, Duration::from_millis(150)),
];

/// `DIALS_PER_SECOND` of a run that uses the dial queue, and the invocations of `dial` at a time: those of two seconds.
const DIALS_PER_SECOND: usize = 5;

/// The variable of the webhook queue.
const WEBHOOKS: &str = "WEBHOOK_QUEUE_URL";
/// The visibility timeout of all queues.
const HIDDEN_SECONDS: u32 = 10;
/// The share of batches that arrive late.
const LATE: f64 = 0.05;
/// The share of batches that arrive again after they were handled.
const AGAIN: f64 = 0.1;
/// The share of batches that arrive twice at once.
const TWICE: f64 = 0.1;
/// The longest delay of a batch.
const LATEST: Duration = Duration::from_secs(5);

/// The queues that belong to the dial queue.
const DIAL_QUEUES: [&str; 3] = ["DIAL_QUEUE_URL", "EFFECTS_QUEUE_URL", "WAKE_QUEUE_URL"];

/// Variables of the functions, in addition to those of every local stack. Calls end, and `reconcile` gives up lost dials,
/// early enough for a run to see it.
const VARIABLES: [(&str, &str); 7] = [
    ("CALL_RING_TIMEOUT_SECONDS", "10"),
    // Long enough for three redirects during an outage, and for the apology.
    ("CALL_TIME_LIMIT_SECONDS", "20"),
    ("MAX_CALLS_PER_DAY", "1000000"),
    ("MAX_CALLS_PER_NUMBER_PER_DAY", "1000000"),
    ("MAX_CALLS_PER_USER_PER_DAY", "1000000"),
    ("RECONCILE_PAGE", "100"),
    ("RECONCILE_UNKNOWN_AFTER_SECONDS", "20"),
];

/// The running services.
pub struct Services {
    pub host: Host,
    pub database: Database,
    /// The proxy between the functions and the database; `None` if the database isn't on this machine.
    pub proxy: Option<Proxy>,
    pub queues: Queues,
    pub client: reqwest::Client,
    pub api_key: String,
    /// The output of all processes.
    pub log: PathBuf,
    pub simulator: Simulator,
    /// The calling hours, in a run that uses the dial queue.
    pub hours: Hours,
    url: String,
    database_name: String,
    output: Output,
}

impl Services {
    /// Starts all services. The functions start with their first request.
    pub async fn start(
        workspace: &Workspace,
        venv: &Venv,
        aws_venv: &Venv,
        plan: &Plan,
        beside: Option<PathBuf>,
    ) -> Result<Self> {
        let folder = workspace.target.join("chaos");
        let log = folder.join(format!("seed-{}.log", plan.seed));
        let output = Output::file(&log)?;
        let storage = folder.join(format!("database-{}", std::process::id()));
        let database = if database::callers_uri().is_some() {
            Database::start(venv, &output, Storage::Throwaway(storage)).await?
        } else {
            let options = ["--enable-test-commands"];
            Database::start_embedded(venv, &output, Storage::Throwaway(storage), &options).await?
        };
        let database_name = format!("outdial_chaos_{}", plan.seed);
        // An interrupted run may have left documents.
        database.client().database(&database_name).drop().await?;
        database.make_indexes(&database_name).await?;
        let (uri, proxy) = behind_proxy(&database).await;

        let gateway = Gateway::bind(0).await?;
        let url = gateway.url().to_owned();
        let mut environment = Environment::new(&uri, &database_name, &url);
        let account = environment.invent_twilio_account();
        let simulator = simulator::start(workspace, &output, &account, SPEED).await?;
        environment.set("TWILIO_API_BASE_URL", &simulator);
        let client = http::client()?;
        let queues = Queues::start(aws_venv, &output, queue_options(plan.seed)).await?;
        queues.configure(&mut environment);
        for (name, value) in VARIABLES {
            environment.set(name, value);
        }
        let hours = if plan.queue.is_some() {
            let hours = Hours::of_run(Utc::now(), plan.seed)?;
            environment.set("CALLING_HOURS", &hours.text);
            environment.set("DIALS_PER_SECOND", DIALS_PER_SECOND.to_string());
            hours
        } else {
            // Without the queues, calls are dialled at once.
            for queue in DIAL_QUEUES {
                environment.remove(queue);
            }
            Hours::default()
        };
        let api_key = environment.api_key.clone();
        let host = functions::serve(
            gateway,
            environment,
            Options {
                workspace,
                output: output.clone(),
                environments: ENVIRONMENTS,
                kills: Some(kills(plan)),
                beside,
            },
        );
        Ok(Self {
            host,
            database,
            proxy,
            queues,
            output,
            simulator: Simulator::new(simulator, client.clone()),
            client,
            api_key,
            log,
            hours,
            url,
            database_name,
        })
    }

    /// Returns the API's origin.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the output of all processes.
    pub fn output(&self) -> Output {
        self.output.clone()
    }

    /// Returns the functions' database, connected without the proxy.
    pub fn functions_database(&self) -> mongodb::Database {
        self.database.client().database(&self.database_name)
    }

    /// Invokes functions with the messages of the queues until `stop` is true. Returns what happened, by the queue's variable.
    pub fn pump(
        &self,
        stop: watch::Receiver<bool>,
    ) -> impl Future<Output = BTreeMap<&'static str, Deliveries>> + use<> {
        let (queues, output) = (self.queues.clone(), self.output.clone());
        queues.pump(self.host.clone(), stop, output)
    }

    /// Returns the current evidence, without what the watchers have seen.
    pub async fn evidence(&self, known: &Known) -> Result<Evidence> {
        let queue = match &known.queue {
            Some(queue) => Some(queue.complete(self.queue_evidence().await?)),
            None => None,
        };
        Ok(Evidence {
            // Each call was stored before it was dialled.
            twilio_calls: self.simulator.calls().await?,
            stored_calls: self.calls().await?,
            stored_recordings: self.documents("recordings").await?,
            keys: known.keys.clone(),
            dead_letters: self.queues.dead(WEBHOOKS).await?,
            queued: self.queues.depth(WEBHOOKS).await?,
            queue,
            ..Evidence::default()
        })
    }

    /// Returns the evidence about the dial queue that the services have.
    async fn queue_evidence(&self) -> Result<QueueEvidence> {
        let mut dead_letters = BTreeMap::new();
        for queue in DIAL_QUEUES {
            dead_letters.insert(queue, self.queues.dead(queue).await?);
        }
        Ok(QueueEvidence {
            dials: self.simulator.dials().await?,
            busiest: self.simulator.busiest_second().await?,
            // The pace, and a burst of one second.
            busiest_allowed: 2 * DIALS_PER_SECOND,
            hours: self.hours.clone(),
            dead_letters,
            at: now(),
            ..QueueEvidence::default()
        })
    }

    async fn calls(&self) -> Result<Vec<StoredCall>> {
        let calls: Vec<Document> = self.documents("calls").await?;
        let read = calls.into_iter().map(StoredCall::read);
        Ok(read.collect::<Result<_, _>>()?)
    }

    async fn documents<T>(&self, collection: &str) -> Result<Vec<T>>
    where
        T: DeserializeOwned + Send + Sync + Unpin,
    {
        let collection = self.functions_database().collection::<T>(collection);
        let all: Document = doc! {};
        Ok(collection.find(all).await?.try_collect().await?)
    }
}

fn kills(plan: &Plan) -> Kills {
    let usual = Kill {
        probability: KILLED,
        latest: KILLED_WITHIN,
    };
    let of_queue = QUEUE_KILLS.map(|(function, probability, latest)| {
        let kill = Kill {
            probability,
            latest,
        };
        (function, kill)
    });
    Kills {
        seed: plan.seed,
        usual,
        special: of_queue.into(),
    }
}

/// The queues hide messages for a short time, so that those of a killed environment return soon. All but webhooks also deliver
/// messages late and again.
fn queue_options(seed: u64) -> queues::Options {
    let plan = Redeliveries {
        seed,
        late: LATE,
        again: AGAIN,
        twice: TWICE,
        latest: LATEST,
    };
    queues::Options {
        hidden_seconds: Some(HIDDEN_SECONDS),
        redeliveries: DIAL_QUEUES.map(|queue| (queue, plan)).into(),
        concurrency: [("DIAL_QUEUE_URL", 2 * DIALS_PER_SECOND)].into(),
    }
}

/// Returns the URI for the functions. It leads through a proxy if the database is on this machine.
async fn behind_proxy(database: &Database) -> (String, Option<Proxy>) {
    if !database.is_ours() {
        return (database.uri.clone(), None);
    }
    let (uri, proxy) = Proxy::before(&database.uri).await;
    (uri, Some(proxy))
}
