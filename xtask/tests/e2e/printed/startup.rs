//! The output of a function that can't start.

use std::path::Path;
use std::process::Command;

use testkit::AUTH_TOKEN;

use super::lines::Lines;
use super::marks::{self, API_KEY_SECRET, EMAIL, KEY, MEDIA_KEY, NAME, NUMBER, PASSWORD};

#[test]
fn closed_standard_output_does_no_harm() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let ended = function("users")
        .env("LOG_LEVEL", "TRACE")
        .stdout(writer)
        .output()
        .expect("the function runs");
    assert_eq!(ended.status.code(), Some(1), "MONGO_URI is missing");
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
}

/// A function's binary, without variables.
fn function(name: &str) -> Command {
    let binaries = Path::new(env!("CARGO_BIN_EXE_xtask")).parent();
    let mut command = Command::new(binaries.expect("a folder").join(name));
    command.env_clear();
    command
}

#[test]
fn malformed_variable_is_named_without_its_value() {
    for (name, variable, value) in [
        (
            "users",
            "MONGO_URI",
            format!("mongodb://quillfeather:{PASSWORD}"),
        ),
        ("users", "API_KEYS", format!("backend:{KEY}")),
        (
            "outbound-calls",
            "TWILIO_FROM_NUMBER",
            NUMBER.replace('+', ""),
        ),
        (
            "voice",
            "BASE_URL",
            format!("ftp://quillfeather:{PASSWORD}@{NUMBER}"),
        ),
        ("status", "WEBHOOK_QUEUE_URL", format!("{PASSWORD} {EMAIL}")),
        ("recording", "LOG_LEVEL", PASSWORD.to_owned()),
        ("users", "STACK_NAME", format!("{PASSWORD} {EMAIL}")),
        (
            "media",
            "TWILIO_API_BASE_URL",
            format!("{API_KEY_SECRET}@{NUMBER}"),
        ),
        ("replay", "TWILIO_ACCOUNT_SID", NUMBER.to_owned()),
        ("reconcile", "RECONCILE_PAGE", NUMBER.to_owned()),
        ("health", "ENVIRONMENT", NAME.to_owned()),
    ] {
        let good = [
            ("MONGO_URI", "mongodb://127.0.0.1:1"),
            ("TWILIO_ACCOUNT_SID", testkit::ACCOUNT_SID),
            ("TWILIO_AUTH_TOKEN", AUTH_TOKEN),
            ("TWILIO_FROM_NUMBER", testkit::FROM_NUMBER),
            ("BASE_URL", "https://calls.example.com"),
            ("MEDIA_SIGNING_KEY", MEDIA_KEY),
            ("ENVIRONMENT", "development"),
            ("LOG_LEVEL", "TRACE"),
        ];
        let ended = function(name)
            .envs(good)
            .env(variable, value)
            .output()
            .expect("the function runs");
        assert_eq!(ended.status.code(), Some(1), "{name}");
        assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
        let printed = String::from_utf8(ended.stdout).expect("it is UTF-8");
        assert_eq!(marks::find(&printed), []);
        let lines = Lines::read(&printed);
        let errors = lines.with("level", "ERROR");
        assert_eq!(errors.len(), 1, "{printed}");
        assert_eq!(errors[0]["function"], name);
        assert!(
            errors[0]["message"].to_string().contains(variable),
            "{printed}"
        );
    }
}
