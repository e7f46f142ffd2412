//! `cargo xtask dev`: the stack, left running, with each function rebuilt when its code changes.

mod rebuild;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde_json::json;

use crate::Result;
use crate::lambda::Host;
use crate::output::Output;
use crate::prerequisites;
use crate::stack::database::Storage;
use crate::stack::environment::Twilio;
use crate::stack::secrets::write_for_owner;
use crate::stack::{self, Plan, Stack};
use crate::steps::Steps;
use crate::venv::{self, Venv};
use crate::workspace::Workspace;
use rebuild::Changes;

const DATABASE: &str = "outdial_dev";

/// As in the template.
const RECONCILED_EVERY: Duration = Duration::from_mins(5);

#[derive(Args)]
#[command(after_help = "\
The database, the key, and the simulated calls with their recordings are kept in target/dev for the next start on the same port. A call
that is under way at the end is broken off, and the next start tells the API of it.

Examples:\n  cargo xtask dev\n  cargo xtask dev --port 9100 --speed 5")]
pub struct Arguments {
    /// Where the API listens on 127.0.0.1
    #[arg(long, default_value_t = 9000)]
    port: u16,
    /// How many times as fast as life simulated calls run
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    speed: u32,
}

pub async fn run(arguments: Arguments) -> Result<()> {
    let mut steps = Steps::new(7);
    steps.next("checking what this machine has");
    prerequisites::check()?;
    stack::must_be_free(arguments.port)?;
    let workspace = Workspace::find()?;
    steps.next("preparing the Python environment (the database)");
    let venv = Venv::ensure(&workspace, venv::STACK).await?;
    // From here on, so that nothing is missed that changes while this starts.
    let mut changes = Changes::watch(&workspace)?;
    steps.next("building the functions and the simulator");
    stack::build(&workspace).await?;
    let output = Output::terminal();
    let plan = Plan {
        workspace: &workspace,
        venv: &venv,
        output: output.clone(),
        port: arguments.port,
        public_url: None,
        twilio: Twilio::Simulated {
            speed: arguments.speed,
        },
        database_name: DATABASE,
    };
    let storage_folder = workspace.target.join(format!("dev/{}", arguments.port));
    let storage = Storage::Kept(storage_folder.clone());
    let stack = Stack::start(plan, storage, |what| steps.next(what)).await?;
    let _variables = VariablesFile::write(&workspace, arguments.port, &stack)?;
    greet(&stack, &storage_folder);
    let rebuilt = async {
        loop {
            changes.next().await;
            rebuild::functions(&workspace, &output, &stack.host).await?;
        }
    };
    tokio::select! {
        failed = rebuilt => failed,
        () = reconcile(&stack.host) => Ok(()),
    }
}

/// Settles what no webhook has told of, and so also what an earlier run has left.
async fn reconcile(host: &Host) {
    loop {
        // What goes wrong is in the function's log.
        let _ = host.invoke("reconcile", &json!({})).await;
        tokio::time::sleep(RECONCILED_EVERY).await;
    }
}

/// Where the stack's variables are while it runs, for other verbs with `--local`.
pub fn variables_file(workspace: &Workspace, port: u16) -> PathBuf {
    workspace.target.join(format!("dev/{port}.json"))
}

/// That file; it goes with the stack.
struct VariablesFile(PathBuf);

impl VariablesFile {
    fn write(workspace: &Workspace, port: u16, stack: &Stack) -> Result<Self> {
        let path = variables_file(workspace, port);
        write_for_owner(&path, &stack.variables)?;
        Ok(Self(path))
    }
}

impl Drop for VariablesFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn greet(stack: &Stack, storage: &Path) {
    let Stack { url, api_key, .. } = stack;
    // A caller's own URI may hold a password.
    let database = if stack.database.is_ours() {
        format!(
            "MONGO_URI='{}' MONGO_DB={DATABASE}\n            kept in {}",
            stack.database.uri,
            storage.display()
        )
    } else {
        format!("{DATABASE}, in the one of MONGO_URI")
    };
    let simulator = stack.simulator.as_deref().unwrap_or_default();
    println!(
        r#"
  API       {url}
  docs      {url}/docs
  console   {url}/console
  key       {api_key}
  database  {database}
  Twilio    simulated; its calls are at {simulator}/_sim/calls

  curl -s {url}/users -H 'Authorization: Bearer {api_key}' --json '{{"name": "Ada Lovelace", "email": "ada@example.com", "phone_number": "+14155552671"}}'
  curl -s {url}/calls/outbound -H 'Authorization: Bearer {api_key}' --json '{{"user_id": "USER_ID", "to_number": "+14155552671", "script": "Hello!", "recording_enabled": true}}'
  curl -s {url}/calls/CALL_ID -H 'Authorization: Bearer {api_key}'

  Ctrl-C ends everything.
"#
    );
}
