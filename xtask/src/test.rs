//! `cargo xtask test`: everything that must pass, and a table of it.

use std::time::{Duration, Instant};

use clap::Args;
use tokio::process::Command;
use tokio::sync::oneshot;

use crate::Result;
use crate::browser::Browser;
use crate::openapi;
use crate::output::Output;
use crate::prerequisites;
use crate::processes;
use crate::stack::database::{Database, Storage};
use crate::stack::queue;
use crate::steps::seconds;
use crate::venv::{self, Requirements, Venv};
use crate::workspace::{PROFILE, Workspace, cargo};

const TEST_DATABASE: &str = "OUTDIAL_TEST_MONGO_URI";

const TEST_QUEUES: &str = "OUTDIAL_TEST_SQS_ENDPOINT";
/// The SDK's own variable.
const SECRETS_MANAGER: &str = "AWS_ENDPOINT_URL_SECRETS_MANAGER";
/// What the SDK asks for, and the local server takes from anybody.
const AWS_CREDENTIALS: [(&str, &str); 3] = [
    ("AWS_REGION", "us-east-1"),
    ("AWS_ACCESS_KEY_ID", "tests"),
    ("AWS_SECRET_ACCESS_KEY", "tests"),
];

const FORMAT: &str = "fmt --all --check";
const CLIPPY: &str = "clippy --workspace --all-targets --profile fast -- -D warnings";
const DOCUMENTATION: &str = "doc --workspace --no-deps --document-private-items --profile fast";
const BUILD: &str = "build --workspace --bins --profile fast";

/// What a whole run goes through, for whoever waits.
const PLAN: &str = "in turn: formatting, crates, clippy, API document, documentation, build, Rust tests, chaos, schemathesis, \
    Python client; beside them, and shown at the end: SAM template, simulator and Twilio's SDK";

#[derive(Args)]
#[command(after_help = "Examples:\n\
    \x20 cargo xtask test\n\
    \x20 cargo xtask test --quick\n\
    \x20 cargo xtask test a_repeated_key_dials_once")]
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
    let mut suite = Suite::new(&workspace);
    if arguments.filter.is_some() {
        suite.cargo("build", BUILD).await;
        suite.rust_tests(&arguments).await?;
    } else if arguments.quick {
        suite.checks().await;
        suite.cargo("build", BUILD).await;
        suite.rust_tests(&arguments).await?;
    } else {
        suite.everything(&arguments).await?;
    }
    suite.finish()
}

/// What has been run so far.
pub struct Suite<'a> {
    pub workspace: &'a Workspace,
    results: Vec<(String, Verdict, Duration)>,
    started: Instant,
}

#[derive(Clone, Copy, PartialEq)]
enum Verdict {
    Passed,
    Failed,
    Skipped,
}

impl Verdict {
    fn of(passed: bool) -> Self {
        if passed { Self::Passed } else { Self::Failed }
    }
}

impl<'a> Suite<'a> {
    pub fn new(workspace: &'a Workspace) -> Self {
        Self {
            workspace,
            results: Vec::new(),
            started: Instant::now(),
        }
    }

    /// The Python suites go on beside what cargo does: the template's needs nothing but the checkout, the simulator's the
    /// binaries.
    async fn everything(&mut self, arguments: &Arguments) -> Result<()> {
        println!("{PLAN}");
        let workspace = self.workspace;
        let (built, binaries) = oneshot::channel();
        let beside = async {
            // Its failure is reported when the environment is used.
            let _ = Venv::ensure(workspace, venv::SDK_TESTS).await;
            let _ = Venv::ensure(workspace, venv::SCHEMATHESIS).await;
            let _ = Venv::ensure(workspace, venv::CLIENT).await;
            let template = pytest(workspace, venv::TEMPLATE_TESTS, "tests/template").await;
            // Where the build has failed, the suite names the binary that it misses.
            let _ = binaries.await;
            let sdk = pytest(workspace, venv::SDK_TESTS, "local/twilio-sim/tests/sdk").await;
            [
                ("SAM template", template),
                ("simulator and Twilio's SDK", sdk),
            ]
        };
        let cargo = async {
            self.checks().await;
            self.cargo("documentation", DOCUMENTATION).await;
            self.cargo("build", BUILD).await;
            let _ = built.send(());
            self.rust_tests(arguments).await?;
            self.chaos().await;
            self.schemathesis().await;
            self.client().await;
            self.console().await;
            Ok(())
        };
        let (suites, rust_tests) = tokio::join!(beside, cargo);
        for (name, (result, time)) in suites {
            self.heading(name);
            let passed = tell(result);
            self.results
                .push((name.to_owned(), Verdict::of(passed), time));
        }
        rust_tests
    }

    async fn checks(&mut self) {
        self.cargo("formatting", FORMAT).await;
        self.crates(false).await;
        self.cargo("clippy", CLIPPY).await;
        let started = Instant::now();
        self.heading("API document");
        let written = openapi::run(&openapi::Arguments { check: true });
        let passed = tell(written.map(|()| (String::new(), true)));
        self.record("API document", passed, started);
    }

    /// The whole workspace's tests, with a database for them and the binaries beside this program.
    async fn rust_tests(&mut self, arguments: &Arguments) -> Result<()> {
        let database = self.database().await?;
        let aws = self.aws().await?;
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
            .args(if arguments.quick {
                &["--exclude", "xtask"][..]
            } else {
                &[]
            })
            .args(&arguments.filter)
            .env(TEST_DATABASE, &database.uri)
            .env(TEST_QUEUES, &aws)
            .env(SECRETS_MANAGER, aws)
            .envs(AWS_CREDENTIALS)
            .env("OUTDIAL_BIN_DIR", &self.workspace.bin);
        self.command("Rust tests", &mut command).await;
        Ok(())
    }

    /// A few calls under every fault. Fewer than a whole run, and so with one outage alone.
    async fn chaos(&mut self) {
        let mut command = processes::command(processes::this_program());
        command.args(["chaos", "--calls", "60", "--outages", "1"]);
        self.command("chaos", &mut command).await;
    }

    /// The API and its document, by a few requests of every kind, which are the same each time.
    async fn schemathesis(&mut self) {
        if let Err(error) = prerequisites::check_python("schemathesis", 11) {
            self.skip("schemathesis", &error.to_string(), Instant::now());
            return;
        }
        let mut command = processes::command(processes::this_program());
        command.args(["schemathesis", "--examples", "25", "--seed", "1"]);
        self.command("schemathesis", &mut command).await;
    }

    /// What a generator makes of the API's document, at work.
    async fn client(&mut self) {
        if let Err(error) = prerequisites::check_python("the generator of clients", 11) {
            self.skip("Python client", &error.to_string(), Instant::now());
            return;
        }
        let mut command = processes::command(processes::this_program());
        command.arg("client");
        self.command("Python client", &mut command).await;
    }

    /// The console in a browser, which is installed where this machine can.
    async fn console(&mut self) {
        if let Err(error) = Browser::ensure(self.workspace).await {
            self.skip("console", &error.to_string(), Instant::now());
            return;
        }
        let mut command = processes::command(processes::this_program());
        command.arg("console");
        self.command("console", &mut command).await;
    }

    /// The caller's test database, else an embedded one that starts empty and can be told to fail.
    async fn database(&mut self) -> Result<Database> {
        if let Ok(uri) = std::env::var(TEST_DATABASE) {
            return Database::at(uri, &Output::terminal()).await;
        }
        let started = Instant::now();
        let folder = self.workspace.target.join("test");
        let storage = Storage::Throwaway(folder.join(format!("database-{}", std::process::id())));
        let venv = Venv::ensure(self.workspace, venv::STACK).await?;
        let log = Output::file(&folder.join("database.log"))?;
        let options = ["--enable-test-commands"];
        let database = Database::start_embedded(&venv, &log, storage, &options).await?;
        self.record("database", true, started);
        Ok(database)
    }

    /// A server on which tests make queues and secrets.
    async fn aws(&mut self) -> Result<String> {
        let started = Instant::now();
        let venv = Venv::ensure(self.workspace, venv::STACK).await?;
        let log = Output::file(&self.workspace.target.join("test").join("aws.log"))?;
        let endpoint = queue::serve(&venv, &log).await?;
        self.record("queues and secrets", true, started);
        Ok(endpoint)
    }

    async fn cargo(&mut self, name: &str, arguments: &str) {
        let mut command = processes::command(cargo());
        command
            .args(arguments.split(' '))
            .env("RUSTDOCFLAGS", "-D warnings");
        self.command(name, &mut command).await;
    }

    /// Its output is shown as it comes.
    pub async fn command(&mut self, name: &str, command: &mut Command) {
        let started = Instant::now();
        self.heading(name);
        let status = command.current_dir(&self.workspace.root).status().await;
        let result = status.map(|status| (String::new(), status.success()));
        let passed = tell(result.map_err(Into::into));
        self.record(name, passed, started);
    }

    pub fn record(&mut self, name: &str, passed: bool, started: Instant) {
        self.results
            .push((name.to_owned(), Verdict::of(passed), started.elapsed()));
    }

    /// Says aloud why a step is left out.
    pub fn skip(&mut self, name: &str, why: &str, started: Instant) {
        self.heading(name);
        eprintln!("SKIPPED: {why}");
        self.results
            .push((name.to_owned(), Verdict::Skipped, started.elapsed()));
    }

    /// With how long the run has taken so far.
    fn heading(&self, name: &str) {
        println!("\n── {name} (after {})", seconds(self.started.elapsed()));
    }

    pub fn finish(self) -> Result<()> {
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

/// Runs a Python suite in its own environment: what it printed, whether it passed, and how long it took.
async fn pytest(
    workspace: &Workspace,
    requirements: Requirements,
    folder: &str,
) -> (Result<(String, bool)>, Duration) {
    let started = Instant::now();
    let told = run_pytest(workspace, requirements, folder).await;
    (told, started.elapsed())
}

async fn run_pytest(
    workspace: &Workspace,
    requirements: Requirements,
    folder: &str,
) -> Result<(String, bool)> {
    let venv = Venv::ensure(workspace, requirements).await?;
    let output = processes::command(venv.program("python"))
        .args(["-m", "pytest", "-q", "-p", "no:cacheprovider", folder])
        .current_dir(&workspace.root)
        .env("PATH", venv.path_with_programs())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("SAM_CLI_TELEMETRY", "0")
        .env("TWILIO_SIM", workspace.binary("twilio-sim"))
        .env("XTASK", processes::this_program())
        .output()
        .await?;
    let mut printed = String::from_utf8_lossy(&output.stdout).into_owned();
    printed.push_str(&String::from_utf8_lossy(&output.stderr));
    Ok((printed, output.status.success()))
}

/// Prints what a step has to say, and tells whether it passed.
fn tell(result: Result<(String, bool)>) -> bool {
    match result {
        Ok((printed, passed)) => {
            print!("{printed}");
            passed
        }
        Err(error) => {
            eprintln!("{error}");
            false
        }
    }
}
