//! The Twilio that plays calls on this machine.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};

use super::environment::{Credentials, hide_callers_settings};
use crate::Result;
use crate::output::Output;
use crate::processes;
use crate::workspace::Workspace;

const GREETING: &str = "twilio-sim listening on ";

/// The fastest that it plays.
pub const AT_ONCE: u32 = 100;

/// Starts it and returns its origin once it listens.
pub async fn start(
    workspace: &Workspace,
    output: &Output,
    account: &Credentials,
    speed: u32,
) -> Result<String> {
    let mut command = processes::command(workspace.binary("twilio-sim"));
    hide_callers_settings(&mut command);
    let mut child = command
        .args([
            "--listen",
            "127.0.0.1:0",
            "--verbose",
            "--speed",
            &speed.to_string(),
        ])
        .args([
            "--account-sid",
            &account.account_sid,
            "--auth-token",
            &account.auth_token,
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot start the simulator: {error}"))?;
    if let Some(stderr) = child.stderr.take() {
        output.follow("twilio-sim", stderr);
    }
    let stdout = child.stdout.take().ok_or("the simulator has no output")?;
    let mut reader = BufReader::new(stdout);
    let mut line = String::new();
    let read = tokio::time::timeout(Duration::from_secs(10), reader.read_line(&mut line)).await;
    let url = line.trim().strip_prefix(GREETING).map(str::to_owned);
    output.follow("twilio-sim", reader);
    match (read, url) {
        (Ok(Ok(_)), Some(url)) => Ok(url),
        _ => Err(format!(
            "the simulator did not say where it listens: {line:?}{}",
            output.last_lines(10)
        )
        .into()),
    }
}
