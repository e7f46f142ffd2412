//! `cargo xtask demo`: places one recorded call through the whole service.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chrono::Utc;
use clap::Args;
use outdial::domain::CallStatus;
use serde_json::json;
use stack::build::http_stack;
use stack::database::Storage;
use stack::environment::{Twilio, missing_account_variables};
use stack::output::Output;
use stack::prerequisites;
use stack::steps::{Steps, seconds};
use stack::workspace::Workspace;
use stack::{Plan, Stack, prepare};

use crate::Result;
use crate::api::{Api, text};
use crate::wav;

const SCRIPT: &str = "Hello! This is outdial, calling from your own machine. Nobody paid for this call, and nobody \
    had to pick up a phone. Goodbye!";
const SIMULATED_CALLEE: &str = "+14155552671";
const DATABASE: &str = "outdial_demo";

/// Timeout for the call and for its recording, in real time.
const PATIENCE: Duration = Duration::from_mins(3);

#[derive(Args)]
#[command(after_help = "Examples:\n\
    \x20 cargo xtask demo\n\
    \x20 cargo xtask demo --speed 20\n\
    \x20 cargo xtask demo --real-twilio --to +14155552671")]
pub struct Arguments {
    /// Speed factor of the simulated call
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    speed: u32,
    /// Call a real phone. Needs `--to`, a Twilio account in `TWILIO_ACCOUNT_SID`, `TWILIO_AUTH_TOKEN` and `TWILIO_FROM_NUMBER`, and
    /// a public https `BASE_URL` that leads to `--port` on this machine
    #[arg(long, requires = "to")]
    real_twilio: bool,
    /// Number of the real phone, such as +14155552671
    #[arg(long, requires = "real_twilio", value_name = "NUMBER")]
    to: Option<String>,
    /// Port of the API on 127.0.0.1 [default: a free port; 9000 with --real-twilio]
    #[arg(long)]
    port: Option<u16>,
}

pub async fn run(arguments: Arguments) -> Result<()> {
    let started = Instant::now();
    let mut steps = Steps::new(10);
    steps.next("checking the prerequisites");
    prerequisites::check()?;
    let public_url = arguments.real_twilio.then(public_url).transpose()?;
    let port = match arguments.port {
        Some(port) => port,
        None if arguments.real_twilio => 9000,
        None => 0,
    };
    stack::must_be_free(port)?;

    let workspace = Workspace::find()?;
    let run = run_folder(&workspace)?;
    steps.next("building the functions and the simulator, installing the database");
    let venv = prepare(&workspace, http_stack()).await?;

    let output = Output::file(&run.join("log.txt"))?;
    let twilio = if arguments.real_twilio {
        Twilio::Real
    } else {
        Twilio::Simulated {
            speed: arguments.speed,
        }
    };
    let plan = Plan {
        workspace: &workspace,
        venv: &venv,
        aws_venv: None,
        output: output.clone(),
        port,
        public_url,
        twilio,
        database_name: DATABASE,
    };
    let storage = Storage::Throwaway(run.join("database"));
    let stack = Stack::start(plan, storage, |what| steps.next(what)).await?;

    let api = Api::new(&stack.url, &stack.api_key)?;
    let callee = arguments.to.as_deref().unwrap_or(SIMULATED_CALLEE);
    let placed = place_call(&api, &mut steps, callee, &run).await;
    placed.map_err(|error| format!("{error}{}", output.last_lines(30)))?;
    println!(
        "\nThe whole service worked, in {}, and has stopped. Its log is {}\n\
         `cargo xtask dev` keeps the service running, with the API on http://127.0.0.1:9000 and its documentation at /docs.",
        seconds(started.elapsed()),
        run.join("log.txt").display()
    );
    Ok(())
}

/// Creates a user, places a call, and saves its recording.
async fn place_call(api: &Api, steps: &mut Steps, callee: &str, folder: &Path) -> Result<()> {
    steps.next("POST /users");
    let email = format!("ada.{}@example.com", Utc::now().timestamp_millis());
    let user = json!({ "name": "Ada Lovelace", "email": email, "phone_number": SIMULATED_CALLEE });
    let user = api.post("/users", &user).await?;
    let user_id = text(&user, "id")?;
    steps.note(format!("user {user_id}"));

    steps.next(format!("POST /calls/outbound to {callee}, recorded"));
    let call = json!({ "user_id": user_id, "to_number": callee, "script": SCRIPT, "recording_enabled": true });
    let call = api.post("/calls/outbound", &call).await?;
    let call_id = text(&call, "call_id")?;
    steps.note(format!("call {call_id}; its timeline, live:"));
    let status = follow(api, steps, call_id).await?;

    if status != "completed" {
        return Err(format!("the call ended with the status {status}").into());
    }

    steps.next(format!("GET /calls/{call_id}/recordings, then the audio"));
    let recording = api.finished_recording(call_id).await?;
    let recording_id = text(&recording, "id")?;
    let media = api
        .location(&format!("/recordings/{recording_id}/media"))
        .await?;
    let audio = api.download(&media).await?;
    let length = wav::duration(&audio).ok_or("the recording is not a WAV file")?;
    let file = folder.join(format!("recording-{recording_id}.wav"));
    fs::write(&file, &audio)?;
    steps.note(format!(
        "a recording of {} in {}",
        seconds(length),
        file.display()
    ));

    steps.next(format!("GET /calls/{call_id}"));
    let call = api.get(&format!("/calls/{call_id}")).await?;
    println!("{call:#}");
    Ok(())
}

/// Prints each event of the call as soon as it is stored, until the call ends. Returns the last status.
async fn follow(api: &Api, steps: &Steps, call_id: &str) -> Result<String> {
    let deadline = Instant::now() + PATIENCE;
    let mut shown = Vec::new();
    loop {
        let call = api.get(&format!("/calls/{call_id}")).await?;
        for event in call["events"].as_array().into_iter().flatten() {
            if !shown.contains(event) {
                let [status, at, source] =
                    ["status", "at", "source"].map(|key| event[key].as_str().unwrap_or("?"));
                steps.note(format!("  {at}  {status:<12} ({source})"));
                shown.push(event.clone());
            }
        }
        let status = text(&call, "status")?;
        if CallStatus::from_word(status).is_some_and(CallStatus::is_terminal) {
            return Ok(status.to_owned());
        }
        if Instant::now() > deadline {
            return Err(format!("the call is still {status} after {}", seconds(PATIENCE)).into());
        }
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
}

/// The public URL at which Twilio reaches this machine, if the account is configured too.
fn public_url() -> Result<String> {
    let missing = missing_account_variables();
    if !missing.is_empty() {
        return Err(format!("--real-twilio needs {}", missing.join(", ")).into());
    }
    let url = outdial::config::variable("BASE_URL").unwrap_or_default();
    let url = url.trim_end_matches('/');
    if !url.starts_with("https://") {
        return Err("--real-twilio needs BASE_URL: the public https origin that leads to --port on this machine".into());
    }
    Ok(url.to_owned())
}

/// Creates a folder for this run's log and recording.
fn run_folder(workspace: &Workspace) -> Result<PathBuf> {
    let name = format!(
        "{}-{}",
        Utc::now().format("%Y%m%dT%H%M%SZ"),
        std::process::id()
    );
    let folder = workspace.target.join("demo").join(name);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}
