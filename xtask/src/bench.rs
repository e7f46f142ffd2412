//! `cargo xtask bench`: how long the functions take, beside the least that a function, and the database's driver, need.
//!
//! Everything is measured on this machine, in turns within one run: compare the ratios, not the times.

mod api;
mod bare;
mod cold;
mod finding;
mod flame;
mod grown;
mod growth;
mod instructions;
mod line;
mod machine;
mod memory;
mod observed;
mod plan;
mod process;
mod reconcile;
mod routes;
mod scene;
mod size;
mod statistics;
mod steps;
mod tap;
mod throughput;
mod warm;

use std::collections::BTreeSet;
use std::path::PathBuf;

use chrono::{SecondsFormat, Utc};
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use crate::Result;
use crate::lambda::FUNCTIONS;
use crate::prerequisites;
use crate::processes;
use crate::steps::Steps;
use crate::venv::{self, Venv};
use crate::workspace::{Workspace, cargo};
use api::Api;
use finding::Finding;
use scene::Scene;

#[derive(Args)]
#[command(after_help = "Example:\n  cargo xtask bench --only cold,warm --starts 10")]
pub struct Arguments {
    /// What is measured [default: everything]
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// How often each function is started, for each latency of the database
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(3..=1_000))]
    starts: u32,
    /// How many requests of each route are timed
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(20..=100_000))]
    requests: u32,
    /// After how many requests it is read what a function holds
    #[arg(long, hide = true, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    memory_requests: u32,
    /// What cargo builds the binaries with
    #[arg(long, default_value = "release")]
    profile: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The binaries and their zips
    Size,
    /// From exec to the first poll, and to the first answer
    Cold,
    /// What each route waits for: the database's round trips, and Twilio's
    Steps,
    /// Requests of an environment that has begun, and what of that is not the database's
    Warm,
    /// Status callbacks a second
    Throughput,
    /// What a function holds, at first and after many requests
    Memory,
    /// The same requests with ever more calls, and how the database finds what they ask for
    Growth,
    /// How fast `reconcile` settles calls that no webhook has told of
    Reconcile,
}

/// What the parts have in common.
struct Bench {
    workspace: Workspace,
    scene: Scene,
    api: Api,
    folder: PathBuf,
    starts: usize,
    requests: usize,
    memory_requests: usize,
}

/// The function that answers a constant.
const FLOOR: &str = "floor";

pub async fn run(arguments: Arguments) -> Result<()> {
    prerequisites::check()?;
    let workspace = Workspace::find()?;
    let is_built = workspace.bin.file_name() == Some(arguments.profile.as_ref());
    if is_built {
        measure(workspace, &arguments).await
    } else {
        build_and_run(&workspace, &arguments.profile).await
    }
}

/// This program is a part of what is measured: the driver's own times. So it is built as the functions are, and run. The
/// names of functions stay in the binaries, for profiles; they are not loaded when one starts.
async fn build_and_run(workspace: &Workspace, profile: &str) -> Result<()> {
    println!(
        "building the {profile} binaries; with full optimization that takes ten minutes and more"
    );
    let mut build = processes::command(cargo());
    build.args(["build", "--workspace", "--profile", profile]);
    let strip = format!("CARGO_PROFILE_{}_STRIP", profile.to_uppercase());
    build.env(strip, "none");
    let functions = FUNCTIONS.map(|(name, _)| name);
    for name in functions.into_iter().chain([FLOOR, "twilio-sim", "xtask"]) {
        build.args(["--bin", name]);
    }
    if !build.current_dir(&workspace.root).status().await?.success() {
        return Err("the build failed: see above".into());
    }
    let mut program = processes::command(workspace.target.join(profile).join("xtask"));
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
    let venv = Venv::ensure(&workspace, venv::STACK).await?;
    let scene = Scene::set(&workspace, &venv, &folder).await?;
    let database = scene.database_in_words().await?;
    let bench = Bench {
        workspace,
        scene,
        api: Api::serve().await?,
        folder,
        starts: arguments.starts as usize,
        requests: arguments.requests as usize,
        memory_requests: arguments.memory_requests as usize,
    };

    let mut found = Map::new();
    let mut all_targets = Vec::new();
    for part in parts {
        // What one part has left is none of the next one's business.
        bench.scene.restore(&bench.scene.stage).await?;
        let Finding {
            title,
            table,
            data,
            targets,
        } = match part {
            Part::Size => {
                steps.next("weighing the binaries");
                size::measure(&bench)?
            }
            Part::Cold => {
                steps.next("starting each function again and again");
                cold::measure(&bench).await?
            }
            Part::Warm => {
                steps.next("asking for each route in turns");
                warm::measure(&bench).await?
            }
            Part::Throughput => {
                steps.next("sending status callbacks as fast as they are taken");
                throughput::measure(&bench).await?
            }
            Part::Memory => {
                steps.next("having each function answer thousands of requests");
                memory::measure(&bench).await?
            }
            Part::Steps => {
                steps.next("counting each route's round trips");
                steps::measure(&bench).await?
            }
            Part::Growth => {
                steps.next("filling databases with more and more calls");
                growth::measure(&bench).await?
            }
            Part::Reconcile => {
                steps.next("settling calls that no webhook has told of");
                reconcile::measure(&bench).await?
            }
        };
        println!("\n{title}\n{table}");
        for target in &targets {
            println!("{target}");
        }
        let bounds: BTreeSet<_> = targets.iter().filter_map(|target| target.bound).collect();
        for bound in bounds {
            println!("what bounds it: {bound}");
        }
        println!();
        found.insert(format!("{part:?}").to_lowercase(), data);
        all_targets.extend(targets);
    }
    let report = json!({
        "date": Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true),
        "machine": machine::describe(),
        "profile": arguments.profile,
        "database": database,
        "findings": Value::Object(found),
        "targets": all_targets,
    });
    let file = bench.folder.join("report.json");
    std::fs::write(&file, serde_json::to_vec_pretty(&report)?)?;
    println!("report: {}", file.display());
    Ok(())
}
