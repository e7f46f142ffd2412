//! One execution environment.

use std::time::Duration;

use serde_json::Value;
use tokio::process::Child;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::runtime_api::{Event, EventSender, Registry};

/// An execution environment: a process that polls for events. Dropping it kills the process.
pub struct Worker {
    id: u64,
    child: Child,
    events: EventSender,
    registry: Registry,
}

/// Why an invocation ended without a result. The process has ended too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The process ended by itself.
    Crashed,
    /// The plan of kills ended it.
    Killed,
    /// It exceeded its time limit.
    TimedOut,
}

impl Worker {
    /// The environment of a process that polls under this id.
    pub fn new(id: u64, child: Child, registry: &Registry) -> Self {
        Self {
            id,
            child,
            events: registry.register(id),
            registry: registry.clone(),
        }
    }

    /// The id that it polls under.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Returns true while the process runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Handles one event, and returns the function's result, or the error that it reported.
    pub async fn handle(
        &mut self,
        registry: &Registry,
        event: &Value,
        time_limit: Duration,
        kill_after: Option<Duration>,
    ) -> Result<Result<Value, Value>, End> {
        let id = Uuid::new_v4().to_string();
        let outcome = registry.expect(self.id, &id);
        let event = Event::new(id, time_limit, event);
        // It fails only if the process has ended, which `wait` notices below.
        let _ = self.events.send(event).await;
        let killed = async {
            match kill_after {
                Some(delay) => sleep(delay).await,
                None => std::future::pending().await,
            }
        };
        let ended = tokio::select! {
            biased;
            Ok(outcome) = outcome => return Ok(outcome),
            _ = self.child.wait() => End::Crashed,
            () = killed => End::Killed,
            () = sleep(time_limit) => End::TimedOut,
        };
        self.kill().await;
        Err(ended)
    }

    /// Kills the process.
    pub async fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.start_kill();
        let _ = timeout(Duration::from_secs(5), self.child.wait()).await;
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.registry.forget(self.id);
        let _ = self.child.start_kill();
    }
}
