//! Background tasks of a run: they watch statuses and the simulator's log, invoke `reconcile`, and empty the queues.

use std::collections::BTreeMap;
use std::time::Duration;

use lambda::{Deliveries, Host};
use serde_json::json;
use stack::Result;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::moment::Span;
use crate::schedules;
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
    queues: JoinHandle<BTreeMap<&'static str, Deliveries>>,
    kills: JoinHandle<Vec<Span>>,
    schedules: Vec<JoinHandle<()>>,
}

/// The observations of the tasks.
pub struct Seen {
    pub statuses: StatusWatch,
    pub log: SimulatorLog,
    /// The sums of `reconcile`'s reports.
    pub reconciled: BTreeMap<String, usize>,
    /// The messages of each queue, by its variable.
    pub deliveries: BTreeMap<&'static str, Deliveries>,
    /// When kills delayed dials.
    pub kills: Vec<Span>,
}

impl Watchers {
    /// Starts all tasks. They run until [`Watchers::stop`]. The schedules of the dial queue alone run only if the run uses it.
    pub fn start(services: &Services, uses_queue: bool) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (client, simulator) = (services.client.clone(), services.simulator.origin.clone());
        let log = SimulatorLog::follow(client, simulator, stopped.clone());
        let statuses = StatusWatch::run(services.functions_database(), stopped.clone());
        let host = services.host.clone();
        let running = schedules::run(host.clone(), services.output(), uses_queue, stopped.clone());
        let mut schedules = vec![tokio::spawn(running)];
        if uses_queue {
            let database = services.functions_database();
            schedules.push(tokio::spawn(schedules::hasten_probes(
                database,
                stopped.clone(),
            )));
        }
        Self {
            kills: tokio::spawn(schedules::watch_kills(host.clone(), stopped.clone())),
            schedules,
            statuses: tokio::spawn(statuses),
            log: tokio::spawn(log),
            reconciled: tokio::spawn(reconcile_at_intervals(host, stopped.clone())),
            queues: tokio::spawn(services.pump(stopped)),
            stop,
        }
    }

    /// Stops all tasks, and returns what they have seen.
    pub async fn stop(self) -> Result<Seen> {
        self.stop.send_replace(true);
        let deliveries = self.queues.await?;
        for schedule in self.schedules {
            schedule.await?;
        }
        Ok(Seen {
            deliveries,
            kills: self.kills.await?,
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
