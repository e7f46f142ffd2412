//! `cargo xtask test`: everything that must pass, and a table of it.

use std::process::Stdio;
use std::time::{Duration, Instant};

use clap::Args;
use tokio::process::Command;

use crate::Result;
use crate::openapi;
use crate::output::Output;
use crate::prerequisites;
use crate::processes;
use crate::stack::database::{Database, Storage};
use crate::steps::seconds;
use crate::venv::{self, Requirements, Venv};
use crate::workspace::{PROFILE, Workspace, cargo};

const TEST_DATABASE: &str = "OUTDIAL_TEST_MONGO_URI";

#[derive(Args)]
pub struct Arguments {
    /// Leave out what takes long: end-to-end tests, documentation, and the Python suites
    #[arg(long)]
    quick: bool,
    /// Run only the Rust tests whose names contain this
    filter: Option<String>,
}

pub async fn run(arguments: Arguments) -> Result<()> {
    prerequisites::check()?;
    let workspace = Workspace::find()?;
    let mut suite = Suite {
        workspace: &workspace,
        results: Vec::new(),
        started: Instant::now(),
    };
    let everything = !arguments.quick && arguments.filter.is_none();
    if arguments.filter.is_none() {
        suite
            .cargo("formatting", &["fmt", "--all", "--check"])
            .await;
        suite
            .cargo(
                "clippy",
                &[
                    "clippy",
                    "--workspace",
                    "--all-targets",
                    "--profile",
                    PROFILE,
                    "--",
                    "-D",
                    "warnings",
                ],
            )
            .await;
        suite.check("API document", || {
            openapi::run(&openapi::Arguments { check: true })
        });
    }
    if everything {
        suite
            .cargo(
                "documentation",
                &[
                    "doc",
                    "--workspace",
                    "--no-deps",
                    "--document-private-items",
                    "--profile",
                    PROFILE,
                ],
            )
            .await;
    }
    suite
        .cargo(
            "build",
            &["build", "--workspace", "--bins", "--profile", PROFILE],
        )
        .await;
    suite.rust_tests(&arguments).await?;
    if everything {
        suite
            .pytest(
                "simulator against Twilio's SDK",
                venv::SDK_TESTS,
                "local/twilio-sim/tests/sdk",
            )
            .await;
        suite
            .pytest("SAM template", venv::TEMPLATE_TESTS, "tests/template")
            .await;
    }
    suite.finish()
}

/// What has been run so far.
struct Suite<'a> {
    workspace: &'a Workspace,
    results: Vec<(String, bool, Duration)>,
    started: Instant,
}

impl Suite<'_> {
    async fn cargo(&mut self, name: &str, arguments: &[&str]) {
        let mut command = processes::command(cargo());
        command.args(arguments).env("RUSTDOCFLAGS", "-D warnings");
        self.command(name, &mut command).await;
    }

    /// The whole workspace's tests, with a database for them and the binaries beside this program.
    async fn rust_tests(&mut self, arguments: &Arguments) -> Result<()> {
        let database = self.database().await?;
        if std::env::var_os("TWILIO_OPENAPI").is_none() {
            eprintln!(
                "TWILIO_OPENAPI names no file: the simulator's answers are not checked against Twilio's schemas"
            );
        }
        let mut command = processes::command(cargo());
        command
            .args([
                "test",
                "--workspace",
                "--no-fail-fast",
                "--profile",
                PROFILE,
            ])
            .args(
                arguments
                    .quick
                    .then_some(["--exclude", "xtask"])
                    .into_iter()
                    .flatten(),
            )
            .args(&arguments.filter)
            .env(TEST_DATABASE, &database.uri)
            .env("OUTDIAL_BIN_DIR", &self.workspace.bin);
        self.command("Rust tests", &mut command).await;
        Ok(())
    }

    /// The caller's test database, else an embedded one that starts empty and can be told to fail.
    async fn database(&mut self) -> Result<Database> {
        if let Ok(uri) = std::env::var(TEST_DATABASE) {
            return Database::at(uri, &Output::terminal()).await;
        }
        let started = Instant::now();
        let folder = self.workspace.target.join("test");
        let storage = folder.join(format!("database-{}", std::process::id()));
        let venv = Venv::ensure(self.workspace, venv::STACK).await?;
        let log = Output::file(&folder.join("database.log"))?;
        let database = Database::start_embedded(
            &venv,
            &log,
            Storage::Throwaway(storage),
            &["--enable-test-commands"],
        )
        .await?;
        self.record("database", true, started);
        Ok(database)
    }

    async fn pytest(&mut self, name: &str, requirements: Requirements, folder: &str) {
        let started = Instant::now();
        heading(name);
        match Venv::ensure(self.workspace, requirements).await {
            Err(error) => {
                eprintln!("{error}");
                self.record(name, false, started);
            }
            Ok(venv) => {
                let mut command = processes::command(venv.program("python"));
                command
                    .args(["-m", "pytest", "-q", "-p", "no:cacheprovider", folder])
                    .env("PATH", venv.path_with_programs())
                    .env("SAM_CLI_TELEMETRY", "0")
                    .env("TWILIO_SIM", self.workspace.binary("twilio-sim"));
                self.command(name, &mut command).await;
            }
        }
    }

    fn check(&mut self, name: &str, check: impl FnOnce() -> Result<()>) {
        let started = Instant::now();
        heading(name);
        let result = check();
        if let Err(error) = &result {
            eprintln!("{error}");
        }
        self.record(name, result.is_ok(), started);
    }

    async fn command(&mut self, name: &str, command: &mut Command) {
        let started = Instant::now();
        heading(name);
        let command = command
            .current_dir(&self.workspace.root)
            .stderr(Stdio::inherit());
        let passed = match command.status().await {
            Ok(status) => status.success(),
            Err(error) => {
                eprintln!("{error}");
                false
            }
        };
        self.record(name, passed, started);
    }

    fn record(&mut self, name: &str, passed: bool, started: Instant) {
        self.results
            .push((name.to_owned(), passed, started.elapsed()));
    }

    fn finish(self) -> Result<()> {
        heading("summary");
        for (name, passed, time) in &self.results {
            let verdict = if *passed { "passed" } else { "FAILED" };
            println!("{name:<32} {verdict} {:>8}", seconds(*time));
        }
        let failed = self.results.iter().filter(|(_, passed, _)| !passed).count();
        let passed = self.results.len() - failed;
        println!(
            "{:<32}        {:>8}\n",
            "in all",
            seconds(self.started.elapsed())
        );
        println!("steps: {passed} passed, {failed} failed");
        if failed > 0 {
            return Err(format!("{failed} of the steps failed").into());
        }
        Ok(())
    }
}

fn heading(name: &str) {
    println!("\n── {name}");
}
