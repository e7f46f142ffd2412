//! What each step runs.

use std::fmt::Write;
use std::time::{Duration, Instant};

use tokio::process::Command;

use super::rust::{self, Selection};
use super::step::Step;
use crate::Result;
use crate::browser::Browser;
use crate::deny;
use crate::npm;
use crate::prerequisites;
use crate::processes;
use crate::stack::database::Database;
use crate::venv::{self, Requirements, Venv};
use crate::workspace::{Workspace, cargo};

const FORMAT: &str = "fmt --all --check";
const CLIPPY: &str = "clippy --workspace --all-targets --profile fast -- -D warnings";
const DOCUMENTATION: &str = "doc --workspace --no-deps --document-private-items --profile fast";
const BUILD: &str = "build --workspace --bins --profile fast";

/// The rest of a step, once what it needs is there.
pub enum Task {
    /// It passes if each of these commands succeeds.
    Run {
        commands: Vec<Command>,
        /// A database that they use. It ends with the task.
        database: Option<Box<Database>>,
    },
    /// It can't run on this machine, for this reason.
    Skip(String),
}

#[derive(Clone, Copy, PartialEq)]
pub enum Verdict {
    Passed,
    Failed,
    Skipped,
}

impl Verdict {
    fn of(passed: bool) -> Self {
        if passed { Self::Passed } else { Self::Failed }
    }
}

/// A step that ran beside the others.
pub struct Outcome {
    pub step: Step,
    pub verdict: Verdict,
    pub time: Duration,
    /// What it printed: of each command, standard output, then standard error.
    pub printed: String,
}

impl From<Command> for Task {
    fn from(command: Command) -> Self {
        Self::Run {
            commands: vec![command],
            database: None,
        }
    }
}

impl Task {
    /// Sets up what the step needs.
    ///
    /// # Errors
    ///
    /// When what the step needs can't be set up.
    pub async fn prepare(workspace: &Workspace, step: Step) -> Result<Self> {
        let command = match step {
            Step::Formatting => of_cargo(FORMAT),
            Step::Clippy => of_cargo(CLIPPY),
            Step::Documentation => of_cargo(DOCUMENTATION),
            Step::Build => of_cargo(BUILD),
            Step::Crates => deny::policy(workspace).await?,
            Step::UnusedCrates => deny::unused(workspace).await?,
            Step::CratesOfTheFuzzTargets => deny::fuzz_targets(),
            Step::Advisories => return deny::advisories(workspace, false).await,
            Step::ApiDocument => of_xtask("openapi --check"),
            // Fewer calls than by default, and so one outage.
            Step::Chaos => of_xtask("chaos --calls 60 --outages 1"),
            Step::Schemathesis | Step::PythonClient => {
                if let Err(error) = prerequisites::check_python(&step.name(), 11) {
                    return Ok(Self::Skip(error.to_string()));
                }
                match step {
                    // The same few requests each time.
                    Step::Schemathesis => of_xtask("schemathesis --examples 25 --seed 1"),
                    _ => of_xtask("client"),
                }
            }
            Step::ApiLinters => match npm::OPENAPI.ensure(workspace).await {
                Ok(_) => of_xtask("openapi --lint"),
                Err(error) => return Ok(Self::Skip(error.to_string())),
            },
            Step::Console => match Browser::ensure(workspace).await {
                Ok(_) => of_xtask("console"),
                Err(error) => return Ok(Self::Skip(error.to_string())),
            },
            Step::SamTemplate => pytest(workspace, venv::TEMPLATE_TESTS, "tests/template").await?,
            Step::SimulatorAndTwiliosSdk => {
                pytest(workspace, venv::SDK_TESTS, "local/twilio-sim/tests/sdk").await?
            }
            Step::RustTests => return rust::prepare(workspace, &Selection::All).await,
        };
        Ok(command.into())
    }

    /// Runs it with this program's own output.
    ///
    /// # Errors
    ///
    /// When a command can't be started.
    pub async fn run(self, workspace: &Workspace) -> Result<Verdict> {
        let (mut commands, _until_the_end) = match self {
            Self::Run { commands, database } => (commands, database),
            Self::Skip(why) => {
                eprintln!("SKIPPED: {why}");
                return Ok(Verdict::Skipped);
            }
        };
        let mut passed = true;
        for command in &mut commands {
            let status = command.current_dir(&workspace.root).status().await?;
            passed &= status.success();
        }
        Ok(Verdict::of(passed))
    }

    /// Runs it, and appends its output to `printed`.
    async fn capture(self, workspace: &Workspace, printed: &mut String) -> Result<Verdict> {
        let (mut commands, _until_the_end) = match self {
            Self::Run { commands, database } => (commands, database),
            Self::Skip(why) => {
                let _ = writeln!(printed, "SKIPPED: {why}");
                return Ok(Verdict::Skipped);
            }
        };
        let mut passed = true;
        for command in &mut commands {
            let output = command.current_dir(&workspace.root).output().await?;
            printed.push_str(&String::from_utf8_lossy(&output.stdout));
            printed.push_str(&String::from_utf8_lossy(&output.stderr));
            passed &= output.status.success();
        }
        Ok(Verdict::of(passed))
    }
}

/// Prepares a step and runs it, and shows nothing.
pub async fn captured(workspace: &Workspace, step: Step) -> Outcome {
    let started = Instant::now();
    let mut printed = String::new();
    let verdict = match Task::prepare(workspace, step).await {
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

fn of_cargo(arguments: &str) -> Command {
    let mut command = processes::command(cargo());
    command
        .args(arguments.split(' '))
        .env("RUSTDOCFLAGS", "-D warnings");
    command
}

fn of_xtask(arguments: &str) -> Command {
    let mut command = processes::command(processes::this_program());
    command.args(arguments.split(' '));
    command
}

/// A Python suite, in an environment of its own.
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
