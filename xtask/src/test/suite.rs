//! The results of a run, and its table.

use std::time::{Duration, Instant};

use super::rust::{self, Selection};
use super::slowest;
use super::step::Step;
use super::task::{Outcome, Task, Verdict};
use crate::Result;
use crate::steps::seconds;
use crate::workspace::Workspace;

/// The steps that have ended, in order.
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

    /// Runs a step, and shows its output as it comes.
    pub async fn run(&mut self, step: Step) {
        self.task(step, Task::prepare(self.workspace, step)).await;
    }

    /// Runs a part of the Rust tests, and shows their output as it comes.
    pub async fn rust_tests(&mut self, selection: &Selection) {
        let task = rust::prepare(self.workspace, selection);
        self.task(Step::RustTests, task).await;
    }

    /// Runs a step once it is prepared, and shows its output as it comes.
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

    /// Shows a step that ran beside the others.
    pub fn show(&mut self, outcome: &Outcome) {
        self.heading(&outcome.step.name());
        print!("{}", outcome.printed);
        self.results
            .push((outcome.step.name(), outcome.verdict, outcome.time));
    }

    /// With how long the run has taken so far.
    fn heading(&self, name: &str) {
        println!("\n── {name} (after {})", seconds(self.started.elapsed()));
    }

    /// Prints the summary.
    ///
    /// # Errors
    ///
    /// How many of the steps failed.
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
        println!("{:<36} {:>7}\n", "in all", seconds(self.started.elapsed()));
        let count = |wanted| self.results.iter().filter(|it| it.1 == wanted).count();
        let (passed, failed) = (count(Verdict::Passed), count(Verdict::Failed));
        let skipped = match count(Verdict::Skipped) {
            0 => String::new(),
            skipped => format!(", {skipped} skipped"),
        };
        println!("steps: {passed} passed, {failed} failed{skipped}");
        if failed > 0 {
            return Err(format!("{failed} of the steps failed").into());
        }
        Ok(())
    }
}
