//! Starts the Twilio simulator.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use outdial::config::WebhookKind;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::Result;
use crate::build::SIMULATOR;
use crate::environment::{Credentials, Environment, hide_callers_settings};
use crate::http;
use crate::output::Output;
use crate::processes;
use crate::workspace::Workspace;

const GREETING: &str = "twilio-sim listening on ";

/// The number that the simulator's account owns.
pub const NUMBER: &str = "+15005550006";
/// The simulator's service for transcripts.
const TRANSCRIPTION_SERVICE: &str = "GAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
/// The language of [`TRANSCRIPTION_SERVICE`].
const TRANSCRIPT_LANGUAGE: &str = "en-US";

/// The notices at the beginning of calls with steps, and after a message for a machine.
const NOTICES: &str = r#"{
    "en": {"identity": "This is the local stack of outdial.", "opt_out": "For no further calls, press 9.", "callback": "For no further calls, call {number}."},
    "es": {"identity": "Esta es la instalación local de outdial.", "opt_out": "Para no recibir más llamadas, pulse 9.", "callback": "Para no recibir más llamadas, llame al {number}."}
}"#;

/// The highest speed factor.
pub const AT_ONCE: u32 = 100;

/// Configures the functions with the simulator at this origin.
pub fn configure(environment: &mut Environment, origin: &str) {
    let services = format!(r#"{{"{TRANSCRIPT_LANGUAGE}": "{TRANSCRIPTION_SERVICE}"}}"#);
    environment.set("TRANSCRIPTION_SERVICES", services);
    environment.set("TWILIO_API_BASE_URL", origin);
    environment.set("TWILIO_INTELLIGENCE_BASE_URL", origin);
}

/// Configures the functions for people who call back, and who get no further calls with the key 9.
pub fn configure_callbacks(environment: &mut Environment) {
    environment.set("CALLBACK_NUMBER", NUMBER);
    environment.set("OPT_OUT_KEY", "9");
    environment.set("NOTICES", NOTICES);
}

/// Lets the simulator at this origin ask the functions at `public_url` what to say to people who call [`NUMBER`].
///
/// # Errors
///
/// When the simulator refuses.
pub async fn answer_callbacks(origin: &str, account: &Credentials, public_url: &str) -> Result<()> {
    let numbers = format!(
        "{origin}/2010-04-01/Accounts/{}/IncomingPhoneNumbers",
        account.account_sid
    );
    let client = http::client()?;
    let (user, password) = (&account.account_sid, Some(&account.auth_token));
    let listed = client
        .get(format!("{numbers}.json"))
        .query(&[("PhoneNumber", NUMBER)])
        .basic_auth(user, password)
        .send()
        .await?;
    let listed: Value = listed.error_for_status()?.json().await?;
    let sid = listed["incoming_phone_numbers"][0]["sid"].as_str();
    let sid = sid.ok_or("the simulator does not have its number")?;
    let url = format!("{public_url}{}", WebhookKind::Inbound.path());
    let response = client
        .post(format!("{numbers}/{sid}.json"))
        .basic_auth(user, password)
        .form(&[("VoiceUrl", url)])
        .send()
        .await?;
    response.error_for_status()?;
    Ok(())
}

/// Lets the simulator at this origin report transcripts to the functions at `public_url`.
///
/// # Errors
///
/// When the simulator refuses.
pub async fn report_transcripts(
    origin: &str,
    account: &Credentials,
    public_url: &str,
) -> Result<()> {
    let url = format!("{public_url}{}", WebhookKind::Transcript.path());
    let response = http::client()?
        .post(format!("{origin}/v2/Services/{TRANSCRIPTION_SERVICE}"))
        .basic_auth(&account.account_sid, Some(&account.auth_token))
        .form(&[("WebhookUrl", url)])
        .send()
        .await?;
    response.error_for_status()?;
    Ok(())
}

/// Starts the simulator, and returns its origin once it listens.
///
/// # Errors
///
/// When it does not listen.
pub async fn start(
    workspace: &Workspace,
    output: &Output,
    account: &Credentials,
    speed: u32,
) -> Result<String> {
    launch(command(workspace, account, speed), output).await
}

/// Like [`start`], with the calls that an earlier run stored in `file`.
///
/// # Errors
///
/// As [`start`].
pub async fn start_kept(
    workspace: &Workspace,
    output: &Output,
    account: &Credentials,
    speed: u32,
    file: &Path,
) -> Result<String> {
    let mut command = command(workspace, account, speed);
    command.arg("--data").arg(file);
    launch(command, output).await
}

/// Like [`start`], with called parties that do what `file` says.
///
/// # Errors
///
/// As [`start`].
pub async fn start_with_callees(
    workspace: &Workspace,
    output: &Output,
    account: &Credentials,
    speed: u32,
    file: &Path,
) -> Result<String> {
    let mut command = command(workspace, account, speed);
    command.arg("--callees").arg(file);
    launch(command, output).await
}

fn command(workspace: &Workspace, account: &Credentials, speed: u32) -> Command {
    let mut command = processes::command(workspace.binary(SIMULATOR));
    hide_callers_settings(&mut command);
    command
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
        .args([
            "--intelligence-service",
            &format!("{TRANSCRIPTION_SERVICE},{TRANSCRIPT_LANGUAGE}"),
        ]);
    command
}

async fn launch(mut command: Command, output: &Output) -> Result<String> {
    let mut child = command
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
            "the simulator does not print its address: {line:?}{}",
            output.last_lines(10)
        )
        .into()),
    }
}
