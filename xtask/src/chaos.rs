//! `cargo xtask chaos`: many calls under every fault, and whether anything was lost.

mod blows;
mod clients;
mod compare;
mod evidence;
mod faults;
mod metrics;
mod plan;
mod report;
mod scene;
mod settling;
mod watch;

use std::convert::Infallible;
use std::path::Path;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};

use crate::Result;
use crate::prerequisites;
use crate::processes;
use crate::stack;
use crate::steps::Steps;
use crate::venv::{self, Venv};
use crate::workspace::Workspace;
use clients::Clients;
use compare::violations;
use plan::Plan;
use report::{Events, Report};
use scene::Scene;

#[derive(Args)]
#[command(after_help = "Example:\n  cargo xtask chaos --calls 200 --seed 7")]
pub struct Arguments {
    /// How many calls are placed
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    calls: u32,
    /// What the run follows from [default: by chance]
    #[arg(long)]
    seed: Option<u64>,
    /// How many runs, each of the next seed
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    seeds: u32,
    /// How often the database is stopped, for ten seconds and for three by turns
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=20))]
    outages: u32,
}

/// How often the connections to the database are cut, for each hundred calls.
const CUTS_OF_HUNDRED: usize = 2;

pub async fn run(arguments: Arguments) -> Result<()> {
    prerequisites::check()?;
    let workspace = Workspace::find()?;
    let folder = workspace.target.join("chaos");
    std::fs::create_dir_all(&folder)?;
    let first = arguments.seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    let report = if arguments.seeds == 1 {
        let report = one(&workspace, &arguments, first).await?;
        println!("{report}");
        json!(report)
    } else {
        several(&folder, &arguments, first).await?
    };
    let file = folder.join("report.json");
    std::fs::write(&file, serde_json::to_vec_pretty(&report)?)?;
    println!("report: {}", file.display());
    if report["passed"] == true {
        return Ok(());
    }
    Err("something was lost, or done twice: see above".into())
}

fn command(arguments: &Arguments, seed: u64) -> String {
    let Arguments { calls, outages, .. } = arguments;
    format!("cargo xtask chaos --calls {calls} --outages {outages} --seed {seed}")
}

/// Each in a process of its own, so that nothing of one run is left in the next.
async fn several(folder: &Path, arguments: &Arguments, first: u64) -> Result<Value> {
    let mut reports = Vec::new();
    for seed in (first..).take(arguments.seeds as usize) {
        let mut child = processes::command(processes::this_program());
        child
            .arg("chaos")
            .args(["--calls", &arguments.calls.to_string()])
            .args(["--outages", &arguments.outages.to_string()])
            .args(["--seed", &seed.to_string()]);
        let file = folder.join("report.json");
        // What an earlier run has left must not pass for this one's.
        let _ = std::fs::remove_file(&file);
        child.status().await?;
        let text = std::fs::read(&file)
            .map_err(|_| format!("the run of seed {seed} has left no report: see above"))?;
        reports.push(serde_json::from_slice::<Value>(&text)?);
    }
    println!("\n{:>12}  {:>6}  verdict", "seed", "calls");
    for report in &reports {
        let verdict = if report["passed"] == true {
            "nothing lost, nothing twice"
        } else {
            "VIOLATIONS"
        };
        println!("{:>12}  {:>6}  {verdict}", report["seed"], report["calls"]);
    }
    let passed = reports.iter().all(|report| report["passed"] == true);
    Ok(json!({ "passed": passed, "runs": reports }))
}

async fn one(workspace: &Workspace, arguments: &Arguments, seed: u64) -> Result<Report> {
    let started = Instant::now();
    let mut steps = Steps::new(5);
    println!("seed {seed}: {}", command(arguments, seed));
    let calls = arguments.calls as usize;
    let cuts = (calls * CUTS_OF_HUNDRED / 100).max(2);
    let plan = Plan::new(seed, calls, arguments.outages as usize, cuts);

    steps.next("building the functions and the simulator");
    stack::build(workspace).await?;
    steps.next("starting the database, Twilio, the queue and the functions");
    let venv = Venv::ensure(workspace, venv::STACK).await?;
    let mut scene = Scene::set(workspace, &venv, &plan).await?;
    let watchers = scene.watch();

    steps.next(format!("placing {calls} calls while everything fails"));
    let clients = Clients::begin(scene.client.clone(), scene.url(), &scene.api_key, &plan).await?;
    scene.put_faults(&faults::plan(&plan)).await?;
    let placing = clients.place(&plan);
    let striking = blows::strike(
        &mut scene.database,
        scene.proxy.as_ref(),
        &clients,
        &plan,
        &steps,
    );
    let (placed, blows) = tokio::select! {
        both = async { tokio::join!(placing, striking) } => both,
        never = tell_progress(&clients, &steps, calls) => match never {},
    };
    placed?;
    let blows = blows?;
    let (stories, tally) = clients.stories().await;
    let answered = Instant::now();

    steps.next("the faults end; replay and reconcile settle what is open");
    scene.put_faults(&json!({})).await?;
    scene.host.spare_all();
    settling::settle(&scene, &stories, &steps).await?;

    steps.next("comparing what Twilio knows with what the database says");
    let seen = watchers.stop().await?;
    let mut evidence = scene.evidence(stories).await?;
    evidence.webhooks = seen.journal.webhooks;
    evidence.went_back = seen.statuses.went_back;
    let violations = violations(&evidence);
    let events = Events {
        tally,
        faults: seen.journal.faults,
        kills: scene.host.kills(),
        database: blows,
        metrics: metrics::counted(&scene.log)?,
        looks: seen.statuses.looks,
        changes: seen.statuses.changes,
        reconciled: seen.reconciled,
        ..Events::of(&evidence)
    };
    if seen.journal.missed > 0 {
        return Err(format!(
            "{} entries of the simulator's log were forgotten before they were read: place fewer calls",
            seen.journal.missed
        )
        .into());
    }
    Ok(Report {
        seed,
        command: command(arguments, seed),
        passed: violations.is_empty(),
        calls,
        elapsed_ms: started.elapsed().as_millis(),
        settled_after_ms: answered.elapsed().as_millis(),
        events,
        counts: Report::count(&violations),
        violations,
    })
}

async fn tell_progress(clients: &Clients, steps: &Steps, calls: usize) -> Infallible {
    loop {
        tokio::time::sleep(Duration::from_secs(5)).await;
        steps.note(format!(
            "{} of {calls} keys have their answer",
            clients.settled()
        ));
    }
}
