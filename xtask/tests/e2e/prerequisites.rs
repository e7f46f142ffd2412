//! What a machine that lacks something is told.

use crate::xtask;

#[test]
fn a_missing_prerequisite_is_named_with_the_command_that_installs_it() {
    let output = xtask(&["demo"])
        .env("PATH", "/nowhere")
        .output()
        .expect("xtask runs");
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr);
    for (name, command) in [
        ("a C compiler", "apt install build-essential"),
        ("python3", "dnf install python3"),
        ("venv", "apt install python3-venv"),
    ] {
        assert!(told.contains(name), "{told}");
        assert!(told.contains(command), "{told}");
    }
}

#[test]
fn a_real_call_without_an_account_says_what_is_missing() {
    let output = xtask(&["demo", "--real-twilio", "--to", "+14155552671"])
        .env("TWILIO_ACCOUNT_SID", "AC0123456789abcdef0123456789abcdef")
        .env_remove("TWILIO_AUTH_TOKEN")
        .env_remove("TWILIO_FROM_NUMBER")
        .output()
        .expect("xtask runs");
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        told.contains("TWILIO_AUTH_TOKEN, TWILIO_FROM_NUMBER"),
        "{told}"
    );
}
