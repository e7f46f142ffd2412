//! The commands as a person runs them, with the real binaries, the real database and the simulator.

mod canceling;
mod concurrency;
mod demo;
mod dev;
mod dialing;
mod doctor;
mod erase;
mod events;
mod examples;
mod export;
mod folder;
mod import;
mod moving;
mod prerequisites;
mod printed;
#[cfg(target_os = "linux")]
mod processes;
mod redrive;
mod targets;
#[path = "../../src/wav.rs"]
mod wav;

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use mongodb::Database;
use mongodb::bson::{Document, doc};
use testkit::Stage;
use uuid::Uuid;

/// `cargo xtask …`, with none of the caller's own services.
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

/// The same, with the variables of a stage.
fn xtask_on(stage: &Stage, arguments: &[&str]) -> Command {
    let mut command = xtask(arguments);
    command.envs(stage.variables());
    command
}

/// All that the database holds, as text.
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
        let mut found = documents.find(doc! {}).await.expect("the database answers");
        while found.advance().await.expect("the database answers") {
            let document = found.deserialize_current().expect("a document");
            let _ = writeln!(text, "{name} {document}");
        }
    }
    text
}

/// A folder of a test's own; it goes with it.
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

/// What a command has said that must fail: standard output, then standard error.
fn fail(command: &mut Command) -> (String, String) {
    let output = command.output().expect("xtask runs");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (said(&output.stdout), said(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{stdout}\n{stderr}");
    (stdout, stderr)
}

/// Standard output of a command that must succeed.
fn succeed(command: &mut Command) -> String {
    let output = command.output().expect("xtask runs");
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
