//! The commands as a person runs them, with real binaries, a real database and the simulator.

mod concurrency;
mod demo;
mod dev;
mod dev_process;
mod doctor;
mod event_sources;
mod events;
mod examples;
mod folder;
mod moved;
mod prerequisites;
mod printed;
#[cfg(target_os = "linux")]
mod processes;
#[path = "../../src/wav.rs"]
mod wav;

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use mongodb::Database;
use mongodb::bson::{Document, doc};
use testkit::Stage;

use folder::Folder;

/// `cargo xtask …`, without the caller's own services.
fn xtask(arguments: &[&str]) -> Command {
    let program = Path::new(env!("CARGO_BIN_EXE_xtask"));
    let binaries = std::env::var_os("OUTDIAL_BIN_DIR");
    assert_eq!(
        binaries.as_deref(),
        program.parent().map(Path::as_os_str),
        "these tests use binaries that `cargo xtask test` builds: run that, or `cargo xtask test FILTER`"
    );
    let mut command = Command::new(program);
    command.args(arguments);
    for name in ["MONGO_URI", "TWILIO_API_BASE_URL", "LOG_LEVEL"] {
        command.env_remove(name);
    }
    command
}

/// `outdial …`, the operators' program.
fn outdial(arguments: &[&str]) -> Command {
    let program = Path::new(env!("CARGO_BIN_EXE_xtask")).with_file_name("outdial");
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

/// `outdial …` with the variables of a stage.
fn outdial_on(stage: &Stage, arguments: &[&str]) -> Command {
    let mut command = outdial(arguments);
    command.envs(stage.variables());
    command
}

/// The whole content of a database, as text, without the document that each run of `dispatch` changes.
async fn everything(database: &Database) -> String {
    let mut text = String::new();
    for name in [
        "users",
        "calls",
        "recordings",
        "counters",
        "blocked_numbers",
    ] {
        let documents = database.collection::<Document>(name);
        let mut found = documents
            .find(doc! { "_id": { "$ne": "dispatcher" } })
            .await
            .expect("the database answers");
        while found.advance().await.expect("the database answers") {
            let document = found.deserialize_current().expect("a document");
            let _ = writeln!(text, "{name} {document}");
        }
    }
    text
}

/// Standard output and standard error of a command that must fail.
fn fail(command: &mut Command) -> (String, String) {
    let output = command.output().expect("the program runs");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (said(&output.stdout), said(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{stdout}\n{stderr}");
    (stdout, stderr)
}

/// Standard output of a command that must succeed.
fn succeed(command: &mut Command) -> String {
    let output = command.output().expect("the program runs");
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
