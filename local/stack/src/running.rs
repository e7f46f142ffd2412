//! A running stack: every part started in order.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::TcpListener;

use lambda::{Gateway, Host};
use tokio::sync::watch;

use crate::build::build;
use crate::database::{self, Database, Storage};
use crate::environment::{Environment, Twilio};
use crate::output::Output;
use crate::queues::{self, Queues};
use crate::secrets::Secrets;
use crate::venv::{self, Venv};
use crate::workspace::Workspace;
use crate::{Result, functions, simulator};

/// What to start.
pub struct Plan<'a> {
    /// The checkout and its folders.
    pub workspace: &'a Workspace,
    /// The Python environment with the embedded database.
    pub venv: &'a Venv,
    /// The Python environment with the local SQS. Without it, there are no queues.
    pub aws_venv: Option<&'a Venv>,
    /// Gets the processes' output.
    pub output: Output,
    /// The API's port on 127.0.0.1; 0 picks a free one.
    pub port: u16,
    /// The API's public origin, if it isn't the local one.
    pub public_url: Option<String>,
    /// Which Twilio dials.
    pub twilio: Twilio,
    /// The name of the database.
    pub database_name: &'static str,
}

/// A running stack. It runs until this program ends.
pub struct Stack {
    /// The API's local origin.
    pub url: String,
    /// An API key.
    pub api_key: String,
    /// The functions' variables, without those of the caller.
    pub variables: BTreeMap<&'static str, String>,
    /// The functions.
    pub host: Host,
    /// The database.
    pub database: Database,
    /// The simulator's origin, if it dials.
    pub simulator: Option<String>,
    /// The queues, if the plan has any.
    pub queues: Option<Queues>,
    output: Output,
}

impl Stack {
    /// Starts each part when the one before it is ready. A database that is started here keeps its data in `storage`.
    /// `announce` gets the name of each step.
    ///
    /// # Errors
    ///
    /// When a part does not start.
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
            "creating the indexes of the database {}",
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
                simulator::configure(&mut environment, &simulator);
                simulator::configure_callbacks(&mut environment);
                simulator::report_transcripts(&simulator, &credentials, public_url).await?;
                simulator::answer_callbacks(&simulator, &credentials, public_url).await?;
                Some(simulator)
            }
            Twilio::Real => {
                announce("using the real Twilio, with the account in the environment".to_owned());
                None
            }
        };
        let queues = match plan.aws_venv {
            Some(venv) => {
                announce("starting the queues: a local SQS".to_owned());
                let queues = Queues::start(venv, &plan.output, queues::Options::default()).await?;
                queues.configure(&mut environment);
                Some(queues)
            }
            None => None,
        };
        announce(format!("starting the functions behind {url}"));
        let api_key = environment.api_key.clone();
        let variables = environment.variables().clone();
        let host = functions::start(plan.workspace, &plan.output, gateway, environment).await?;
        Ok(Self {
            url,
            api_key,
            variables,
            host,
            database,
            simulator,
            queues,
            output: plan.output,
        })
    }

    /// Invokes functions without a request, as AWS does: on schedule, and with the messages of queues. Never returns.
    pub async fn run_events(&self) -> Infallible {
        run_events(self.host.clone(), self.queues.clone(), self.output.clone()).await
    }
}

/// Invokes functions without a request, as AWS does: on schedule, and with the messages of queues. Never returns.
pub async fn run_events(host: Host, queues: Option<Queues>, output: Output) -> Infallible {
    let schedules = host.run_schedules(queues::report_to(output.clone()));
    let Some(queues) = queues else {
        return schedules.await;
    };
    let (_never, stop) = watch::channel(false);
    let pumped = queues.pump(host.clone(), stop, output);
    let (never, _) = tokio::join!(schedules, pumped);
    never
}

/// Builds binaries, and installs the embedded database meanwhile.
///
/// # Errors
///
/// When cargo or pip fails.
pub async fn prepare(workspace: &Workspace, binaries: impl Iterator<Item = &str>) -> Result<Venv> {
    let database = Venv::ensure(workspace, venv::DATABASE);
    let (venv, ()) = tokio::try_join!(database, build(workspace, binaries))?;
    Ok(venv)
}

/// Like [`prepare`], and installs the local SQS, which is second in the result.
///
/// # Errors
///
/// As [`prepare`].
pub async fn prepare_with_queues(
    workspace: &Workspace,
    binaries: impl Iterator<Item = &str>,
) -> Result<(Venv, Venv)> {
    let aws = Venv::ensure(workspace, venv::AWS);
    tokio::try_join!(prepare(workspace, binaries), aws)
}

/// Checks that a port of 127.0.0.1 is free.
///
/// # Errors
///
/// When another program listens there.
pub fn must_be_free(port: u16) -> Result<()> {
    TcpListener::bind(("127.0.0.1", port))
        .map(drop)
        .map_err(|error| {
            format!("cannot listen on 127.0.0.1:{port}: {error}; choose another with --port").into()
        })
}
