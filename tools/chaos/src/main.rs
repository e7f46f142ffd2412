//! `cargo xtask chaos`: places many calls while clients, callbacks, environments and the database fail, and checks that
//! no call is lost or dialled twice.

mod clients;
mod clock;
mod compare;
mod counts;
mod database_faults;
mod evidence;
mod hours;
mod known;
mod metrics;
mod moment;
mod notices;
mod operators;
mod panics;
mod plan;
mod queue_events;
mod report;
mod run;
mod schedules;
mod services;
mod settling;
mod simulator;
mod simulator_log;
mod statuses;
mod stop;
mod twilio_faults;
mod violation;
mod watchers;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use serde_json::{Value, json};
use stack::workspace::Workspace;
use stack::{Result, prerequisites, processes, program};

use run::Settings;

/// Places many calls while everything fails, and compares Twilio's calls with the database.
#[derive(Parser)]
#[command(
    bin_name = "cargo xtask chaos",
    after_help = "Example:\n  cargo xtask chaos --calls 200 --seed 7"
)]
struct Arguments {
    /// Number of calls
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    calls: u32,
    /// Random seed [default: a new one]
    #[arg(long)]
    seed: Option<u64>,
    /// Number of runs; each run increments the seed
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    seeds: u32,
    /// Number of database outages, of ten and three seconds in turn
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=20))]
    outages: u32,
    /// Use the dial queue: half of the calls are scheduled, a third is retried, two batches are dialled
    #[arg(long)]
    schedule: bool,
    /// With --schedule: run over a midnight UTC, with daily caps. Calling hours open or close then
    #[arg(long, requires = "schedule")]
    midnight: bool,
    /// Folder with the binaries of another version: half of the functions' environments run them, as during a deployment
    #[arg(long, value_name = "FOLDER", conflicts_with = "schedule")]
    beside: Option<PathBuf>,
}

fn main() -> ExitCode {
    program::become_bound_child();
    program::run(false, run(Arguments::parse()))
}

async fn run(arguments: Arguments) -> Result<()> {
    prerequisites::check()?;
    let workspace = Workspace::find()?;
    if arguments.midnight && arguments.seeds == 1 && clock::can_be_set() && !clock::is_set() {
        return clock::run_before_midnight(&workspace).await;
    }
    let folder = workspace.target.join("chaos");
    std::fs::create_dir_all(&folder)?;
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    let settings = Settings {
        seed,
        calls: arguments.calls as usize,
        outages: arguments.outages as usize,
        uses_queue: arguments.schedule,
        waits_for_hour: arguments.midnight,
        beside: arguments.beside.map(std::path::absolute).transpose()?,
    };
    let report = if arguments.seeds == 1 {
        let report = run::run(&workspace, settings).await?;
        println!("{report}");
        json!(report)
    } else {
        run_each_seed(&folder, settings, arguments.seeds).await?
    };
    let file = folder.join("report.json");
    std::fs::write(&file, serde_json::to_vec_pretty(&report)?)?;
    println!("report: {}", file.display());
    if report["passed"] == true {
        return Ok(());
    }
    Err("calls or webhooks were lost or duplicated: see above".into())
}

/// Runs each seed in its own process, so that no run affects the next one, and returns all reports.
async fn run_each_seed(folder: &Path, first: Settings, runs: u32) -> Result<Value> {
    let mut reports = Vec::new();
    for seed in (first.seed..).take(runs as usize) {
        let mut child = processes::command(processes::this_program());
        child
            .args(["--calls", &first.calls.to_string()])
            .args(["--outages", &first.outages.to_string()])
            .args(["--seed", &seed.to_string()]);
        if first.uses_queue {
            child.arg("--schedule");
        }
        if first.waits_for_hour {
            child.arg("--midnight");
        }
        if let Some(folder) = &first.beside {
            child.arg("--beside").arg(folder);
        }
        let file = folder.join("report.json");
        // An older report must not be taken for this run's.
        let _ = std::fs::remove_file(&file);
        child.status().await?;
        let text = std::fs::read(&file)
            .map_err(|_| format!("the run with seed {seed} wrote no report: see above"))?;
        reports.push(serde_json::from_slice::<Value>(&text)?);
    }
    println!("\n{:>12}  {:>6}  verdict", "seed", "calls");
    for report in &reports {
        let verdict = if report["passed"] == true {
            "nothing lost or duplicated"
        } else {
            "VIOLATIONS"
        };
        println!("{:>12}  {:>6}  {verdict}", report["seed"], report["calls"]);
    }
    let passed = reports.iter().all(|report| report["passed"] == true);
    Ok(json!({ "passed": passed, "runs": reports }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn example_in_the_help_is_valid() {
        let example = ["chaos", "--calls", "200", "--seed", "7"];
        let arguments = Arguments::try_parse_from(example).unwrap();
        assert_eq!((arguments.calls, arguments.seed), (200, Some(7)));
    }
}
