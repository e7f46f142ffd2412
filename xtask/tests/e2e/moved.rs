//! Commands that are now part of `outdial`.

use crate::{succeed, xtask};

#[test]
fn moved_command_runs_outdial_after_a_note() {
    let output = xtask(&["key", "two words"]).output().expect("xtask runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    let note = "`cargo xtask key` is deprecated: run `outdial key`\n";
    assert!(stderr.starts_with(note), "{stderr}");
    assert!(stderr.contains("cannot make a key"), "{stderr}");

    let help = succeed(&mut xtask(&["doctor", "--help"]));
    assert!(help.contains("Usage: outdial doctor"), "{help}");

    let output = xtask(&["explode"]).output().expect("xtask runs");
    assert_eq!(output.status.code(), Some(2));
}
