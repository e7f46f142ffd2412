//! The commands as a person runs them, with the real binaries, the real database and the simulator.

mod demo;
mod dev;
mod dialing;
mod events;
mod examples;
mod folder;
mod moving;
mod prerequisites;
mod printed;
#[cfg(target_os = "linux")]
mod processes;
mod redrive;
#[path = "../../src/wav.rs"]
mod wav;

use std::path::Path;
use std::process::Command;

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
