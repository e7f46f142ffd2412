//! Everything that a run needs, set up by the variables and switches that a user has.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::TryStreamExt;
use mongodb::bson::{Document, doc};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use testkit::Proxy;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::evidence::{Dialled, Evidence, KeyStory};
use super::plan::Plan;
use super::watch::{Journal, Statuses};
use crate::Result;
use crate::http;
use crate::lambda::{Gateway, Host, Kills, Options};
use crate::output::Output;
use crate::stack::database::{self, Database, Storage};
use crate::stack::environment::Environment;
use crate::stack::queue::Queue;
use crate::stack::simulator;
use crate::venv::Venv;
use crate::workspace::Workspace;

/// How many times as fast as life the calls are played.
const SPEED: u32 = 20;
/// How many environments each function may have.
const ENVIRONMENTS: usize = 10;
/// The share of invocations that lose their environment, and when at the latest.
const KILLED: f64 = 0.03;
const KILLED_WITHIN: Duration = Duration::from_millis(60);
/// How often the schedule comes.
const RECONCILED_EVERY: Duration = Duration::from_secs(2);

/// What the functions run with, beside what every local stack has. A call is over, and a lost dial given up, soon enough for
/// a run to see it.
const VARIABLES: [(&str, &str); 7] = [
    ("CALL_RING_TIMEOUT_SECONDS", "10"),
    // Long enough for three redirects in an outage, and the apology.
    ("CALL_TIME_LIMIT_SECONDS", "20"),
    ("MAX_CALLS_PER_DAY", "1000000"),
    ("MAX_CALLS_PER_NUMBER_PER_DAY", "1000000"),
    ("MAX_CALLS_PER_USER_PER_DAY", "1000000"),
    ("RECONCILE_PAGE", "100"),
    ("RECONCILE_UNKNOWN_AFTER_SECONDS", "20"),
];

/// A running scene.
pub struct Scene {
    pub host: Host,
    pub database: Database,
    pub proxy: Option<Proxy>,
    pub queue: Queue,
    pub client: reqwest::Client,
    pub api_key: String,
    /// What all processes print.
    pub log: PathBuf,
    url: String,
    simulator: String,
    database_name: String,
}

/// Those who look on, and the schedule.
pub struct Watchers {
    stop: watch::Sender<bool>,
    statuses: JoinHandle<Statuses>,
    journal: JoinHandle<Result<Journal>>,
    reconciled: JoinHandle<BTreeMap<String, usize>>,
    pump: JoinHandle<usize>,
}

/// What they have seen.
pub struct Seen {
    pub statuses: Statuses,
    pub journal: Journal,
    pub reconciled: BTreeMap<String, usize>,
}

impl Scene {
    /// Starts everything.
    pub async fn set(workspace: &Workspace, venv: &Venv, plan: &Plan) -> Result<Self> {
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
        // A run that was stopped may have left something.
        database.client().database(&database_name).drop().await?;
        database.make_indexes(&database_name).await?;
        let (uri, proxy) = behind_proxy(&database).await;

        let gateway = Gateway::bind(0).await?;
        let url = gateway.url().to_owned();
        let mut environment = Environment::new(&uri, &database_name, &url);
        let account = environment.invent_twilio_account();
        let simulator = simulator::start(workspace, &output, &account, SPEED).await?;
        environment.set("TWILIO_API_BASE_URL", &simulator);
        let queue = Queue::start(venv, &output).await?;
        queue.tell(&mut environment);
        for (name, value) in VARIABLES {
            environment.set(name, value);
        }
        let api_key = environment.api_key.clone();
        let host = gateway.serve(
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
            url,
            simulator,
            database_name,
        })
    }

    /// The API's origin.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Lets everybody look on, the queue be emptied and the schedule come, until they are stopped.
    pub fn watch(&self) -> Watchers {
        let (stop, stopped) = watch::channel(false);
        let database = self.database.client().database(&self.database_name);
        let journal = Journal::follow(self.client.clone(), self.simulator.clone(), stopped.clone());
        Watchers {
            statuses: tokio::spawn(Statuses::watch(database, stopped.clone())),
            journal: tokio::spawn(journal),
            reconciled: tokio::spawn(schedule(self.host.clone(), stopped.clone())),
            pump: tokio::spawn(self.queue.clone().pump(self.host.clone(), stopped)),
            stop,
        }
    }

    /// Puts a fault plan into force.
    pub async fn put_faults(&self, plan: &Value) -> Result<()> {
        let url = format!("{}/_sim/faults", self.simulator);
        let answer = self.client.put(url).body(plan.to_string()).send().await?;
        if !answer.status().is_success() {
            return Err(
                format!("the simulator refuses the faults: {}", answer.text().await?).into(),
            );
        }
        Ok(())
    }

    /// The calls that the simulator has.
    pub async fn dialled(&self) -> Result<Vec<Dialled>> {
        let url = format!("{}/_sim/calls", self.simulator);
        let mut answer: Value = self.client.get(url).send().await?.json().await?;
        Ok(serde_json::from_value(answer["calls"].take())?)
    }

    /// What is known now, but for what was watched.
    pub async fn evidence(&self, keys: Vec<KeyStory>) -> Result<Evidence> {
        Ok(Evidence {
            dialled: self.dialled().await?,
            records: self.all("calls").await?,
            recordings: self.all("recordings").await?,
            keys,
            dead_letters: self.queue.dead().await?,
            queued: self.queue.depth().await?,
            ..Evidence::default()
        })
    }

    async fn all<T: DeserializeOwned + Send + Sync + Unpin>(&self, name: &str) -> Result<Vec<T>> {
        let database = self.database.client().database(&self.database_name);
        let collection = database.collection::<T>(name);
        let none: Document = doc! {};
        Ok(collection.find(none).await?.try_collect().await?)
    }
}

impl Watchers {
    /// What they have seen until now.
    pub async fn stop(self) -> Result<Seen> {
        self.stop.send_replace(true);
        self.pump.await?;
        Ok(Seen {
            statuses: self.statuses.await?,
            journal: self.journal.await??,
            reconciled: self.reconciled.await?,
        })
    }
}

/// Invokes `reconcile` again and again, and counts what it has done.
async fn schedule(host: Host, mut stop: watch::Receiver<bool>) -> BTreeMap<String, usize> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut add = |what: String, count: u64| {
        *counts.entry(what).or_default() += usize::try_from(count).unwrap_or_default();
    };
    loop {
        match host.invoke("reconcile", &json!({})).await {
            Ok(report) => {
                add("runs".to_owned(), 1);
                for kind in ["dials", "ends", "recordings"] {
                    for what in ["settled", "given_up", "left"] {
                        add(
                            format!("{kind} {what}"),
                            report[kind][what].as_u64().unwrap_or(0),
                        );
                    }
                }
                add(
                    "stopped early".to_owned(),
                    u64::from(report["stopped_early"] == true),
                );
            }
            Err(error) => add(format!("failed ({error})").chars().take(60).collect(), 1),
        }
        let over = stop.wait_for(|&stopped| stopped);
        if tokio::time::timeout(RECONCILED_EVERY, over).await.is_ok() {
            counts.retain(|_, count| *count > 0);
            return counts;
        }
    }
}

/// Where the functions reach the database: through a proxy, where it is on this machine.
async fn behind_proxy(database: &Database) -> (String, Option<Proxy>) {
    if !database.is_ours() {
        return (database.uri.clone(), None);
    }
    let (uri, proxy) = Proxy::before(&database.uri).await;
    (uri, Some(proxy))
}
