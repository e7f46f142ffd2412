//! Runs the functions: each invocation takes an idle execution environment, or starts one.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::process::Child;
use tokio::sync::Semaphore;

use crate::functions::FUNCTIONS;
use crate::idle::Idle;
use crate::kills::{Kills, Moment};
use crate::runtime_api::Registry;
use crate::worker::{End, Worker};

/// Runs functions. Clones share the environments.
#[derive(Clone)]
pub struct Host {
    shared: Arc<Shared>,
}

struct Shared {
    url: String,
    start_process: StartProcess,
    functions: HashMap<&'static str, Hosted>,
    registry: Registry,
    kills: Option<Kills>,
    has_stopped_kills: AtomicBool,
    workers: AtomicU64,
}

struct Hosted {
    name: &'static str,
    time_limit: Duration,
    permits: Semaphore,
    idle: Idle,
    invocations: AtomicU64,
    killed: AtomicU64,
}

/// Why an invocation has no result.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The function reported an error.
    #[error("the function failed: {0}")]
    Function(Value),
    /// The environment's process ended.
    #[error("the environment ended during the request")]
    Crashed,
    /// The function exceeded its time limit.
    #[error("the function exceeded its time limit")]
    TimedOut,
    /// The environment's process can't be started.
    #[error("the function does not start: {0}")]
    Start(String),
    /// No function has this name.
    #[error("there is no such function")]
    Unknown,
}

/// Starts the binary of the function with this name. The second argument holds Lambda's own variables, which it must pass on.
pub type StartProcess = Box<dyn Fn(&str, &LambdaVariables) -> Result<Child, String> + Send + Sync>;

/// The variables that Lambda sets for an execution environment.
pub type LambdaVariables = BTreeMap<&'static str, String>;

/// How the functions run.
pub struct Options {
    /// Starts a function's process.
    pub start_process: StartProcess,
    /// The most environments of one function at a time. Further requests wait.
    pub environments: usize,
    /// Plan of kills.
    pub kills: Option<Kills>,
}

impl Host {
    /// A host whose environments find their Runtime API, `registry`, below `url`.
    pub(crate) fn new(url: String, registry: Registry, options: Options) -> Self {
        let functions = FUNCTIONS.iter().map(|function| {
            let hosted = Hosted {
                name: function.name,
                time_limit: function.time_limit,
                permits: Semaphore::new(options.environments),
                idle: Idle::default(),
                invocations: AtomicU64::new(0),
                killed: AtomicU64::new(0),
            };
            (function.name, hosted)
        });
        Self {
            shared: Arc::new(Shared {
                url,
                start_process: options.start_process,
                functions: functions.collect(),
                registry,
                kills: options.kills,
                has_stopped_kills: AtomicBool::new(false),
                workers: AtomicU64::new(0),
            }),
        }
    }

    /// Invokes a function with an event of any source, and returns its result.
    ///
    /// # Errors
    ///
    /// When the function fails, times out, does not start, or does not exist.
    pub async fn invoke(&self, name: &str, event: &Value) -> Result<Value, Failure> {
        let shared = &self.shared;
        let Some(function) = shared.functions.get(name) else {
            return Err(Failure::Unknown);
        };
        let nth = function.invocations.fetch_add(1, Ordering::Relaxed);
        let _permit = function
            .permits
            .acquire()
            .await
            .map_err(|error| Failure::Start(error.to_string()))?;
        let mut worker = match function.idle.take() {
            Some(worker) => worker,
            None => self.start(function)?,
        };
        let kill = match &shared.kills {
            Some(kills) if !shared.has_stopped_kills.load(Ordering::Relaxed) => {
                kills.decide(name, nth)
            }
            _ => None,
        };
        let kill_after = match kill {
            Some(Moment::After(delay)) => Some(delay),
            _ => None,
        };
        let result = worker
            .handle(&shared.registry, event, function.time_limit, kill_after)
            .await;
        let is_killed = matches!(result, Err(End::Killed));
        if is_killed || matches!(kill, Some(Moment::Answered)) && result.is_ok() {
            function.killed.fetch_add(1, Ordering::Relaxed);
        }
        match result {
            Ok(result) => {
                if matches!(kill, Some(Moment::Answered)) {
                    worker.kill().await;
                } else {
                    function.idle.give_back(worker);
                }
                result.map_err(Failure::Function)
            }
            Err(End::TimedOut) => Err(Failure::TimedOut),
            Err(End::Killed | End::Crashed) => Err(Failure::Crashed),
        }
    }

    /// Ends idle environments now, and busy ones after their event. The next event of each function starts its binary anew.
    pub fn retire_all(&self) {
        let next = self.shared.workers.load(Ordering::Relaxed);
        for function in self.shared.functions.values() {
            function.idle.retire(next);
        }
    }

    /// Stops killing environments.
    pub fn spare_all(&self) {
        self.shared.has_stopped_kills.store(true, Ordering::Relaxed);
    }

    /// The number of killed environments by function.
    #[must_use]
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

    fn start(&self, function: &Hosted) -> Result<Worker, Failure> {
        let shared = &self.shared;
        let id = shared.workers.fetch_add(1, Ordering::Relaxed);
        let api = format!("{}/rt/{}/{id}", shared.url, function.name);
        let variables = LambdaVariables::from([
            ("AWS_LAMBDA_RUNTIME_API", api),
            ("AWS_LAMBDA_FUNCTION_NAME", function.name.to_owned()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1".to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512".to_owned()),
        ]);
        let child = (shared.start_process)(function.name, &variables).map_err(Failure::Start)?;
        Ok(Worker::new(id, child, &shared.registry))
    }
}
