//! Starts the functions behind a gateway.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use lambda::{FUNCTIONS, Function, Gateway, Host, Kills};

use crate::environment::Environment;
use crate::output::Output;
use crate::workspace::Workspace;
use crate::{Result, http, processes};

/// The most environments of one function in a whole stack.
const ENVIRONMENTS: usize = 10;

/// Timeout for the first responses of all functions.
const START_TIME: Duration = Duration::from_mins(1);

/// How the functions run.
pub struct Options<'a> {
    /// Has the folder of the binaries.
    pub workspace: &'a Workspace,
    /// Gets the functions' output.
    pub output: Output,
    /// The most environments of one function at a time. Further requests wait.
    pub environments: usize,
    /// Plan of kills.
    pub kills: Option<Kills>,
    /// Folder with the binaries of another version, which half of the environments run. A function that the other version does
    /// not have runs from the workspace.
    pub beside: Option<PathBuf>,
}

/// Serves the functions, which start with their first request, with these variables.
#[must_use]
pub fn serve(gateway: Gateway, environment: Environment, options: Options<'_>) -> Host {
    let (workspace, output) = (options.workspace.clone(), options.output);
    let beside = options.beside;
    gateway.serve(lambda::Options {
        start_process: Box::new(move |name, variables| {
            let other = beside.as_ref().map(|folder| folder.join(name));
            let other = other.filter(|binary| binary.is_file() && fastrand::bool());
            let binary = other.unwrap_or_else(|| workspace.binary(name));
            let mut command = processes::command(binary);
            environment.apply(&mut command);
            command.envs(variables);
            let started = output.spawn(name, &mut command);
            started.map_err(|error| error.to_string())
        }),
        environments: options.environments,
        kills: options.kills,
    })
}

/// Serves the functions, and waits until each of them responds.
pub(crate) async fn start(
    workspace: &Workspace,
    output: &Output,
    gateway: Gateway,
    environment: Environment,
) -> Result<Host> {
    let url = gateway.url().to_owned();
    let options = Options {
        workspace,
        output: output.clone(),
        environments: ENVIRONMENTS,
        kills: None,
        beside: None,
    };
    let host = serve(gateway, environment, options);
    let client = http::client()?;
    let paths = FUNCTIONS.iter().filter_map(Function::probe_path);
    try_join_all(paths.map(|path| responds(&client, &url, path, output))).await?;
    Ok(host)
}

/// Waits for a response of the function itself. A refusal will do too, except from `/health`.
async fn responds(client: &reqwest::Client, url: &str, path: &str, output: &Output) -> Result<()> {
    let deadline = Instant::now() + START_TIME;
    loop {
        let error = match client
            .get(format!("{url}{path}"))
            .timeout(START_TIME / 4)
            .send()
            .await
        {
            Ok(response) if path != "/health" && response.status().as_u16() < 500 => return Ok(()),
            Ok(response) if response.status().is_success() => return Ok(()),
            Ok(response) => format!(
                "{}: {}",
                response.status(),
                response.text().await.unwrap_or_default()
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
