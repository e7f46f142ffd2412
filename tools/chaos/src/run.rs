//! One run: starts the services, places the calls while everything fails, waits, and compares.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use serde_json::json;
use stack::Result;
use stack::build::whole_stack;
use stack::steps::Steps;
use stack::venv::{self, Venv};
use stack::workspace::Workspace;

use crate::clients::Clients;
use crate::compare::violations;
use crate::plan::Plan;
use crate::report::{Events, Report};
use crate::services::Services;
use crate::watchers::Watchers;
use crate::{database_faults, metrics, settling, twilio_faults};

/// Number of times the database connections are cut for each hundred calls.
const CUTS_PER_HUNDRED_CALLS: usize = 2;

/// The interval of printing the progress.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// The settings of a run.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub seed: u64,
    pub calls: usize,
    /// Number of outages of the database.
    pub outages: usize,
}

impl Settings {
    /// The command that repeats the run.
    fn command(&self) -> String {
        let Self {
            seed,
            calls,
            outages,
        } = self;
        format!("cargo xtask chaos --calls {calls} --outages {outages} --seed {seed}")
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

    steps.next("building the functions and the simulator");
    let venv = stack::prepare(workspace, whole_stack()).await?;
    let aws_venv = Venv::ensure(workspace, venv::AWS).await?;
    steps.next("starting the database, Twilio, the queue and the functions");
    let mut services = Services::start(workspace, &venv, &aws_venv, &plan).await?;
    let watchers = Watchers::start(&services);

    steps.next(format!("placing {calls} calls while everything fails"));
    let clients = Clients::new(
        services.client.clone(),
        services.url(),
        &services.api_key,
        &plan,
    )
    .await?;
    let faults = twilio_faults::plan(&plan);
    services.set_twilio_faults(&faults).await?;
    let placing = clients.place(&plan);
    let failing = database_faults::inject(
        &mut services.database,
        services.proxy.as_ref(),
        &clients,
        &plan,
        &steps,
    );
    let (placed, database) = tokio::select! {
        both = async { tokio::join!(placing, failing) } => both,
        never = print_progress(&clients, &steps, calls) => match never {},
    };
    placed?;
    let database = database?;
    let (stories, tally) = clients.results().await;
    let answered = Instant::now();

    steps.next("the faults end; replay and reconcile settle the open calls");
    services.set_twilio_faults(&json!({})).await?;
    services.host.spare_all();
    settling::settle(&services, &stories, &steps).await?;

    steps.next("comparing Twilio's calls with the database");
    let seen = watchers.stop().await?;
    let mut evidence = services.evidence(stories).await?;
    evidence.webhooks = seen.log.webhooks;
    evidence.went_back = seen.statuses.went_back;
    let violations = violations(&evidence);
    let events = Events {
        tally,
        faults: seen.log.faults,
        kills: services.host.kills(),
        database,
        metrics: metrics::counted(&services.log)?,
        looks: seen.statuses.looks,
        changes: seen.statuses.changes,
        reconciled: seen.reconciled,
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
        counts: Report::count(&violations),
        violations,
    })
}

async fn print_progress(clients: &Clients, steps: &Steps, calls: usize) -> Infallible {
    loop {
        tokio::time::sleep(PROGRESS_INTERVAL).await;
        let settled = clients.settled();
        steps.note(format!("{settled} of {calls} keys have a response"));
    }
}
