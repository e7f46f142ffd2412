//! The services of a run: the database, the simulated Twilio, the queue, and the functions behind a gateway.

use std::path::PathBuf;
use std::time::Duration;

use futures_util::TryStreamExt;
use lambda::{Gateway, Host, Kills};
use mongodb::bson::{Document, doc};
use serde::de::DeserializeOwned;
use serde_json::Value;
use stack::Result;
use stack::database::{self, Database, Storage};
use stack::environment::Environment;
use stack::functions::{self, Options};
use stack::http;
use stack::output::Output;
use stack::queue::Queue;
use stack::simulator;
use stack::venv::Venv;
use stack::workspace::Workspace;
use testkit::Proxy;

use crate::evidence::{Evidence, KeyHistory, TwilioCall};
use crate::plan::Plan;

/// Speed factor of the simulated calls.
const SPEED: u32 = 20;
/// The most environments of one function.
const ENVIRONMENTS: usize = 10;
/// The share of invocations whose environment is killed.
const KILLED: f64 = 0.03;
/// The latest time of the kill after the start of the invocation.
const KILLED_WITHIN: Duration = Duration::from_millis(60);

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
    pub queue: Queue,
    pub client: reqwest::Client,
    pub api_key: String,
    /// The output of all processes.
    pub log: PathBuf,
    /// The simulator's origin.
    pub simulator: String,
    url: String,
    database_name: String,
}

impl Services {
    /// Starts all services. The functions start with their first request.
    pub async fn start(
        workspace: &Workspace,
        venv: &Venv,
        aws_venv: &Venv,
        plan: &Plan,
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
        let queue = Queue::start(aws_venv, &output).await?;
        queue.configure(&mut environment);
        for (name, value) in VARIABLES {
            environment.set(name, value);
        }
        let api_key = environment.api_key.clone();
        let host = functions::serve(
            gateway,
            environment,
            Options {
                workspace,
                output,
                environments: ENVIRONMENTS,
                kills: Some(Kills {
                    seed: plan.seed,
                    probability: KILLED,
                    latest: KILLED_WITHIN,
                }),
            },
        );
        Ok(Self {
            host,
            database,
            proxy,
            queue,
            client: http::client()?,
            api_key,
            log,
            simulator,
            url,
            database_name,
        })
    }

    /// Returns the API's origin.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the functions' database, connected without the proxy.
    pub fn functions_database(&self) -> mongodb::Database {
        self.database.client().database(&self.database_name)
    }

    /// Replaces the simulator's fault plan.
    pub async fn set_twilio_faults(&self, plan: &Value) -> Result<()> {
        let url = format!("{}/_sim/faults", self.simulator);
        let response = self.client.put(url).body(plan.to_string()).send().await?;
        if !response.status().is_success() {
            let reason = response.text().await?;
            return Err(format!("the simulator refuses the fault plan: {reason}").into());
        }
        Ok(())
    }

    /// Returns the current evidence, without what the watchers have seen.
    pub async fn evidence(&self, keys: Vec<KeyHistory>) -> Result<Evidence> {
        Ok(Evidence {
            twilio_calls: self.twilio_calls().await?,
            stored_calls: self.documents("calls").await?,
            stored_recordings: self.documents("recordings").await?,
            keys,
            dead_letters: self.queue.dead().await?,
            queued: self.queue.depth().await?,
            ..Evidence::default()
        })
    }

    async fn twilio_calls(&self) -> Result<Vec<TwilioCall>> {
        let url = format!("{}/_sim/calls", self.simulator);
        let mut response: Value = self.client.get(url).send().await?.json().await?;
        Ok(serde_json::from_value(response["calls"].take())?)
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
