//! The command line of the binary.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use twilio_sim::callee::TABLE;

use crate::support::client;

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_twilio-sim"));
    command
        .args(args)
        .env_remove("TWILIO_ACCOUNT_SID")
        .env_remove("TWILIO_AUTH_TOKEN");
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Ends the process with SIGTERM. Returns whether it succeeded, and its output after the first line.
fn terminate(mut child: Child, mut rest: impl Read) -> (bool, String) {
    let killed = Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    let mut text = String::new();
    rest.read_to_string(&mut text).unwrap();
    (child.wait().unwrap().success(), text)
}

fn origin(line: &str) -> &str {
    line.strip_prefix("twilio-sim listening on ")
        .unwrap()
        .trim_end()
}

#[tokio::test]
async fn first_line_has_the_address_and_a_signal_ends_the_process_cleanly() {
    let mut child = command(&[]).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    let health = client()
        .get(format!("{}/_sim/health", origin(&line)))
        .send()
        .await
        .unwrap();
    assert_eq!(health.status(), 200);
    assert_eq!(terminate(child, output), (true, String::new()));
}

#[tokio::test]
async fn verbose_prints_readable_log_entries() {
    let sid = "AC0123456789abcdef0123456789abcdef";
    let mut command = command(&["--verbose", "--speed", "1000", "--auth-token", "secret"]);
    let mut child = command.env("TWILIO_ACCOUNT_SID", sid).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    let url = format!("{}/2010-04-01/Accounts/{sid}/Calls.json", origin(&line));
    let form = [
        ("To", "+12125551234"),
        ("From", "+15005550006"),
        ("Twiml", "<Response><Say>Hello there.</Say></Response>"),
    ];
    let answer = client()
        .post(url)
        .form(&form)
        .basic_auth(sid, Some("secret"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap()["account_sid"], sid);
    let mut printed = String::new();
    while !printed.contains("== completed") {
        assert!(output.read_line(&mut printed).unwrap() > 0, "{printed}");
    }
    for part in [
        "== queued: +15005550006 -> +12125551234",
        "POST /2010-04-01/",
        "<Say> Hello there.",
    ] {
        assert!(printed.contains(part), "{part} in {printed}");
    }
    terminate(child, output);
}

#[test]
fn help_lists_every_special_number() {
    let output = command(&["--help"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        TABLE
            .iter()
            .all(|(number, what)| text.contains(number) && text.contains(what)),
        "{text}"
    );
}

#[test]
fn invalid_option_is_named() {
    for (args, named) in [
        (["--account-sid", "AC1"], "32 hex digits"),
        (["--speed", "0"], "between 0.01 and 100000"),
        (["--api-key", "SK1"], "a colon"),
        (["--max-calls-per-second", "0"], "greater than 0"),
        (["--max-concurrent-calls", "0"], "max-concurrent-calls"),
        (["--faults", "/nowhere/plan.json"], "/nowhere/plan.json"),
        (["--listen", "nonsense"], "--listen"),
    ] {
        let output = command(&args).output().unwrap();
        assert!(!output.status.success());
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(named), "{args:?}: {text}");
    }
}
