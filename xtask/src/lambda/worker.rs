use std::time::Duration;

use serde_json::Value;
use tokio::process::Child;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::runtime_api::{Event, Registry, Seat};

/// One environment: a process that asks for events. It is killed when dropped.
pub struct Worker {
    id: u64,
    child: Child,
    seat: Seat,
    registry: Registry,
}

/// How an invocation ends without an answer; the process has ended then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Crashed,
    Killed,
    TimedOut,
}

impl Worker {
    /// The environment of that process, which will ask under that number.
    pub fn new(id: u64, child: Child, registry: &Registry) -> Self {
        Self {
            id,
            child,
            seat: registry.seat(id),
            registry: registry.clone(),
        }
    }

    /// The number that it asks under.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Whether the process has not ended.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Has one event handled: the answer, or the function's own error.
    pub async fn handle(
        &mut self,
        registry: &Registry,
        event: &Value,
        time_limit: Duration,
        kill_after: Option<Duration>,
    ) -> Result<Result<Value, Value>, End> {
        let id = Uuid::new_v4().to_string();
        let answer = registry.expect(self.id, &id);
        let event = Event::new(id, time_limit, event);
        // It fails only when nobody will ever ask: the process has ended, which is seen below.
        let _ = self.seat.send(event).await;
        let killed = async {
            match kill_after {
                Some(delay) => sleep(delay).await,
                None => std::future::pending().await,
            }
        };
        let ended = tokio::select! {
            biased;
            Ok(answer) = answer => return Ok(answer),
            _ = self.child.wait() => End::Crashed,
            () = killed => End::Killed,
            () = sleep(time_limit) => End::TimedOut,
        };
        self.kill().await;
        Err(ended)
    }

    /// Ends the process at once.
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
