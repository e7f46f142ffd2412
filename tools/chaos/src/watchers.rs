//! Background tasks of a run: they watch statuses and the simulator's log, invoke `reconcile`, and empty the queue.

use std::collections::BTreeMap;
use std::time::Duration;

use lambda::Host;
use serde_json::json;
use stack::Result;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::services::Services;
use crate::simulator_log::SimulatorLog;
use crate::statuses::StatusWatch;
use crate::stop::stopped_within;

/// The interval between runs of `reconcile`.
const RECONCILE_INTERVAL: Duration = Duration::from_secs(2);

/// The running tasks.
pub struct Watchers {
    stop: watch::Sender<bool>,
    statuses: JoinHandle<StatusWatch>,
    log: JoinHandle<Result<SimulatorLog>>,
    reconciled: JoinHandle<BTreeMap<String, usize>>,
    queue: JoinHandle<usize>,
}

/// The observations of the tasks.
pub struct Seen {
    pub statuses: StatusWatch,
    pub log: SimulatorLog,
    /// The sums of `reconcile`'s reports.
    pub reconciled: BTreeMap<String, usize>,
}

impl Watchers {
    /// Starts all tasks. They run until [`Watchers::stop`].
    pub fn start(services: &Services) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (client, simulator) = (services.client.clone(), services.simulator.clone());
        let log = SimulatorLog::follow(client, simulator, stopped.clone());
        let statuses = StatusWatch::run(services.functions_database(), stopped.clone());
        let host = services.host.clone();
        Self {
            statuses: tokio::spawn(statuses),
            log: tokio::spawn(log),
            reconciled: tokio::spawn(reconcile_at_intervals(host.clone(), stopped.clone())),
            queue: tokio::spawn(services.queue.clone().pump(host, stopped)),
            stop,
        }
    }

    /// Stops all tasks, and returns what they have seen.
    pub async fn stop(self) -> Result<Seen> {
        self.stop.send_replace(true);
        self.queue.await?;
        Ok(Seen {
            statuses: self.statuses.await?,
            log: self.log.await??,
            reconciled: self.reconciled.await?,
        })
    }
}

/// Invokes `reconcile` at intervals, and adds up its reports.
async fn reconcile_at_intervals(
    host: Host,
    mut stop: watch::Receiver<bool>,
) -> BTreeMap<String, usize> {
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
                        let count = report[kind][what].as_u64().unwrap_or(0);
                        add(format!("{kind} {what}"), count);
                    }
                }
                let stopped_early = report["stopped_early"] == true;
                add("stopped early".to_owned(), stopped_early.into());
            }
            Err(error) => add(format!("failed ({error})").chars().take(60).collect(), 1),
        }
        if stopped_within(&mut stop, RECONCILE_INTERVAL).await {
            counts.retain(|_, count| *count > 0);
            return counts;
        }
    }
}
