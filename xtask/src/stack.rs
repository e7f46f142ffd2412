//! The whole service on this machine: a database, a Twilio, and the functions behind a gateway.

pub mod database;
pub mod environment;
pub mod functions;
pub mod queue;
pub mod secrets;
pub mod simulator;

use std::collections::BTreeMap;
use std::net::TcpListener;

use tokio::process::{Child, Command};

use crate::Result;
use crate::lambda::{Gateway, Host};
use crate::output::Output;
use crate::venv::Venv;
use crate::workspace::{PROFILE, Workspace, cargo};
use database::{Database, Storage};
use environment::{Environment, Twilio};
use secrets::Secrets;

/// What to start.
pub struct Plan<'a> {
    /// Where everything lies.
    pub workspace: &'a Workspace,
    /// The environment that has the database.
    pub venv: &'a Venv,
    /// Where the processes' output goes.
    pub output: Output,
    /// Where the API listens on 127.0.0.1; 0 is a free port.
    pub port: u16,
    /// The API's public origin, where it isn't the local one.
    pub public_url: Option<String>,
    /// Who dials.
    pub twilio: Twilio,
    /// The name of the database.
    pub database_name: &'static str,
}

/// A running stack. It runs until this program ends.
pub struct Stack {
    /// The API's local origin.
    pub url: String,
    /// A key that the API takes.
    pub api_key: String,
    /// What the functions are configured with.
    pub variables: BTreeMap<&'static str, String>,
    /// The functions.
    pub host: Host,
    /// The database.
    pub database: Database,
    /// Where the simulator listens, if it dials.
    pub simulator: Option<String>,
}

impl Stack {
    /// Starts everything, in order, each part when the one before it is ready. A database that is started here
    /// uses `storage`; `announce` is told what comes next.
    pub async fn start(
        plan: Plan<'_>,
        storage: Storage,
        mut announce: impl FnMut(String),
    ) -> Result<Self> {
        let (secrets, calls) = (
            storage.kept_file("secrets.json"),
            storage.kept_file("calls.jsonl"),
        );
        announce(format!("starting the database: {}", database::choice()));
        let database = Database::start(plan.venv, &plan.output, storage).await?;
        announce(format!(
            "making the indexes of the database {}",
            plan.database_name
        ));
        let report = database.make_indexes(plan.database_name).await?;
        for line in report.to_string().lines() {
            plan.output.line("indexes", line);
        }

        let gateway = Gateway::bind(plan.port).await?;
        let url = gateway.url().to_owned();
        let public_url = plan.public_url.as_deref().unwrap_or(&url);
        let (uri, name) = (&database.uri, plan.database_name);
        let mut environment = match secrets {
            Some(file) => Environment::with(Secrets::kept_in(&file)?, uri, name, public_url),
            None => Environment::new(uri, name, public_url),
        };
        let simulator = match &plan.twilio {
            Twilio::Simulated { speed } => {
                announce(format!("starting the Twilio simulator, at {speed}x speed"));
                let credentials = environment.invent_twilio_account();
                let (workspace, output) = (plan.workspace, &plan.output);
                let simulator = match calls {
                    Some(file) => {
                        simulator::start_kept(workspace, output, &credentials, *speed, &file)
                            .await?
                    }
                    None => simulator::start(workspace, output, &credentials, *speed).await?,
                };
                environment.set("TWILIO_API_BASE_URL", &simulator);
                Some(simulator)
            }
            Twilio::Real => {
                announce("using Twilio itself, with the account in the environment".to_owned());
                None
            }
        };
        announce(format!("starting the functions behind {url}"));
        let api_key = environment.api_key.clone();
        let variables = environment.variables().clone();
        let host = functions::start(&plan, gateway, environment).await?;
        Ok(Self {
            url,
            api_key,
            variables,
            host,
            database,
            simulator,
        })
    }
}

/// Builds every binary with cargo's own progress on the screen.
pub async fn build(workspace: &Workspace) -> Result<()> {
    let status = crate::processes::command(cargo())
        .args(["build", "--workspace", "--bins", "--profile", PROFILE])
        .current_dir(&workspace.root)
        .status()
        .await?;
    if !status.success() {
        return Err("the build failed: see above".into());
    }
    Ok(())
}

/// A port that was free a moment ago.
pub fn free_port() -> Result<u16> {
    Ok(testkit::free_port()?)
}

/// Fails, saying so, when somebody else listens there.
pub fn must_be_free(port: u16) -> Result<()> {
    TcpListener::bind(("127.0.0.1", port))
        .map(drop)
        .map_err(|error| {
            format!("cannot listen on 127.0.0.1:{port}: {error}; choose another with --port").into()
        })
}

/// Starts a child whose lines go to `output` under its name.
pub fn spawn(output: &Output, name: &str, command: &mut Command) -> Result<Child> {
    let mut child = command
        .stdout(output.stdio()?)
        .stderr(output.stdio()?)
        .spawn()
        .map_err(|error| format!("cannot start {name}: {error}"))?;
    if let Some(stdout) = child.stdout.take() {
        output.follow(name, stdout);
    }
    if let Some(stderr) = child.stderr.take() {
        output.follow(name, stderr);
    }
    Ok(child)
}
