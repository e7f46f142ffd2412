//! One run: starts the services, places the calls while everything fails, waits, and compares.

use std::convert::Infallible;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::json;
use stack::Result;
use stack::build::whole_stack;
use stack::steps::{Steps, seconds};
use stack::venv::{self, Venv};
use stack::workspace::Workspace;

use crate::clients::Clients;
use crate::compare::violations;
use crate::database_faults::DatabaseFaults;
use crate::evidence::Sent;
use crate::known::{Known, KnownOfQueue};
use crate::moment::{Moment, millis, now};
use crate::operators::{self, with_aftermath};
use crate::plan::Plan;
use crate::queue_events::QueueEvents;
use crate::report::{Events, Report};
use crate::services::{DIAL_QUEUE, Services};
use crate::watchers::Watchers;
use crate::{database_faults, metrics, panics, settling, twilio_faults};

/// Number of times the database connections are cut for each hundred calls.
const CUTS_PER_HUNDRED_CALLS: usize = 2;

/// The interval of printing the progress.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// Time until a full hour at which a run begins: its services start before the last half of the minute.
const BEFORE_HOUR: Duration = Duration::from_secs(50);

/// A little longer than the service may answer with old counts of a batch.
const COUNTS_CACHED: Duration = Duration::from_secs(3);

/// The settings of a run.
#[derive(Clone, Debug)]
pub struct Settings {
    pub seed: u64,
    pub calls: usize,
    /// Number of outages of the database.
    pub outages: usize,
    /// True if calls use the dial queue.
    pub uses_queue: bool,
    /// True if the run begins just before a full hour, and has daily caps.
    pub waits_for_hour: bool,
    /// The binaries of another version, which run beside those of the workspace.
    pub beside: Option<PathBuf>,
}

impl Settings {
    /// The command that repeats the run.
    fn command(&self) -> String {
        let Self {
            seed,
            calls,
            outages,
            uses_queue,
            waits_for_hour,
            beside,
        } = self;
        let schedule = if *uses_queue { " --schedule" } else { "" };
        let midnight = if *waits_for_hour { " --midnight" } else { "" };
        let beside = beside
            .as_ref()
            .map(|folder| format!(" --beside {}", folder.display()));
        let beside = beside.unwrap_or_default();
        format!(
            "cargo xtask chaos{schedule}{midnight}{beside} --calls {calls} --outages {outages} --seed {seed}"
        )
    }
}

/// Performs a run, and returns its report.
///
/// # Errors
///
/// If a service can't be started, or fails where it must not.
pub async fn run(workspace: &Workspace, settings: Settings) -> Result<Report> {
    let started = Instant::now();
    let mut steps = Steps::new(5);
    let Settings { seed, calls, .. } = settings;
    println!("seed {seed}: {}", settings.command());
    let cuts = (calls * CUTS_PER_HUNDRED_CALLS / 100).max(2);
    let plan = Plan::new(seed, calls, settings.outages, cuts);
    let plan = match &settings.beside {
        Some(_) => plan.without_listening(),
        None => plan,
    };
    let plan = match (settings.uses_queue, settings.waits_for_hour) {
        (true, true) => plan.with_queue().with_daily_caps(),
        (true, false) => plan.with_queue(),
        (false, _) => plan,
    };

    steps.next("building the functions and the simulator");
    let venv = stack::prepare(workspace, whole_stack()).await?;
    let aws_venv = Venv::ensure(workspace, venv::AWS).await?;
    if settings.waits_for_hour {
        let wait = until_next_hour(now());
        steps.note(format!("waiting {} for the next full hour", seconds(wait)));
        tokio::time::sleep(wait).await;
    }
    steps.next("starting the database, Twilio, the queue and the functions");
    let mut services =
        Services::start(workspace, &venv, &aws_venv, &plan, settings.beside.clone()).await?;
    let watchers = Watchers::start(&services, settings.uses_queue);

    steps.next(format!("placing {calls} calls while everything fails"));
    let clients = Clients::new(
        services.client.clone(),
        services.url(),
        &services.api_key,
        &plan,
        services.hours.users.clone(),
    )
    .await?;
    let (mut known, database) = place(&mut services, &clients, &plan, &steps).await?;
    let (answered, tally) = (Instant::now(), clients.tally().await);

    steps.next("the faults end; replay and reconcile settle the open calls");
    services.simulator.set_faults(&json!({})).await?;
    services.host.spare_all();
    settling::settle(&services, &known, &steps).await?;

    steps.next("comparing Twilio's calls with the database");
    if let Some(queue) = &mut known.queue {
        tokio::time::sleep(COUNTS_CACHED).await;
        queue.read_batches(&clients).await;
    }
    let seen = watchers.stop().await?;
    if let Some(queue) = &mut known.queue {
        queue.disturbed.extend(seen.kills);
    }
    let mut evidence = services.evidence(&known).await?;
    evidence.webhooks = seen.log.webhooks;
    evidence.pressed = seen.log.pressed;
    evidence.late_verdicts = seen.log.late_verdicts;
    evidence.failed_updates = seen.log.failed_updates;
    evidence.panics = panics::places(&services.log)?;
    evidence.went_back = seen.statuses.went_back;
    if let (Some(queue), Some(deliveries)) = (&mut evidence.queue, seen.deliveries.get(DIAL_QUEUE))
    {
        queue.sent = deliveries.first.iter().filter_map(Sent::read).collect();
    }
    let violations = violations(&evidence);
    let queue = evidence.queue.as_ref().map(|queue| {
        let actions = tally.actions.clone();
        QueueEvents::new(queue, &evidence.stored_calls, actions, &seen.deliveries)
    });
    let events = Events {
        tally,
        faults: seen.log.faults,
        kills: services.host.kills(),
        database,
        metrics: metrics::counted(&services.log)?,
        looks: seen.statuses.looks,
        changes: seen.statuses.changes,
        reconciled: seen.reconciled,
        queue,
        ..Events::new(&evidence)
    };
    if seen.log.missed > 0 {
        return Err(format!(
            "the simulator dropped {} log entries before they were read: place fewer calls",
            seen.log.missed
        )
        .into());
    }
    Ok(Report {
        seed,
        command: settings.command(),
        passed: violations.is_empty(),
        calls,
        elapsed_ms: started.elapsed().as_millis(),
        settled_after_ms: answered.elapsed().as_millis(),
        events,
        counts: Report::count(&violations, settings.uses_queue),
        violations,
    })
}

/// Places all calls while everything fails. Returns what the run did, and the faults of the database.
async fn place(
    services: &mut Services,
    clients: &Clients,
    plan: &Plan,
    steps: &Steps,
) -> Result<(Known, DatabaseFaults)> {
    let (simulator, functions_database) =
        (services.simulator.clone(), services.functions_database());
    simulator.set_faults(&twilio_faults::plan(plan)).await?;
    let placing = clients.place(plan);
    let operating = operators::operate(&simulator, &functions_database, clients, plan, steps);
    let proxy = services.proxy.as_ref();
    let failing = database_faults::inject(&mut services.database, proxy, clients, plan, steps);
    let (placed, operated, database) = tokio::select! {
        all = async { tokio::join!(placing, operating, failing) } => all,
        never = print_progress(clients, steps, plan.orders.len()) => match never {},
    };
    placed?;
    let (operations, database) = (operated?, database?);
    let mut known = Known {
        keys: clients.histories().await,
        outages: database.spans.clone(),
        queue: None,
    };
    if plan.queue.is_some() {
        known.queue = Some(KnownOfQueue {
            requested: clients.requested().await,
            operations,
            users: clients.time_zones(),
            disturbed: database.spans.iter().copied().map(with_aftermath).collect(),
        });
    }
    Ok((known, database))
}

/// Returns how long to wait so that a run begins just before a full hour.
fn until_next_hour(now: Moment) -> Duration {
    const HOUR: Moment = 3_600_000;
    let at = HOUR - millis(BEFORE_HOUR);
    let wait = (at - now.rem_euclid(HOUR)).rem_euclid(HOUR);
    Duration::from_millis(wait.unsigned_abs())
}

async fn print_progress(clients: &Clients, steps: &Steps, calls: usize) -> Infallible {
    loop {
        tokio::time::sleep(PROGRESS_INTERVAL).await;
        let settled = clients.settled();
        steps.note(format!("{settled} of {calls} keys have a response"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moment::parse;

    #[test]
    fn run_begins_just_before_a_full_hour() {
        let wait = |time| until_next_hour(parse(time).unwrap()).as_secs();
        assert_eq!(wait("2026-11-28T01:00:00Z"), 3_550);
        assert_eq!(wait("2026-11-28T01:59:05Z"), 5);
        assert_eq!(wait("2026-11-28T01:59:20Z"), 3_590);
    }
}
