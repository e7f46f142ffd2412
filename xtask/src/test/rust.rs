//! The workspace's Rust tests, with one database and one AWS server for all of them.

use std::fs;
use std::io;
use std::path::Path;
use std::thread;

use tokio::process::Command;

use super::slowest;
use super::task::Task;
use crate::Result;
use crate::output::Output;
use crate::processes;
use crate::stack::database::{Database, Storage};
use crate::stack::queue;
use crate::venv::{self, Venv};
use crate::workspace::{PROFILE, Workspace, cargo};

const TEST_DATABASE: &str = "OUTDIAL_TEST_MONGO_URI";
const TEST_QUEUES: &str = "OUTDIAL_TEST_SQS_ENDPOINT";
/// The SDK's own variable.
const SECRETS_MANAGER: &str = "AWS_ENDPOINT_URL_SECRETS_MANAGER";
/// The SDK requires them; the local server accepts any.
const AWS_CREDENTIALS: [(&str, &str); 3] = [
    ("AWS_REGION", "us-east-1"),
    ("AWS_ACCESS_KEY_ID", "tests"),
    ("AWS_SECRET_ACCESS_KEY", "tests"),
];

/// How many tests run at a time on each core: most of them wait, for a server or for time to pass.
const TESTS_PER_CORE: usize = 2;

/// Which of the Rust tests run.
pub enum Selection {
    All,
    /// Without xtask's own, which start whole stacks.
    Quick,
    /// Those whose names contain this.
    Named(String),
}

/// Starts the servers, and returns what runs the tests on them.
///
/// # Errors
///
/// When a server does not start.
pub async fn prepare(workspace: &Workspace, selection: &Selection) -> Result<Task> {
    if std::env::var_os("TWILIO_OPENAPI").is_none() {
        eprintln!(
            "TWILIO_OPENAPI names no file: the simulator's answers are not checked against Twilio's schemas"
        );
    }
    let database = database(workspace).await?;
    let aws = aws(workspace).await?;
    slowest::forget(workspace)?;
    let mut commands = match nextest(workspace).await {
        Ok(nextest) => {
            let mut commands = vec![nextest];
            if has_doctest(&workspace.root)? {
                let mut doctests = processes::command(cargo());
                doctests.args(["test", "--doc", "--no-fail-fast", "--profile", PROFILE]);
                commands.push(doctests);
            }
            commands
        }
        Err(error) => {
            eprintln!(
                "{error}\ncargo-nextest can't be installed: cargo test runs the tests, slower"
            );
            let mut command = processes::command(cargo());
            command.args(["test", "--no-fail-fast", "--profile", PROFILE]);
            vec![command]
        }
    };
    for command in &mut commands {
        command.arg("--workspace");
        match selection {
            Selection::All => {}
            Selection::Quick => {
                command.args(["--exclude", "xtask"]);
            }
            Selection::Named(part) => {
                command.arg(part);
            }
        }
        command
            .env(TEST_DATABASE, &database.uri)
            .env(TEST_QUEUES, &aws)
            .env(SECRETS_MANAGER, &aws)
            .envs(AWS_CREDENTIALS)
            .env("OUTDIAL_BIN_DIR", &workspace.bin);
    }
    Ok(Task::Run {
        commands,
        database: Some(Box::new(database)),
    })
}

/// cargo-nextest, which `.config/nextest.toml` configures. It runs tests of several binaries at a time.
async fn nextest(workspace: &Workspace) -> Result<Command> {
    let venv = Venv::ensure(workspace, venv::NEXTEST).await?;
    let cores = thread::available_parallelism()?.get();
    let mut command = processes::command(venv.program("cargo-nextest"));
    command
        .args([
            "nextest",
            "run",
            "--no-fail-fast",
            "--cargo-profile",
            PROFILE,
        ])
        .args(["--test-threads", &(cores * TESTS_PER_CORE).to_string()]);
    Ok(command)
}

/// Whether a doc comment has an example: nextest runs none.
fn has_doctest(folder: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default();
        let found = if path.is_dir() {
            name != "target" && name != ".git" && has_doctest(&path)?
        } else {
            path.extension().is_some_and(|end| end == "rs")
                && fs::read_to_string(&path)?.lines().any(|line| {
                    let line = line.trim_start();
                    line.starts_with("/// ```") || line.starts_with("//! ```")
                })
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The caller's test database, else an embedded one that starts empty and can be told to fail.
async fn database(workspace: &Workspace) -> Result<Database> {
    if let Ok(uri) = std::env::var(TEST_DATABASE) {
        return Database::at(uri, &Output::terminal()).await;
    }
    let folder = workspace.target.join("test");
    let storage = Storage::Throwaway(folder.join(format!("database-{}", std::process::id())));
    let venv = Venv::ensure(workspace, venv::STACK).await?;
    let log = Output::file(&folder.join("database.log"))?;
    let options = ["--enable-test-commands"];
    Database::start_embedded(&venv, &log, storage, &options).await
}

/// A server on which tests make queues and secrets.
async fn aws(workspace: &Workspace) -> Result<String> {
    let venv = Venv::ensure(workspace, venv::STACK).await?;
    let log = Output::file(&workspace.target.join("test").join("aws.log"))?;
    queue::serve(&venv, &log).await
}
