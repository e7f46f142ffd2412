//! The functions, behind cargo-lambda's gateway and Runtime API.

use std::time::{Duration, Instant};

use super::environment::Environment;
use super::{Plan, spawn};
use crate::Result;
use crate::http;
use crate::output::Output;
use crate::processes;
use crate::workspace::PROFILE;

/// Every function that the gateway reaches, as its folder and its binary are called.
pub const NAMES: [&str; 7] = [
    "health",
    "users",
    "outbound-calls",
    "voice",
    "status",
    "recording",
    "media",
];

/// How many environments of each function run side by side, so that one request need not wait for another.
const ENVIRONMENTS: usize = 2;

/// How long the functions may take until all of them have answered.
const START_TIME: Duration = Duration::from_mins(1);

/// How the functions run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Hosting {
    /// Binaries that have been built, started here: no request waits for a compiler.
    Built,
    /// Started by `cargo lambda watch`, which builds and restarts what has changed.
    Watched,
}

/// Starts the gateway and every function, and waits until they answer.
pub async fn start(plan: &Plan<'_>, environment: &Environment) -> Result<()> {
    let mut command = processes::command(plan.venv.program("cargo-lambda"));
    command
        .args([
            "lambda",
            "watch",
            "--invoke-address",
            "127.0.0.1",
            "--disable-cors",
        ])
        .args(["--invoke-port", &plan.port.to_string()])
        .current_dir(&plan.workspace.root);
    match plan.hosting {
        Hosting::Built => {
            command.arg("--only-lambda-apis");
        }
        Hosting::Watched => {
            let label = format!(
                "target.'cfg(unix)'.runner = ['{}', 'label']",
                processes::this_program().display()
            );
            command.args(["--profile", PROFILE, "--config", &label]);
        }
    }
    environment.apply(&mut command);
    let mut gateway = spawn(&plan.output, "cargo-lambda", &mut command)?;
    if plan.hosting == Hosting::Built {
        for name in NAMES {
            for _ in 0..ENVIRONMENTS {
                keep_running(plan, environment, name);
            }
        }
    }
    let url = format!("http://127.0.0.1:{}", plan.port);
    tokio::select! {
        answered = all_answer(&url, &plan.output) => answered,
        status = gateway.wait() => Err(format!("cargo-lambda ended, {}{}", status?, plan.output.last_lines(15)).into()),
    }
}

/// Runs one environment of a function, and a new one whenever it ends, as Lambda would.
fn keep_running(plan: &Plan<'_>, environment: &Environment, name: &'static str) {
    let mut command = processes::command(plan.workspace.binary(name));
    environment.apply(&mut command);
    command
        .env(
            "AWS_LAMBDA_RUNTIME_API",
            format!("http://127.0.0.1:{}/.rt/{name}", plan.port),
        )
        .env("AWS_LAMBDA_FUNCTION_NAME", name)
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256");
    let output = plan.output.clone();
    tokio::spawn(async move {
        loop {
            match spawn(&output, name, &mut command) {
                Ok(mut child) => {
                    if let Ok(status) = child.wait().await {
                        output.line(
                            name,
                            &format!("the environment ended, {status}; starting a new one"),
                        );
                    }
                }
                Err(error) => output.line(name, &error.to_string()),
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    });
}

/// Any answer of a function's own will do, a refusal too: it shows that the function is up.
async fn all_answer(url: &str, output: &Output) -> Result<()> {
    let client = http::client()?;
    let deadline = Instant::now() + START_TIME;
    for path in [
        "/health",
        "/users",
        "/calls/x",
        "/recordings/x",
        "/media",
        "/twilio/voice",
        "/twilio/status",
        "/twilio/recording",
    ] {
        loop {
            let error = match client
                .get(format!("{url}{path}"))
                .timeout(START_TIME / 4)
                .send()
                .await
            {
                Ok(answer) if path != "/health" && answer.status().as_u16() < 500 => break,
                Ok(answer) if answer.status().is_success() => break,
                Ok(answer) => format!(
                    "{}: {}",
                    answer.status(),
                    answer.text().await.unwrap_or_default()
                ),
                Err(error) => error.to_string(),
            };
            if Instant::now() > deadline {
                return Err(
                    format!("GET {path} does not work: {error}{}", output.last_lines(15)).into(),
                );
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    Ok(())
}
