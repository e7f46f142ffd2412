//! The commands as an operator runs them, on a real database and the simulated Twilio.

mod batch;
mod canceling;
mod dial_queue;
mod dialing;
mod doctor;
mod documents;
mod earlier_service;
mod erase;
mod erase_incomplete;
mod erase_scheduled;
mod export;
mod help;
mod import;
mod json;
mod moving;
mod proxy;
mod redrive;
mod streams;
mod targets;

use std::fmt::Write;
use std::path::PathBuf;
use std::process::Command;

use mongodb::Database;
use mongodb::bson::{Document, doc};
use testkit::Stage;
use uuid::Uuid;

/// Returns `outdial …` without the caller's services and proxies.
fn outdial(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_outdial"));
    command.args(arguments);
    for name in ["MONGO_URI", "TWILIO_API_BASE_URL"] {
        command.env_remove(name);
    }
    for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    command
}

/// Returns `outdial …` with the variables of a stage.
fn outdial_on(stage: &Stage, arguments: &[&str]) -> Command {
    let mut command = outdial(arguments);
    command.envs(stage.variables());
    command
}

/// Returns every document of the database as text.
async fn everything(database: &Database) -> String {
    let mut text = String::new();
    for name in [
        "users",
        "batches",
        "calls",
        "recordings",
        "counters",
        "blocked_numbers",
    ] {
        let documents = database.collection::<Document>(name);
        let mut found = documents.find(doc! {}).await.expect("the database answers");
        while found.advance().await.expect("the database answers") {
            let document = found.deserialize_current().expect("a document");
            let _ = writeln!(text, "{name} {document}");
        }
    }
    text
}

/// A temporary folder, deleted at the end of the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("outdial-{}", Uuid::new_v4()));
        std::fs::create_dir(&path).expect("a folder can be made");
        Self(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs a command that must exit with 1. Returns its standard output and standard error.
fn fail(command: &mut Command) -> (String, String) {
    let output = command.output().expect("outdial runs");
    let stderr = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (stderr(&output.stdout), stderr(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{stdout}\n{stderr}");
    (stdout, stderr)
}

/// Runs a command that must succeed. Returns its standard output.
fn succeed(command: &mut Command) -> String {
    let output = command.output().expect("outdial runs");
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{:?}: {}\n{stdout}\n{stderr}",
        command,
        output.status
    );
    stdout
}
