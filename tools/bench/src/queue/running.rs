//! A running dial queue: a local SQS, and functions that get its messages as on Lambda.

use std::collections::BTreeMap;

use lambda::{EventSource, EventSourceMapping, FUNCTIONS, Gateway, Host, QUEUES, scheduled_event};
use serde_json::Value;
use stack::output::Output;
use stack::queues::{Options, Queues};
use stack::venv::{self, Venv};
use stack::{Result, processes};
use testkit::{Request, Stage};
use tokio::sync::watch;

use crate::bench::Bench;
use crate::fixture;

/// The most environments of one function.
const ENVIRONMENTS: usize = 100;
/// The functions that get the messages of the dial queue and of the wake-up queue.
const CONSUMERS: [&str; 2] = ["dial", "dispatch"];

/// A local SQS, and functions on a stage. Dropping it stops the deliveries, and ends idle environments.
pub struct RunningQueue {
    queues: Queues,
    host: Host,
    pace: u32,
    output: Output,
    stop: watch::Sender<bool>,
}

impl RunningQueue {
    /// Starts the services for this number of dials a second. Nothing is delivered yet.
    pub async fn start(bench: &Bench, stage: &Stage, pace: u32) -> Result<Self> {
        let output = Output::verbatim(&bench.fixture.log)?;
        let queues = start_queues(bench, &output).await?;
        let variables = variables(stage, &queues, pace);
        let (workspace, log) = (bench.workspace.clone(), output.clone());
        let host = Gateway::bind(0).await?.serve(lambda::Options {
            start_process: Box::new(move |name, of_lambda| {
                let mut command = processes::command(workspace.binary(name));
                command.env_clear().envs(&variables).envs(of_lambda);
                let started = log.spawn(name, &mut command);
                started.map_err(|error| error.to_string())
            }),
            environments: ENVIRONMENTS,
            kills: None,
        });
        Ok(Self {
            queues,
            host,
            pace,
            output,
            stop: watch::channel(false).0,
        })
    }

    /// Delivers the messages of the dial queue and of the wake-up queue from now on.
    pub fn deliver(&self) {
        let urls = self.queues.variables();
        for function in FUNCTIONS.iter().filter(|it| CONSUMERS.contains(&it.name)) {
            for source in &function.event_sources {
                let queue = QUEUES.iter().find(|queue| queue.id == source.queue);
                let variable = queue.and_then(|queue| queue.variable).unwrap_or_default();
                let mapping = EventSourceMapping {
                    function: function.name,
                    source: sized(function.name, source, self.pace),
                    url: urls.get(variable).cloned().unwrap_or_default(),
                    client: self.queues.client(),
                    redeliveries: None,
                };
                let output = self.output.clone();
                let report = move |name: &str, failure: &lambda::Failure| {
                    output.line(name, &format!("invocation failed: {failure}"));
                };
                tokio::spawn(mapping.run(self.host.clone(), self.stop.subscribe(), report));
            }
        }
    }

    /// Runs `dispatch` by its schedule, until nothing is due soon. Returns its report.
    pub async fn dispatch(&self) -> Result<Value> {
        let event = scheduled_event("dispatch");
        Ok(self.host.invoke("dispatch", &event).await?)
    }

    /// Sends a request to place a call, and returns the status and the call's id.
    pub async fn place(&self, call: &Value) -> Result<(u64, String)> {
        let request = Request::post("/calls/outbound", call);
        let answer = self.host.invoke("outbound-calls", request.event()).await?;
        let status = answer["statusCode"].as_u64().unwrap_or_default();
        let body: Value = serde_json::from_str(answer["body"].as_str().unwrap_or("null"))?;
        match body["call_id"].as_str() {
            Some(id) => Ok((status, id.to_owned())),
            None => Err(format!("no call is placed: {status} {body}").into()),
        }
    }
}

impl Drop for RunningQueue {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        self.host.retire_all();
    }
}

/// Starts a local SQS with the template's queues.
pub async fn start_queues(bench: &Bench, output: &Output) -> Result<Queues> {
    let venv = Venv::ensure(&bench.workspace, venv::AWS).await?;
    Queues::start(&venv, output, Options::default()).await
}

/// Returns the variables of functions on a stage with these queues.
pub fn variables(stage: &Stage, queues: &Queues, pace: u32) -> BTreeMap<String, String> {
    let of_queues = queues.variables().into_iter();
    let of_queues = of_queues.map(|(name, value)| (name.to_owned(), value));
    let pace = ("DIALS_PER_SECOND".to_owned(), pace.to_string());
    fixture::variables(stage)
        .into_iter()
        .chain(of_queues)
        .chain([pace])
        .collect()
}

/// Returns an event source as the template advises for a pace: dials of two seconds at a time, in tens if there are many.
fn sized(function: &str, source: &EventSource, pace: u32) -> EventSource {
    if function != "dial" {
        return source.clone();
    }
    let batch_size = if pace > 10 { 10 } else { 1 };
    let dials = usize::try_from(2 * pace).unwrap_or(usize::MAX);
    EventSource {
        batch_size,
        concurrency: (dials / batch_size).clamp(2, ENVIRONMENTS),
        ..source.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dials_of_two_seconds_run_at_a_time() {
        let source = FUNCTIONS.iter().find(|function| function.name == "dial");
        let source = &source.unwrap().event_sources[0];
        for (pace, batch_size, concurrency) in [(1, 1, 2), (10, 1, 20), (100, 10, 20)] {
            let sized = sized("dial", source, pace);
            assert_eq!(
                (sized.batch_size, sized.concurrency),
                (batch_size, concurrency)
            );
        }
    }
}
