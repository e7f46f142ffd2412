//! `cargo xtask schemathesis`: sends generated requests to the API, and compares the responses with the API document.

use std::path::{Path, PathBuf};

use clap::Args;
use lambda::{Gateway, Host};
use serde_json::json;
use stack::build::http_stack;
use stack::database::{Database, Storage};
use stack::environment::Environment;
use stack::functions::{self, Options};
use stack::output::Output;
use stack::prerequisites;
use stack::processes;
use stack::steps::Steps;
use stack::venv::{self, Venv};
use stack::workspace::Workspace;
use stack::{prepare, simulator};
use uuid::Uuid;

use crate::Result;
use crate::api::{Api, text};

/// The most environments of one function.
const ENVIRONMENTS: usize = 4;
/// High caps, so that only the request itself can cause a refusal.
const VARIABLES: [(&str, &str); 3] = [
    ("MAX_CALLS_PER_DAY", "1000000"),
    ("MAX_CALLS_PER_NUMBER_PER_DAY", "1000000"),
    ("MAX_CALLS_PER_USER_PER_DAY", "1000000"),
];

#[derive(Args)]
#[command(after_help = "Examples:\n\
    \x20 cargo xtask schemathesis --examples 25 --seed 1\n\
    \x20 cargo xtask schemathesis -- --include-path /users")]
pub struct Arguments {
    /// The most requests to each operation in each phase
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    examples: u32,
    /// Random seed [default: a random one]
    #[arg(long)]
    seed: Option<u32>,
    /// More options for schemathesis, after `--`
    #[arg(last = true)]
    options: Vec<String>,
}

/// Variables for `tests/schemathesis/hooks.py`.
type HookVariables = Vec<(&'static str, String)>;

/// The service under test. It runs until this program ends.
struct Stack {
    url: String,
    /// The log of all processes.
    log: PathBuf,
    variables: HookVariables,
    _database: Database,
    _host: Host,
}

impl Stack {
    async fn start(workspace: &Workspace, venv: &Venv, folder: &Path) -> Result<Self> {
        const DATABASE: &str = "outdial_schemathesis";
        let log = folder.join("functions.log");
        let output = Output::file(&log)?;
        let storage = folder.join(format!("database-{}", std::process::id()));
        let database = Database::start(venv, &output, Storage::Throwaway(storage)).await?;
        // The caller's own server may have data of an earlier run.
        database.client().database(DATABASE).drop().await?;
        database.make_indexes(DATABASE).await?;
        let gateway = Gateway::bind(0).await?;
        let url = gateway.url().to_owned();
        let mut environment = Environment::new(&database.uri, DATABASE, &url);
        let account = environment.invent_twilio_account();
        let twilio = simulator::start(workspace, &output, &account, simulator::AT_ONCE).await?;
        simulator::configure(&mut environment, &twilio);
        for (name, value) in VARIABLES {
            environment.set(name, value);
        }
        let signing_key = Uuid::new_v4().to_string();
        environment.set("MEDIA_SIGNING_KEY", &signing_key);
        let api_key = environment.api_key.clone();
        let options = Options {
            workspace,
            output,
            environments: ENVIRONMENTS,
            kills: None,
            beside: None,
        };
        let host = functions::serve(gateway, environment, options);
        let mut variables = place_call(&Api::new(&url, &api_key)?).await?;
        variables.extend([
            ("OUTDIAL_API_KEY", api_key),
            ("OUTDIAL_AUTH_TOKEN", account.auth_token),
            ("OUTDIAL_MEDIA_SIGNING_KEY", signing_key),
            ("OUTDIAL_URL", url.clone()),
        ]);
        Ok(Self {
            url,
            log,
            variables,
            _database: database,
            _host: host,
        })
    }
}

/// Creates a user with a recorded call, so that requests can find a document of each kind.
async fn place_call(api: &Api) -> Result<HookVariables> {
    let number = "+14155552671";
    let user =
        json!({ "name": "Ada Lovelace", "email": "ada@example.org", "phone_number": number });
    let user = api.post("/users", &user).await?;
    let user_id = text(&user, "id")?;
    let call = json!({
        "user_id": user_id,
        "to_number": number,
        "script": "Hello!",
        "recording_enabled": true,
    });
    let call = api.post("/calls/outbound", &call).await?;
    let call_id = text(&call, "call_id")?;
    let recording = api.finished_recording(call_id).await?;
    Ok(vec![
        ("OUTDIAL_USER_ID", user_id.to_owned()),
        ("OUTDIAL_CALL_ID", call_id.to_owned()),
        ("OUTDIAL_RECORDING_ID", text(&recording, "id")?.to_owned()),
        (
            "OUTDIAL_RECORDING_SID",
            text(&recording, "twilio_sid")?.to_owned(),
        ),
    ])
}

pub async fn run(arguments: Arguments) -> Result<()> {
    let mut steps = Steps::new(4);
    prerequisites::check()?;
    prerequisites::check_python("schemathesis", 11)?;
    let workspace = Workspace::find()?;
    let folder = workspace.target.join("schemathesis");
    std::fs::create_dir_all(&folder)?;
    steps.next("installing schemathesis");
    let tool = Venv::ensure(&workspace, venv::SCHEMATHESIS).await?;
    steps.next("building the functions and the simulator, installing the database");
    let venv = prepare(&workspace, http_stack()).await?;
    steps.next("starting the database, Twilio and the functions");
    let stack = Stack::start(&workspace, &venv, &folder).await?;
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u32(..));
    steps.next(format!("sending requests with the random seed {seed}"));
    let status = processes::command(tool.program("schemathesis"))
        .arg("--config-file")
        .arg(workspace.root.join("tests/schemathesis/schemathesis.toml"))
        .args(["run", &format!("{}/openapi.json", stack.url)])
        .args(["--checks", "all", "--seed", &seed.to_string()])
        .args(["--max-examples", &arguments.examples.to_string()])
        .args(&arguments.options)
        .envs(stack.variables)
        .env("NO_PROXY", "127.0.0.1")
        .env("PYTHONPATH", workspace.root.join("tests/schemathesis"))
        .env("SCHEMATHESIS_HOOKS", "hooks")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(&folder)
        .status()
        .await?;
    if status.success() {
        return Ok(());
    }
    Err(format!(
        "the API and its document disagree: see above, and the functions' log {}",
        stack.log.display()
    )
    .into())
}
