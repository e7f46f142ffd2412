//! `cargo xtask bench`: measures the functions against a function that returns a constant, and against the database's
//! driver.
//!
//! All measurements alternate within one run on one machine. Compare the ratios, not the times.

mod bench;
mod cold_start;
mod command_monitor;
mod driver_baseline;
mod environment;
mod explained;
mod finding;
mod fixture;
mod flame_graph;
mod growth;
mod in_process;
mod instructions;
mod latency_proxy;
mod machine;
mod memory;
mod process;
mod queries;
mod query_plan;
mod queue;
mod reconcile;
mod round_trips;
mod routes;
mod runtime_api;
mod seed_data;
mod size;
mod statistics;
mod throughput;
mod warm_requests;

use std::collections::BTreeSet;
use std::process::ExitCode;

use chrono::{SecondsFormat, Utc};
use clap::{Parser, ValueEnum};
use lambda::Function;
use serde_json::{Map, Value, json};
use stack::build::SIMULATOR;
use stack::steps::Steps;
use stack::venv::{self, Venv};
use stack::workspace::{Workspace, cargo};
use stack::{Result, prerequisites, processes, program};

use bench::{Bench, FLOOR};
use finding::Finding;
use fixture::Fixture;
use runtime_api::RuntimeApi;

/// Measures the release binaries against the least that a function and the database's driver need.
#[derive(Parser)]
#[command(
    bin_name = "cargo xtask bench",
    after_help = "Example:\n  cargo xtask bench --only cold,warm --starts 10"
)]
struct Arguments {
    /// Measurements to run [default: all]
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// Number of starts of each function and latency of the database
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(3..=1_000))]
    starts: u32,
    /// Number of timed requests of each route
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(20..=100_000))]
    requests: u32,
    /// Number of requests to each function in the measurement of memory
    #[arg(long, hide = true, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    memory_requests: u32,
    /// Cargo profile of the measured binaries
    #[arg(long, default_value = "release")]
    profile: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Sizes of binaries and zip files
    Size,
    /// Time from exec to the first poll, and to the first response
    Cold,
    /// Round trips to the database and to Twilio in each route
    Steps,
    /// Requests to a running environment, with and without the database's share
    Warm,
    /// Status callbacks per second
    Throughput,
    /// Memory of each function after its start and after many requests
    Memory,
    /// Requests with more and more stored calls, and the database's query plans
    Growth,
    /// Speed of `reconcile` for calls without webhooks
    Reconcile,
    /// The dial queue: its speed, its cost while idle and for immediate calls, and its query plans
    Queue,
}

fn main() -> ExitCode {
    program::become_bound_child();
    program::run(false, run(Arguments::parse()))
}

async fn run(arguments: Arguments) -> Result<()> {
    prerequisites::check()?;
    let workspace = Workspace::find()?;
    let is_built = workspace.bin.file_name() == Some(arguments.profile.as_ref());
    if is_built {
        measure(workspace, &arguments).await
    } else {
        build_and_run(&workspace, &arguments.profile).await
    }
}

/// Builds the functions and this program with the profile, and runs the built program. This program is built with the same
/// profile because it measures the driver in its own process.
///
/// The binaries keep their symbols for flame graphs. A starting function doesn't load them.
async fn build_and_run(workspace: &Workspace, profile: &str) -> Result<()> {
    println!("building the {profile} binaries; full optimization takes ten minutes or more");
    let mut build = processes::command(cargo());
    build.args(["build", "--workspace", "--profile", profile]);
    let strip = format!("CARGO_PROFILE_{}_STRIP", profile.to_uppercase());
    build.env(strip, "none");
    for name in Function::names().chain([FLOOR, SIMULATOR, "bench"]) {
        build.args(["--bin", name]);
    }
    if !build.current_dir(&workspace.root).status().await?.success() {
        return Err("the build failed: see above".into());
    }
    let mut program = processes::command(workspace.target.join(profile).join("bench"));
    let ended = program.args(std::env::args_os().skip(1)).status().await?;
    if ended.success() {
        Ok(())
    } else {
        Err("the measurement failed: see above".into())
    }
}

async fn measure(workspace: Workspace, arguments: &Arguments) -> Result<()> {
    let parts = match &arguments.only[..] {
        [] => Part::value_variants(),
        parts => parts,
    };
    let mut steps = Steps::new(parts.len() + 1);
    let folder = workspace.target.join("bench");
    std::fs::create_dir_all(&folder)?;

    steps.next("starting the database and Twilio");
    let venv = Venv::ensure(&workspace, venv::DATABASE).await?;
    let fixture = Fixture::start(&workspace, &venv, &folder).await?;
    let database = fixture.database_version().await?;
    let bench = Bench {
        workspace,
        fixture,
        api: RuntimeApi::serve().await?,
        folder,
        starts: arguments.starts as usize,
        requests: arguments.requests as usize,
        memory_requests: arguments.memory_requests as usize,
    };

    let mut findings = Map::new();
    let mut targets = Vec::new();
    for part in parts {
        // Each part starts with the same documents.
        bench.fixture.restore(&bench.fixture.stage).await?;
        steps.next(part.describe());
        let finding = part.measure(&bench).await?;
        print(&finding);
        findings.insert(format!("{part:?}").to_lowercase(), finding.data);
        targets.extend(finding.targets);
    }
    let report = json!({
        "date": Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true),
        "machine": machine::describe(),
        "profile": arguments.profile,
        "database": database,
        "findings": Value::Object(findings),
        "targets": targets,
    });
    let file = bench.folder.join("report.json");
    std::fs::write(&file, serde_json::to_vec_pretty(&report)?)?;
    println!("report: {}", file.display());
    Ok(())
}

impl Part {
    fn describe(self) -> &'static str {
        match self {
            Self::Size => "measuring the binaries",
            Self::Cold => "starting each function many times",
            Self::Steps => "counting the round trips of each route",
            Self::Warm => "sending requests to each route in turn",
            Self::Throughput => "sending as many status callbacks as possible",
            Self::Memory => "sending thousands of requests to each function",
            Self::Growth => "filling databases with more and more calls",
            Self::Reconcile => "settling calls without webhooks",
            Self::Queue => "scheduling calls, and dialling them",
        }
    }

    async fn measure(self, bench: &Bench) -> Result<Finding> {
        match self {
            Self::Size => size::measure(bench),
            Self::Cold => cold_start::measure(bench).await,
            Self::Steps => round_trips::measure(bench).await,
            Self::Warm => warm_requests::measure(bench).await,
            Self::Throughput => throughput::measure(bench).await,
            Self::Memory => memory::measure(bench).await,
            Self::Growth => growth::measure(bench).await,
            Self::Reconcile => reconcile::measure(bench).await,
            Self::Queue => queue::measure(bench).await,
        }
    }
}

/// Prints a table, its targets, and why targets are missed.
fn print(finding: &Finding) {
    println!("\n{}\n{}", finding.title, finding.table);
    for target in &finding.targets {
        println!("{target}");
    }
    let bounds: BTreeSet<_> = finding
        .targets
        .iter()
        .filter_map(|target| target.bound)
        .collect();
    for bound in bounds {
        println!("why a target is missed: {bound}");
    }
    println!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn example_in_the_help_is_valid() {
        let example = ["bench", "--only", "cold,warm", "--starts", "10"];
        let arguments = Arguments::try_parse_from(example).unwrap();
        assert_eq!(arguments.only, [Part::Cold, Part::Warm]);
        assert_eq!(arguments.starts, 10);
    }
}
