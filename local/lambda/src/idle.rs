//! The idle execution environments of one function.

use std::sync::{Mutex, PoisonError};

use crate::worker::Worker;

/// The environments of one function that wait for an event. The most recently used one is taken first.
#[derive(Default)]
pub struct Idle(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    workers: Vec<Worker>,
    /// Environments with a lower id are retired.
    oldest: u64,
}

impl Idle {
    /// Takes the environment that was used last and still runs.
    pub fn take(&self) -> Option<Worker> {
        let mut waiting = self.lock();
        while let Some(mut worker) = waiting.workers.pop() {
            if worker.is_running() {
                return Some(worker);
            }
        }
        None
    }

    /// Keeps an environment for the next event, or ends it if it is retired.
    pub fn give_back(&self, worker: Worker) {
        let mut waiting = self.lock();
        if worker.id() >= waiting.oldest {
            waiting.workers.push(worker);
        }
    }

    /// Retires the environments with an id below `oldest`. Idle ones end now, busy ones when they are given back.
    pub fn retire(&self, oldest: u64) {
        let mut waiting = self.lock();
        waiting.oldest = oldest;
        waiting.workers.retain(|worker| worker.id() >= oldest);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;
    use std::time::Duration;

    use tokio::io::AsyncReadExt;
    use tokio::process::{ChildStdout, Command};
    use tokio::time::timeout;

    use super::*;
    use crate::runtime_api::Registry;

    fn start(id: u64) -> (Worker, ChildStdout) {
        let mut child = Command::new("sleep")
            .arg("60")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().unwrap();
        (Worker::new(id, child, &Registry::default()), stdout)
    }

    /// Returns true once the process has ended: its output ends with it.
    async fn has_ended(mut stdout: ChildStdout) -> bool {
        let mut nothing = Vec::new();
        let end = stdout.read_to_end(&mut nothing);
        timeout(Duration::from_secs(20), end).await.is_ok()
    }

    #[tokio::test]
    async fn retired_environment_ends_once_it_is_idle() {
        let idle = Idle::default();
        let (waiting, output_of_waiting) = start(0);
        let (mut busy, output_of_busy) = start(1);
        let (new, _output) = start(2);
        idle.give_back(waiting);
        idle.retire(2);
        assert!(idle.take().is_none());
        assert!(has_ended(output_of_waiting).await);

        assert!(busy.is_running());
        idle.give_back(busy);
        assert!(idle.take().is_none());
        assert!(has_ended(output_of_busy).await);

        idle.give_back(new);
        assert!(idle.take().is_some());
    }
}
