//! `cargo xtask schemathesis`: the API is asked whatever its document allows, and whatever it does not.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::Result;
use crate::lambda::{Gateway, Host, Options};
use crate::output::Output;
use crate::prerequisites;
use crate::processes;
use crate::stack::database::{Database, Storage};
use crate::stack::environment::Environment;
use crate::stack::simulator;
use crate::steps::Steps;
use crate::venv::{self, Venv};
use crate::workspace::Workspace;

/// How many environments each function may have.
const ENVIRONMENTS: usize = 4;
/// No refusal but those that a request deserves by itself.
const VARIABLES: [(&str, &str); 2] = [
    ("MAX_CALLS_PER_DAY", "1000000"),
    ("MAX_CALLS_PER_USER_PER_DAY", "1000000"),
];

#[derive(Args)]
pub struct Arguments {
    /// How many requests each operation gets in each phase, at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    examples: u32,
    /// What the run follows from [default: by chance]
    #[arg(long)]
    seed: Option<u32>,
    /// More options for schemathesis, after `--`
    #[arg(last = true)]
    options: Vec<String>,
}

/// What is asked. It runs until this program ends.
struct Stack {
    url: String,
    api_key: String,
    /// What all processes print.
    log: PathBuf,
    _database: Database,
    _host: Host,
}

impl Stack {
    /// Behind the project's own gateway: it hands every request to a function as AWS does, whatever bytes its body has.
    async fn start(workspace: &Workspace, venv: &Venv, folder: &Path) -> Result<Self> {
        const DATABASE: &str = "outdial_schemathesis";
        let log = folder.join("functions.log");
        let output = Output::file(&log)?;
        let storage = folder.join(format!("database-{}", std::process::id()));
        let database = Database::start(venv, &output, Storage::Throwaway(storage)).await?;
        // A run on the caller's own server may have left something.
        database.client().database(DATABASE).drop().await?;
        database.make_indexes(DATABASE).await?;
        let gateway = Gateway::bind().await?;
        let url = gateway.url().to_owned();
        let mut environment = Environment::new(&database.uri, DATABASE, &url);
        let account = environment.invent_twilio_account();
        let twilio = simulator::start(workspace, &output, &account, simulator::AT_ONCE).await?;
        environment.set("TWILIO_API_BASE_URL", twilio);
        for (name, value) in VARIABLES {
            environment.set(name, value);
        }
        let api_key = environment.api_key.clone();
        let options = Options {
            workspace,
            output,
            environments: ENVIRONMENTS,
            kills: None,
        };
        Ok(Self {
            url,
            api_key,
            log,
            _database: database,
            _host: gateway.serve(environment, options),
        })
    }
}

pub async fn run(arguments: Arguments) -> Result<()> {
    let mut steps = Steps::new(3);
    prerequisites::check()?;
    let workspace = Workspace::find()?;
    let folder = workspace.target.join("schemathesis");
    std::fs::create_dir_all(&folder)?;
    steps.next("preparing the Python environments");
    let venv = Venv::ensure(&workspace, venv::STACK).await?;
    let tool = Venv::ensure(&workspace, venv::SCHEMATHESIS).await?;
    steps.next("starting the database, Twilio and the functions");
    let stack = Stack::start(&workspace, &venv, &folder).await?;
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u32(..));
    steps.next(format!("asking, by seed {seed}"));
    let status = processes::command(tool.program("schemathesis"))
        .arg("--config-file")
        .arg(workspace.root.join("tests/schemathesis/schemathesis.toml"))
        .args(["run", &format!("{}/openapi.json", stack.url)])
        .args(["--checks", "all", "--seed", &seed.to_string()])
        .args(["--max-examples", &arguments.examples.to_string()])
        .args(&arguments.options)
        .env("OUTDIAL_API_KEY", &stack.api_key)
        .env("NO_PROXY", "127.0.0.1")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(&folder)
        .status()
        .await?;
    if status.success() {
        return Ok(());
    }
    Err(format!(
        "the API and its document disagree: see above, and {} for what the functions have logged",
        stack.log.display()
    )
    .into())
}
