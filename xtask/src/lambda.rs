//! A Lambda on this machine: the functions' binaries behind a Runtime API, one event at a time in each environment, more
//! environments as they are needed, and a gateway before them. Environments can be killed in mid-request, by plan.

mod gateway;
mod home;
mod idle;
mod kills;
mod runtime_api;
mod worker;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::Result;
use crate::output::Output;
use crate::stack::environment::Environment;
use crate::workspace::Workspace;
use idle::Idle;
pub use kills::Kills;
use kills::Moment;
use runtime_api::Registry;
use worker::Worker;

/// What runs here, under the names of the folders and binaries, with the time that the template gives each of them.
pub const FUNCTIONS: [(&str, Duration); 10] = [
    ("health", Duration::from_secs(10)),
    ("console", Duration::from_secs(10)),
    ("users", Duration::from_secs(29)),
    ("outbound-calls", Duration::from_secs(29)),
    ("voice", Duration::from_secs(8)),
    ("status", Duration::from_secs(8)),
    ("recording", Duration::from_secs(8)),
    ("media", Duration::from_mins(5)),
    ("replay", Duration::from_mins(1)),
    ("reconcile", Duration::from_secs(270)),
];

/// The functions and the gateway before them. Clones are the same.
#[derive(Clone)]
pub struct Host {
    shared: Arc<Shared>,
}

struct Shared {
    url: String,
    workspace: Workspace,
    environment: Environment,
    output: Output,
    functions: HashMap<&'static str, Function>,
    registry: Registry,
    kills: Option<Kills>,
    spared: AtomicBool,
    workers: AtomicU64,
}

struct Function {
    name: &'static str,
    time_limit: Duration,
    places: Semaphore,
    idle: Idle,
    invocations: AtomicU64,
    killed: AtomicU64,
}

/// Why an invocation has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The function's own error.
    #[error("the function failed: {0}")]
    Function(Value),
    /// Its process has ended.
    #[error("the environment ended in mid-request")]
    Crashed,
    /// It took longer than it may.
    #[error("the function took too long")]
    TimedOut,
    /// It cannot be started.
    #[error("the function does not start: {0}")]
    Start(String),
    /// There is none of that name.
    #[error("there is no such function")]
    Unknown,
}

/// How the functions run.
pub struct Options<'a> {
    /// Where the binaries are.
    pub workspace: &'a Workspace,
    /// Where their output goes.
    pub output: Output,
    /// How many environments of a function there may be; further requests wait.
    pub environments: usize,
    /// Which environments are killed, and when.
    pub kills: Option<Kills>,
}

/// The gateway, before its functions are known what to run with: they are told its address.
pub struct Gateway {
    listener: TcpListener,
    url: String,
}

impl Gateway {
    /// Listens on that port of 127.0.0.1; 0 is a free one.
    pub async fn bind(port: u16) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        Ok(Self { listener, url })
    }

    /// Its origin.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Serves from now on, with functions that run with these variables.
    pub fn serve(self, environment: Environment, options: Options<'_>) -> Host {
        let functions = FUNCTIONS.map(|(name, time_limit)| {
            let function = Function {
                name,
                time_limit,
                places: Semaphore::new(options.environments),
                idle: Idle::default(),
                invocations: AtomicU64::new(0),
                killed: AtomicU64::new(0),
            };
            (name, function)
        });
        let host = Host {
            shared: Arc::new(Shared {
                url: self.url,
                workspace: options.workspace.clone(),
                environment,
                output: options.output,
                functions: functions.into(),
                registry: Registry::default(),
                kills: options.kills,
                spared: AtomicBool::new(false),
                workers: AtomicU64::new(0),
            }),
        };
        let router =
            gateway::router(host.clone()).merge(runtime_api::router(host.shared.registry.clone()));
        tokio::spawn(async move { axum::serve(self.listener, router).await });
        host
    }
}

impl Host {
    /// Invokes a function with an event, as whatever event source it has would.
    pub async fn invoke(&self, name: &str, event: &Value) -> Result<Value, Failure> {
        let shared = &self.shared;
        let Some(function) = shared.functions.get(name) else {
            return Err(Failure::Unknown);
        };
        let nth = function.invocations.fetch_add(1, Ordering::Relaxed);
        let _place = function
            .places
            .acquire()
            .await
            .map_err(|error| Failure::Start(error.to_string()))?;
        let mut worker = match function.idle.take() {
            Some(worker) => worker,
            None => self.start(function)?,
        };
        let kill = match &shared.kills {
            Some(kills) if !shared.spared.load(Ordering::Relaxed) => kills.decide(name, nth),
            _ => None,
        };
        let during = match kill {
            Some(Moment::After(delay)) => Some(delay),
            _ => None,
        };
        let answer = worker
            .handle(&shared.registry, event, function.time_limit, during)
            .await;
        let is_killed = matches!(answer, Err(worker::End::Killed));
        if is_killed || matches!(kill, Some(Moment::Answered)) && answer.is_ok() {
            function.killed.fetch_add(1, Ordering::Relaxed);
        }
        match answer {
            Ok(answer) => {
                if matches!(kill, Some(Moment::Answered)) {
                    worker.kill().await;
                } else {
                    function.idle.give_back(worker);
                }
                answer.map_err(Failure::Function)
            }
            Err(worker::End::TimedOut) => Err(Failure::TimedOut),
            Err(worker::End::Killed | worker::End::Crashed) => Err(Failure::Crashed),
        }
    }

    /// Has the next event of each function start its binary anew; environments that are busy end after their event.
    pub fn retire_all(&self) {
        let next = self.shared.workers.load(Ordering::Relaxed);
        for function in self.shared.functions.values() {
            function.idle.retire(next);
        }
    }

    /// Kills no more environments.
    pub fn spare_all(&self) {
        self.shared.spared.store(true, Ordering::Relaxed);
    }

    /// How many environments of each function were killed.
    pub fn kills(&self) -> BTreeMap<String, usize> {
        let functions = self.shared.functions.values();
        functions
            .map(|function| {
                let killed = function.killed.load(Ordering::Relaxed);
                (
                    function.name.to_owned(),
                    usize::try_from(killed).unwrap_or(usize::MAX),
                )
            })
            .filter(|(_, killed)| *killed > 0)
            .collect()
    }

    fn start(&self, function: &Function) -> Result<Worker, Failure> {
        let shared = &self.shared;
        let id = shared.workers.fetch_add(1, Ordering::Relaxed);
        let api = format!("{}/rt/{}/{id}", shared.url, function.name);
        let mut command = crate::processes::command(shared.workspace.binary(function.name));
        shared.environment.apply(&mut command);
        command
            .env("AWS_LAMBDA_RUNTIME_API", api)
            .env("AWS_LAMBDA_FUNCTION_NAME", function.name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512");
        let child = crate::stack::spawn(&shared.output, function.name, &mut command)
            .map_err(|error| Failure::Start(error.to_string()))?;
        Ok(Worker::new(id, child, &shared.registry))
    }
}
