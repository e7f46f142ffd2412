//! The commands of each step.

use std::fmt::Write;
use std::time::Instant;

use stack::venv::{self, Requirements, Venv};
use stack::workspace::{Workspace, cargo};
use stack::{npm, prerequisites, processes};
use tokio::process::Command;

use super::crates;
use super::rust::{self, Selection};
use super::step::Step;
use super::task::{Outcome, Task, Verdict};
use crate::Result;
use crate::browser::Browser;

const FORMAT: &str = "fmt --all --check";
const CLIPPY: &str = "clippy --workspace --all-targets --profile fast -- -D warnings";
const DOCUMENTATION: &str = "doc --workspace --no-deps --document-private-items --profile fast";
const BUILD: &str = "build --workspace --bins --profile fast";

/// Sets up what a step needs.
///
/// # Errors
///
/// When the setup fails.
pub async fn prepare(workspace: &Workspace, step: Step) -> Result<Task> {
    let command = match step {
        Step::Formatting => cargo_command(FORMAT),
        Step::Clippy => cargo_command(CLIPPY),
        Step::Documentation => cargo_command(DOCUMENTATION),
        Step::Build => cargo_command(BUILD),
        Step::Crates => crates::policy(workspace).await?,
        Step::UnusedCrates => crates::unused(workspace).await?,
        Step::CratesOfTheFuzzTargets => crates::fuzz_targets(),
        Step::Advisories => return crates::advisories(workspace, false).await,
        Step::ApiDocument => xtask_command("openapi --check"),
        // Fewer calls than by default, so one outage.
        Step::Chaos => xtask_command("chaos --calls 60 --outages 1"),
        Step::Schemathesis | Step::PythonClient => {
            if let Err(error) = prerequisites::check_python(&step.name(), 11) {
                return Ok(Task::Skip(error.to_string()));
            }
            match step {
                // The same requests each time, to keep the result stable.
                Step::Schemathesis => xtask_command("schemathesis --examples 25 --seed 1"),
                _ => xtask_command("client"),
            }
        }
        Step::ApiLinters => match npm::OPENAPI.ensure(workspace).await {
            Ok(_) => xtask_command("openapi --lint"),
            Err(error) => return Ok(Task::Skip(error.to_string())),
        },
        Step::Console => match Browser::ensure(workspace).await {
            Ok(_) => xtask_command("console"),
            Err(error) => return Ok(Task::Skip(error.to_string())),
        },
        Step::SamTemplate => pytest(workspace, venv::TEMPLATE_TESTS, "tests/template").await?,
        Step::SimulatorAndTwiliosSdk => return twilio_sdks(workspace).await,
        Step::RustTests => return rust::prepare(workspace, &Selection::All).await,
    };
    Ok(command.into())
}

/// Prepares a step and runs it without live output.
pub async fn captured(workspace: &Workspace, step: Step) -> Outcome {
    let started = Instant::now();
    let mut printed = String::new();
    let verdict = match prepare(workspace, step).await {
        Ok(task) => task.capture(workspace, &mut printed).await,
        Err(error) => Err(error),
    };
    let verdict = verdict.unwrap_or_else(|error| {
        let _ = writeln!(printed, "{error}");
        Verdict::Failed
    });
    Outcome {
        step,
        verdict,
        time: started.elapsed(),
        printed,
    }
}

fn cargo_command(arguments: &str) -> Command {
    let mut command = processes::command(cargo());
    command
        .args(arguments.split(' '))
        .env("RUSTDOCFLAGS", "-D warnings");
    command
}

fn xtask_command(arguments: &str) -> Command {
    let mut command = processes::command(processes::this_program());
    command.args(arguments.split(' '));
    command
}

/// The tests with Twilio's SDK for Python and, if Node is installed, with the one for Node.
async fn twilio_sdks(workspace: &Workspace) -> Result<Task> {
    let mut python = pytest(workspace, venv::SDK_TESTS, "local/twilio-sim/tests/sdk").await?;
    let mut commands = Vec::new();
    match npm::TWILIO_SDK.ensure(workspace).await {
        Ok(packages) => {
            python.env("TWILIO_SIM_PACKAGES", &packages);
            let mut node = processes::command("node");
            node.arg("local/twilio-sim/tests/node/all.mjs")
                .env("TWILIO_SIM", workspace.binary("twilio-sim"))
                .env("TWILIO_SIM_PACKAGES", packages);
            commands.push(node);
        }
        Err(error) => eprintln!("SKIPPED: {error}"),
    }
    commands.insert(0, python);
    Ok(Task::Run {
        commands,
        database: None,
    })
}

/// The command of a Python test suite, in a Python environment of its own.
async fn pytest(
    workspace: &Workspace,
    requirements: Requirements,
    folder: &str,
) -> Result<Command> {
    let venv = Venv::ensure(workspace, requirements).await?;
    let mut command = processes::command(venv.program("python"));
    command
        .args(["-m", "pytest", "-q", "-p", "no:cacheprovider"])
        .args(["--durations", "5", folder])
        .env("PATH", venv.path_with_programs())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("SAM_CLI_TELEMETRY", "0")
        .env("TWILIO_SIM", workspace.binary("twilio-sim"))
        .env("XTASK", processes::this_program());
    Ok(command)
}
