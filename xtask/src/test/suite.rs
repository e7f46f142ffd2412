//! The results of a run, and their table.

use std::time::{Duration, Instant};

use stack::steps::seconds;
use stack::workspace::Workspace;

use super::prepare::prepare;
use super::rust::{self, Selection};
use super::slowest;
use super::step::Step;
use super::task::{Outcome, Task, Verdict};
use crate::Result;

/// The results of the steps so far.
pub struct Suite<'a> {
    pub workspace: &'a Workspace,
    results: Vec<(String, Verdict, Duration)>,
    started: Instant,
}

impl<'a> Suite<'a> {
    pub fn new(workspace: &'a Workspace) -> Self {
        Self {
            workspace,
            results: Vec::new(),
            started: Instant::now(),
        }
    }

    /// Runs a step with live output.
    pub async fn run(&mut self, step: Step) {
        self.task(step, prepare(self.workspace, step)).await;
    }

    /// Runs a part of the Rust tests with live output.
    pub async fn rust_tests(&mut self, selection: &Selection) {
        let task = rust::prepare(self.workspace, selection);
        self.task(Step::RustTests, task).await;
    }

    /// Prepares a step and runs it, with live output.
    pub async fn task(&mut self, step: Step, prepared: impl Future<Output = Result<Task>>) {
        let started = Instant::now();
        self.heading(&step.name());
        let verdict = match prepared.await {
            Ok(task) => task.run(self.workspace).await,
            Err(error) => Err(error),
        };
        let verdict = verdict.unwrap_or_else(|error| {
            eprintln!("{error}");
            Verdict::Failed
        });
        self.results.push((step.name(), verdict, started.elapsed()));
    }

    /// Shows the output of a step that ran concurrently.
    pub fn show(&mut self, outcome: &Outcome) {
        self.heading(&outcome.step.name());
        print!("{}", outcome.printed);
        self.results
            .push((outcome.step.name(), outcome.verdict, outcome.time));
    }

    /// Prints a heading with the time since the start.
    fn heading(&self, name: &str) {
        println!("\n── {name} (after {})", seconds(self.started.elapsed()));
    }

    /// Prints the summary.
    ///
    /// # Errors
    ///
    /// The number of failed steps, if any failed.
    pub fn finish(self) -> Result<()> {
        let ran = |step: Step| self.results.iter().any(|(name, ..)| *name == step.name());
        if ran(Step::RustTests) {
            slowest::print(self.workspace);
        }
        self.heading("summary");
        for (name, verdict, time) in &self.results {
            let verdict = match verdict {
                Verdict::Passed => "passed",
                Verdict::Failed => "FAILED",
                Verdict::Skipped => "SKIPPED",
            };
            println!("{name:<28} {verdict:<7} {:>7}", seconds(*time));
        }
        println!("{:<36} {:>7}\n", "total", seconds(self.started.elapsed()));
        let count = |wanted| self.results.iter().filter(|it| it.1 == wanted).count();
        let (passed, failed) = (count(Verdict::Passed), count(Verdict::Failed));
        let skipped = match count(Verdict::Skipped) {
            0 => String::new(),
            skipped => format!(", {skipped} skipped"),
        };
        println!("steps: {passed} passed, {failed} failed{skipped}");
        if failed > 0 {
            return Err(format!("{failed} steps failed").into());
        }
        Ok(())
    }
}
