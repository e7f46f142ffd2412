//! The errors on a machine that lacks something.

use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use crate::folder::Folder;
use crate::xtask;

#[test]
fn missing_prerequisite_is_named_with_its_install_command() {
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
fn real_call_without_an_account_names_the_missing_variables() {
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

#[test]
fn old_python_is_named_with_the_version_that_is_needed() {
    let told = error_with_python("echo 3.9");
    assert!(
        told.contains(
            "python3 is 3.9, but 3.10 or later is needed: put a later one first on the PATH"
        ),
        "{told}"
    );
}

/// As on Debian without python3-venv.
#[test]
fn python_without_venv_is_named_with_its_package() {
    let told = error_with_python(r#"echo 3.12; case "$2" in *ensurepip*) exit 1;; esac"#);
    assert!(
        told.contains("Python's venv module with ensurepip is missing"),
        "{told}"
    );
    assert!(told.contains("sudo apt install python3-venv"), "{told}");
    assert!(!told.contains("C compiler"), "{told}");
}

#[test]
fn missing_network_is_reported_with_its_remedy() {
    let target = Folder::new();
    let output = xtask(&["demo"])
        .env("CARGO_TARGET_DIR", &target.0)
        .env("PIP_CONFIG_FILE", "/dev/null")
        .env("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
        .env("PIP_RETRIES", "0")
        .env_remove("PIP_FIND_LINKS")
        .output()
        .expect("xtask runs");
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr);
    let last = told.lines().last().unwrap_or_default();
    assert!(
        last.starts_with("error: pip can't install local/stack/requirements-database.txt")
            && last.contains("PIP_INDEX_URL"),
        "{told}"
    );
}

#[test]
fn taken_port_is_named_with_the_option_to_choose_another() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("it is bound").port().to_string();
    for verb in ["dev", "demo"] {
        let output = xtask(&[verb, "--port", &port])
            .output()
            .expect("xtask runs");
        assert_eq!(output.status.code(), Some(1));
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(
            told.contains(&format!("cannot listen on 127.0.0.1:{port}"))
                && told.contains("choose another with --port"),
            "{told}"
        );
    }
}

#[test]
fn unreachable_database_of_the_caller_is_reported_with_its_remedy() {
    for (uri, words) in [
        (
            "mongodb://127.0.0.1:1/?directConnection=true",
            "check that this machine reaches the server in MONGO_URI",
        ),
        ("nonsense", "MONGO_URI is malformed"),
    ] {
        let output = xtask(&["demo"]).env("MONGO_URI", uri).output();
        let output = output.expect("xtask runs");
        assert_eq!(output.status.code(), Some(1));
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains(words), "{told}");
    }
}

/// The error of the demo if `python3` is this shell script.
fn error_with_python(script: &str) -> String {
    let folder = Folder::new();
    let python = folder.0.join("python3");
    std::fs::write(&python, format!("#!/bin/sh\n{script}\n")).expect("a script");
    std::fs::set_permissions(&python, Permissions::from_mode(0o755)).expect("it may be run");
    let path = std::env::var("PATH").unwrap_or_default();
    let output = xtask(&["demo"])
        .env("PATH", format!("{}:{path}", folder.0.display()))
        .output()
        .expect("xtask runs");
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8_lossy(&output.stderr).into_owned()
}
