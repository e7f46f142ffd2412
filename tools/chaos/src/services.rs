//! The services of a run: the database, the simulated Twilio, the queue, and the functions behind a gateway.

mod settings;

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::Utc;
use futures_util::TryStreamExt;
use lambda::{Deliveries, Gateway, Host};
use mongodb::bson::{Document, doc};
use outdial::domain::BlockedNumber;
use serde::de::DeserializeOwned;
use stack::Result;
use stack::database::{self, Database, Storage};
use stack::environment::Environment;
use stack::functions::{self, Options};
use stack::http;
use stack::output::Output;
use stack::queues::Queues;
use stack::simulator;
use stack::venv::Venv;
use stack::workspace::Workspace;
use testkit::Proxy;
use tokio::sync::watch;

use crate::evidence::{Evidence, QueueEvidence, StoredCall};
use crate::hours::Hours;
use crate::known::Known;
use crate::moment::{Moment, now};
use crate::notices::notices;
use crate::plan::{self, DailyCaps, Plan};
use crate::simulator::Simulator;

pub use settings::{DIAL_QUEUE, SPEED};
use settings::{
    DIAL_QUEUES, DIALS_PER_SECOND, ENVIRONMENTS, VARIABLES, WEBHOOKS, kills, queue_options,
};

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
    /// The daily caps, in a run that has some.
    pub caps: Option<DailyCaps>,
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
        let callees = folder.join(format!("callees-{}.json", plan.seed));
        std::fs::write(&callees, plan::callees(&plan.orders).to_string())?;
        let simulator =
            simulator::start_with_callees(workspace, &output, &account, SPEED, &callees).await?;
        simulator::configure(&mut environment, &simulator);
        let client = http::client()?;
        let queues = Queues::start(aws_venv, &output, queue_options(plan.seed)).await?;
        queues.configure(&mut environment);
        for (name, value) in VARIABLES {
            environment.set(name, value);
        }
        environment.set("NOTICES", notices());
        if let Some(caps) = plan.caps() {
            environment.set("MAX_CALLS_PER_NUMBER_PER_DAY", caps.per_number.to_string());
            environment.set("MAX_CALLS_PER_USER_PER_DAY", caps.per_user.to_string());
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
            caps: plan.caps(),
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
        // Each call was stored before it was dialled.
        let (legs, twilio_calls) = self
            .simulator
            .calls()
            .await?
            .into_iter()
            .partition(|call| call.parent_call_sid.is_some());
        Ok(Evidence {
            twilio_calls,
            legs,
            stored_calls: self.calls().await?,
            stored_recordings: self.documents("recordings").await?,
            keys: known.keys.clone(),
            blocked: self.blocked().await?,
            outages: known.outages.clone(),
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
            caps: self.caps,
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

    /// The numbers on the block list, and when each was put there.
    async fn blocked(&self) -> Result<BTreeMap<String, Moment>> {
        let entries: Vec<BlockedNumber> = self.documents("blocked_numbers").await?;
        let entries = entries.into_iter();
        let timed = entries.map(|it| (it.number.as_str().to_owned(), it.created_at));
        Ok(timed
            .map(|(number, at)| (number, at.timestamp_millis()))
            .collect())
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

/// Returns the URI for the functions. It leads through a proxy if the database is on this machine.
async fn behind_proxy(database: &Database) -> (String, Option<Proxy>) {
    if !database.is_ours() {
        return (database.uri.clone(), None);
    }
    let (uri, proxy) = Proxy::before(&database.uri).await;
    (uri, Some(proxy))
}
