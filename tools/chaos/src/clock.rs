//! Sets the clocks of a run forward to just before midnight UTC: libfaketime replaces the time functions of all its programs.

use std::time::Duration;

use stack::build::whole_stack;
use stack::steps::seconds;
use stack::venv::{self, Venv};
use stack::workspace::Workspace;
use stack::{Result, processes};

use crate::moment::{DAY, Moment, now};

/// The variable by which libfaketime knows the difference to the real time.
const DIFFERENCE: &str = "FAKETIME";

/// The library in its package, for Linux on `x86_64`.
const LIBRARY: &str = "libfaketime/vendor/libfaketime/src/libfaketime.so.1";

/// The library leaves timeouts alone.
const REAL_TIMEOUTS: (&str, &str) = ("FAKETIME_DONT_FAKE_MONOTONIC", "1");

/// Time from the start of a run to midnight. The run itself waits for the rest, just before it starts its services.
const BEFORE_MIDNIGHT: Duration = Duration::from_secs(90);

/// Returns whether the clocks can be set forward on this system.
pub fn can_be_set() -> bool {
    cfg!(all(target_os = "linux", target_arch = "x86_64"))
}

/// Returns whether the clocks were set forward already.
pub fn is_set() -> bool {
    std::env::var_os(DIFFERENCE).is_some()
}

/// Runs this program again with the same arguments, just before midnight UTC.
///
/// # Errors
///
/// If the library can't be installed, or the program fails.
pub async fn run_before_midnight(workspace: &Workspace) -> Result<()> {
    // What takes long comes first.
    stack::prepare(workspace, whole_stack()).await?;
    let library = Venv::ensure(workspace, venv::CLOCK)
        .await?
        .package_file(LIBRARY)?;
    let difference = until_midnight(now());
    println!(
        "setting the clocks of the run forward by {}",
        seconds(difference)
    );
    let mut program = processes::command(processes::this_program());
    program
        .args(std::env::args_os().skip(1))
        .env("LD_PRELOAD", library)
        .env(DIFFERENCE, format!("+{}", difference.as_secs()))
        .envs([REAL_TIMEOUTS]);
    if program.status().await?.success() {
        return Ok(());
    }
    Err("the run before midnight failed: see above".into())
}

/// How far the clocks are from the start of a run before midnight.
fn until_midnight(now: Moment) -> Duration {
    let before = Moment::try_from(BEFORE_MIDNIGHT.as_millis()).unwrap_or_default();
    Duration::from_millis((-before - now).rem_euclid(DAY).unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moment::parse;

    #[test]
    fn run_starts_before_midnight() {
        let difference = |time| until_midnight(parse(time).unwrap()).as_secs();
        assert_eq!(difference("2026-11-28T23:58:00Z"), 30);
        assert_eq!(difference("2026-11-28T23:58:30Z"), 0);
        assert_eq!(difference("2026-11-28T23:59:00Z"), 86_370);
    }
}
