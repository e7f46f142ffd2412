//! Runs one function under AWS's runtime interface emulator.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use lambda::Function;
use serde_json::Value;
use stack::environment::hide_callers_settings;
use stack::free_port;
use stack::http;
use stack::output::Output;
use stack::processes;
use stack::venv::Venv;
use stack::workspace::Workspace;
use tokio::net::TcpStream;

use crate::Result;

/// The separator between the head of a streamed response and its body.
const STREAM_SEPARATOR: [u8; 8] = [0; 8];

/// The time that the emulator has to start a function and to end it at its time limit.
const MARGIN: Duration = Duration::from_secs(30);

/// A running emulator.
pub struct Emulator {
    port: u16,
    time_limit: Duration,
}

/// The result of an invocation.
pub struct Answer {
    /// The result as readable text.
    pub text: String,
    /// True if the function failed. A 4xx or 5xx response is a success of the function.
    pub is_error: bool,
}

/// Starts the emulator, and waits until it listens. The function starts with the first event.
///
/// # Errors
///
/// When the emulator does not listen, or does not exist for this platform.
pub async fn start(
    workspace: &Workspace,
    venv: &Venv,
    output: &Output,
    function: &Function,
    variables: &BTreeMap<String, String>,
) -> Result<Emulator> {
    let binary = workspace.binary(function.name);
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "x86_64",
        "aarch64" => "arm64",
        other => return Err(format!("AWS has no emulator for {other}").into()),
    };
    if !cfg!(target_os = "linux") {
        return Err("AWS's emulator only runs on Linux: use sam local invoke here".into());
    }
    let emulator =
        venv.package_file(&format!("samcli/local/rapid/aws-lambda-rie-{architecture}"))?;
    let port = free_port()?;
    let mut command = processes::command(program(&emulator)?);
    hide_callers_settings(&mut command);
    command
        .envs(variables)
        .env("AWS_LAMBDA_FUNCTION_NAME", function.name)
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
        .env(
            "AWS_LAMBDA_FUNCTION_TIMEOUT",
            function.time_limit.as_secs().to_string(),
        )
        .args([
            "--runtime-interface-emulator-address",
            &format!("127.0.0.1:{port}"),
        ])
        .args([
            "--runtime-api-address",
            &format!("127.0.0.1:{}", free_port()?),
        ])
        .args(["--log-level", "error"])
        .arg(binary);
    let mut child = output.spawn(function.name, &mut command)?;
    let deadline = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        if child.try_wait()?.is_some() || Instant::now() > deadline {
            return Err("the emulator does not listen".into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(Emulator {
        port,
        time_limit: function.time_limit,
    })
}

/// Makes the emulator executable: its wheel lacks that permission.
fn program(emulator: &std::path::Path) -> Result<std::path::PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let mut permissions = std::fs::metadata(emulator)?.permissions();
    if permissions.mode() & 0o111 == 0 {
        permissions.set_mode(0o755);
        std::fs::set_permissions(emulator, permissions)?;
    }
    Ok(emulator.to_path_buf())
}

impl Emulator {
    /// Invokes the function with one event.
    ///
    /// # Errors
    ///
    /// When the emulator does not respond.
    pub async fn invoke(&self, event: &Value) -> Result<Answer> {
        let url = format!(
            "http://127.0.0.1:{}/2015-03-31/functions/function/invocations",
            self.port
        );
        let request = http::client()?.post(url).json(event);
        let answer = request.timeout(self.time_limit + MARGIN).send().await?;
        let body = answer.bytes().await?;
        Ok(read(&body))
    }
}

fn read(body: &[u8]) -> Answer {
    let separator = body
        .windows(STREAM_SEPARATOR.len())
        .position(|window| window == STREAM_SEPARATOR);
    let (head, streamed) = match separator {
        Some(at) => (&body[..at], Some(&body[at + STREAM_SEPARATOR.len()..])),
        None => (body, None),
    };
    let Ok(mut document) = serde_json::from_slice::<Value>(head) else {
        return Answer {
            text: String::from_utf8_lossy(body).into_owned(),
            is_error: true,
        };
    };
    if let Some(streamed) = streamed {
        document["streamedBytes"] = streamed.len().into();
    }
    Answer {
        text: format!("{document:#}"),
        is_error: document["statusCode"].is_null() && !document["errorType"].is_null(),
    }
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn error_response_is_a_success() {
        assert!(!read(br#"{"statusCode": 403, "body": "{}"}"#).is_error);
    }

    #[test]
    fn function_that_exits_is_a_failure() {
        assert!(
            read(br#"{"errorType": "Runtime.ExitError", "errorMessage": "exit status 1"}"#)
                .is_error
        );
    }

    #[test]
    fn streamed_response_shows_its_head_and_the_length_of_its_body() {
        let answer = read(b"{\"statusCode\": 206}\0\0\0\0\0\0\0\0\x01\0\xff");
        assert!(!answer.is_error);
        assert!(
            answer.text.contains("\"streamedBytes\": 3"),
            "{}",
            answer.text
        );
    }
}
