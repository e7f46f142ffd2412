//! Execution environments: processes of functions that poll the Runtime API.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use stack::Result;
use tokio::time::timeout;

use crate::runtime_api::{Connection, Invocation, RuntimeApi, TIME_LIMIT};

/// A running process. Dropping it kills the process.
pub struct Environment {
    child: Child,
    started: Instant,
    connection: Connection,
}

impl Environment {
    /// Starts a command that runs the function `name`. Its output goes to `log`.
    ///
    /// # Errors
    ///
    /// If the command can't be started.
    pub fn start(
        api: &RuntimeApi,
        mut command: Command,
        name: &str,
        variables: &[(String, String)],
        log: &Path,
    ) -> Result<Self> {
        let connection = api.connect();
        let log = File::options().create(true).append(true).open(log)?;
        command
            .env_clear()
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .env("AWS_LAMBDA_RUNTIME_API", connection.url())
            .env("AWS_LAMBDA_FUNCTION_NAME", name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let started = Instant::now();
        let child = command
            .spawn()
            .map_err(|error| format!("can't start {name}: {error}"))?;
        Ok(Self {
            child,
            started,
            connection,
        })
    }

    /// Waits until the environment asks for an event. Returns the time since its start.
    pub async fn poll(&mut self) -> Result<Duration> {
        let polled = timeout(TIME_LIMIT, self.connection.polls.recv()).await;
        let Ok(Some(at)) = polled else {
            return Err(format!("a function doesn't ask for events: {}", self.state()).into());
        };
        Ok(at - self.started)
    }

    /// Sends an event, and waits for the response. The environment must have asked for an event.
    pub async fn handle(&mut self, event: Bytes) -> Result<Invocation> {
        self.connection.events.send(event)?;
        self.response().await
    }

    /// Sends events, up to `at_once` concurrently. The function must allow as many.
    pub async fn handle_all(
        &mut self,
        events: &[Bytes],
        at_once: usize,
        mut check: impl FnMut(Invocation) -> Result<()>,
    ) -> Result<()> {
        let (first, rest) = events.split_at(at_once.min(events.len()));
        for event in first {
            self.connection.events.send(event.clone())?;
        }
        for event in rest {
            check(self.response().await?)?;
            self.connection.events.send(event.clone())?;
        }
        for _ in first {
            check(self.response().await?)?;
        }
        Ok(())
    }

    /// Sends the first event as soon as the environment asks for it. Returns the times since the start: of the poll, and of
    /// the response.
    pub async fn first(&mut self, event: Bytes) -> Result<(Duration, Duration, Invocation)> {
        self.connection.events.send(event)?;
        let polled = self.poll().await?;
        let response = self.response().await?;
        Ok((polled, response.at - self.started, response))
    }

    /// Waits for the end of the process.
    pub fn wait(mut self) -> Result<()> {
        self.child.wait()?;
        Ok(())
    }

    /// Returns the process id.
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    async fn response(&mut self) -> Result<Invocation> {
        match timeout(TIME_LIMIT, self.connection.responses.recv()).await {
            Ok(Some(response)) => Ok(response),
            _ => Err(format!("a function doesn't respond: {}", self.state()).into()),
        }
    }

    fn state(&mut self) -> String {
        match self.child.try_wait() {
            Ok(Some(status)) => format!("it has ended ({status}); see target/bench/functions.log"),
            _ => "see target/bench/functions.log".to_owned(),
        }
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        // The process may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
