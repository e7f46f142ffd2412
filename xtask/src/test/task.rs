//! A step that is ready to run, and its result.

use std::fmt::Write;
use std::time::Duration;

use stack::database::Database;
use stack::workspace::Workspace;
use tokio::process::Command;

use super::step::Step;
use crate::Result;

/// A step whose prerequisites are set up.
pub enum Task {
    /// Passes if every command succeeds.
    Run {
        commands: Vec<Command>,
        /// The database of the commands. It ends with the task.
        database: Option<Box<Database>>,
    },
    /// Can't run on this machine. The text is the reason.
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

/// The result of a step that ran concurrently.
pub struct Outcome {
    pub step: Step,
    pub verdict: Verdict,
    pub time: Duration,
    /// The output of each command: standard output, then standard error.
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
    /// Runs it with live output.
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
    pub async fn capture(self, workspace: &Workspace, printed: &mut String) -> Result<Verdict> {
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
