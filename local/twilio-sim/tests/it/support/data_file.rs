//! A data file, and a simulator that can end like a process.

use std::collections::HashMap;
use std::path::PathBuf;

use serde_json::Value;
use tokio::runtime::Runtime;
use uuid::Uuid;

use super::Sim;

/// The data file of one test. Dropping it deletes the file.
pub struct DataFile(pub PathBuf);

impl DataFile {
    pub fn new() -> Self {
        Self(std::env::temp_dir().join(format!("twilio-sim-{}.jsonl", Uuid::new_v4())))
    }

    /// Waits until all calls in the file have ended and all their callbacks have been answered.
    pub async fn wait_until_settled(&self) {
        loop {
            let text = std::fs::read_to_string(&self.0).unwrap();
            let lines = text
                .lines()
                .map_while(|line| serde_json::from_str(line).ok());
            let calls: HashMap<_, _> = lines
                .map(|mut line: Value| line["call"].take())
                .filter(Value::is_object)
                .map(|call| (call["sid"].to_string(), call))
                .collect();
            let is_settled = |call: &Value| {
                !call["ended"].is_null() && call["unanswered"] == Value::Array(Vec::new())
            };
            if calls.values().all(is_settled) {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    pub async fn sim(&self) -> Sim {
        Sim::with(|config| config.data = Some(self.0.clone())).await
    }
}

/// A simulator whose tasks all end with it, as in a process of its own.
pub struct Process {
    pub sim: Sim,
    runtime: Option<Runtime>,
}

impl Process {
    pub async fn start(data: &DataFile) -> Self {
        let runtime = Runtime::new().unwrap();
        let path = data.0.clone();
        let sim = Sim::with(|config| config.data = Some(path));
        Self {
            sim: runtime.spawn(sim).await.unwrap(),
            runtime: Some(runtime),
        }
    }
}

impl Process {
    /// Ends the simulator, and waits for the end of its tasks.
    pub async fn end(mut self) {
        let runtime = self.runtime.take();
        tokio::task::spawn_blocking(|| drop(runtime)).await.unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for DataFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
