use std::sync::{Mutex, PoisonError};

use super::worker::Worker;

/// The environments of one function that wait for an event.
#[derive(Default)]
pub struct Idle(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    workers: Vec<Worker>,
    /// Environments of lower numbers are retired.
    oldest: u64,
}

impl Idle {
    /// The environment that was used last, if it still runs.
    pub fn take(&self) -> Option<Worker> {
        let mut waiting = self.lock();
        while let Some(mut worker) = waiting.workers.pop() {
            if worker.runs() {
                return Some(worker);
            }
        }
        None
    }

    /// Keeps an environment for the next event, unless it is retired.
    pub fn give_back(&self, worker: Worker) {
        let mut waiting = self.lock();
        if worker.id() >= waiting.oldest {
            waiting.workers.push(worker);
        }
    }

    /// Ends the environments below that number: those that wait at once, those that are busy when they are given back.
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
    use crate::lambda::runtime_api::Registry;

    fn start(id: u64) -> (Worker, ChildStdout) {
        let mut child = Command::new("sleep")
            .arg("60")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().unwrap();
        (Worker::new(id, child, &Registry::default()), stdout)
    }

    /// Its output ends with the process.
    async fn has_ended(mut stdout: ChildStdout) -> bool {
        let mut nothing = Vec::new();
        let end = stdout.read_to_end(&mut nothing);
        timeout(Duration::from_secs(20), end).await.is_ok()
    }

    #[tokio::test]
    async fn a_retired_environment_ends_once_it_is_idle() {
        let idle = Idle::default();
        let (waiting, output_of_waiting) = start(0);
        let (mut busy, output_of_busy) = start(1);
        let (new, _output) = start(2);
        idle.give_back(waiting);
        idle.retire(2);
        assert!(idle.take().is_none());
        assert!(has_ended(output_of_waiting).await);

        assert!(busy.runs());
        idle.give_back(busy);
        assert!(idle.take().is_none());
        assert!(has_ended(output_of_busy).await);

        idle.give_back(new);
        assert!(idle.take().is_some());
    }
}
