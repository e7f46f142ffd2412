//! Builds binaries of the workspace with cargo.

use lambda::{FUNCTIONS, Function};

use crate::Result;
use crate::processes;
use crate::workspace::{PROFILE, Workspace, cargo};

/// The simulator's binary.
pub const SIMULATOR: &str = "twilio-sim";

/// The binaries of a stack that only serves HTTP: the functions that the gateway routes to, and the simulator.
pub fn http_stack() -> impl Iterator<Item = &'static str> {
    let functions = FUNCTIONS
        .iter()
        .filter(|function| !function.routes.is_empty());
    functions.map(|function| function.name).chain([SIMULATOR])
}

/// The binaries of a whole stack: every function, and the simulator.
pub fn whole_stack() -> impl Iterator<Item = &'static str> {
    Function::names().chain([SIMULATOR])
}

/// Builds these binaries, with cargo's own progress on the screen.
///
/// # Errors
///
/// When cargo fails.
pub async fn build(workspace: &Workspace, binaries: impl Iterator<Item = &str>) -> Result<()> {
    let status = command(workspace, binaries).status().await?;
    if !status.success() {
        return Err("the build failed: see above".into());
    }
    Ok(())
}

/// The command that builds these binaries.
///
/// It selects all members with `--workspace`, as the alias in `.cargo/config.toml` does: so dependencies have the same features
/// in every build and are compiled once.
#[must_use]
pub fn command<'a>(
    workspace: &Workspace,
    binaries: impl Iterator<Item = &'a str>,
) -> tokio::process::Command {
    let mut command = processes::command(cargo());
    command
        .args(["build", "--workspace", "--profile", PROFILE])
        .current_dir(&workspace.root);
    for binary in binaries {
        command.args(["--bin", binary]);
    }
    command
}
