//! Runs the Rust tests of the workspace, with one database and one AWS server for all of them.

use std::fs;
use std::io;
use std::path::Path;
use std::thread;

use stack::database::{Database, Storage};
use stack::output::Output;
use stack::processes;
use stack::queues;
use stack::venv::{self, Venv};
use stack::workspace::{PROFILE, Workspace, cargo};
use tokio::process::Command;

use super::slowest;
use super::task::Task;
use crate::Result;

/// The variable with the database's URI.
const TEST_DATABASE: &str = "OUTDIAL_TEST_MONGO_URI";
/// The variable with the SQS endpoint.
const TEST_QUEUES: &str = "OUTDIAL_TEST_SQS_ENDPOINT";
/// The SDK's variable with the Secrets Manager endpoint.
const SECRETS_MANAGER: &str = "AWS_ENDPOINT_URL_SECRETS_MANAGER";
/// Credentials, which the SDK requires. The local server accepts any.
const AWS_CREDENTIALS: [(&str, &str); 3] = [
    ("AWS_REGION", "us-east-1"),
    ("AWS_ACCESS_KEY_ID", "tests"),
    ("AWS_SECRET_ACCESS_KEY", "tests"),
];

/// The number of concurrent tests for each core. Most tests wait for a server or a timer.
const TESTS_PER_CORE: usize = 2;

/// The packages with end-to-end tests.
const END_TO_END: [&str; 2] = ["outdial-cli", "xtask"];

/// A selection of the Rust tests.
pub enum Selection {
    All,
    /// All but those of [`END_TO_END`].
    Quick,
    /// Those whose names contain this text.
    Named(String),
}

/// Starts the servers, and returns the commands that run the tests.
///
/// # Errors
///
/// When a server does not start.
pub async fn prepare(workspace: &Workspace, selection: &Selection) -> Result<Task> {
    if std::env::var_os("TWILIO_OPENAPI").is_none() {
        eprintln!(
            "TWILIO_OPENAPI is not set: the simulator's responses are not checked against Twilio's schemas"
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
                "{error}\ncargo-nextest can't be installed: running the tests with cargo test, which is slower"
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
                for package in END_TO_END {
                    command.args(["--exclude", package]);
                }
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

/// The command of cargo-nextest, which runs tests of several binaries concurrently. `.config/nextest.toml` configures it.
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

/// Returns true if a doc comment has an example, which nextest does not run.
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

/// The caller's test database, or an empty embedded one with test commands that cause failures.
async fn database(workspace: &Workspace) -> Result<Database> {
    if let Ok(uri) = std::env::var(TEST_DATABASE) {
        return Database::at(uri, &Output::terminal()).await;
    }
    let folder = workspace.target.join("test");
    let storage = Storage::Throwaway(folder.join(format!("database-{}", std::process::id())));
    let venv = Venv::ensure(workspace, venv::DATABASE).await?;
    let log = Output::file(&folder.join("database.log"))?;
    let options = ["--enable-test-commands"];
    Database::start_embedded(&venv, &log, storage, &options).await
}

/// A server for the tests' queues and secrets.
async fn aws(workspace: &Workspace) -> Result<String> {
    let venv = Venv::ensure(workspace, venv::AWS).await?;
    let log = Output::file(&workspace.target.join("test").join("aws.log"))?;
    queues::serve(&venv, &log).await
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::process::Command;

    use serde_json::Value;
    use stack::workspace::cargo;

    use super::END_TO_END;

    #[test]
    fn packages_with_end_to_end_tests_are_listed() {
        let mut metadata = Command::new(cargo());
        metadata.args(["metadata", "--no-deps", "--offline", "--format-version=1"]);
        let output = metadata.output().expect("cargo runs");
        let metadata: Value = serde_json::from_slice(&output.stdout).expect("the metadata");
        let packages = metadata["packages"].as_array().expect("packages");
        let has_end_to_end_tests = |package: &&Value| {
            let mut targets = package["targets"].as_array().into_iter().flatten();
            targets.any(|target| target["name"] == "e2e")
        };
        let found: BTreeSet<_> = packages
            .iter()
            .filter(has_end_to_end_tests)
            .filter_map(|package| package["name"].as_str())
            .collect();
        assert_eq!(found, BTreeSet::from(END_TO_END));
    }
}
