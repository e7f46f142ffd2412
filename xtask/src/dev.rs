//! `cargo xtask dev`: keeps the stack running, and rebuilds the functions when their code changes.

mod rebuild;

use std::path::{Path, PathBuf};

use clap::Args;
use outdial::config::dev_variables_file;
use stack::build::whole_stack;
use stack::database::Storage;
use stack::environment::Twilio;
use stack::output::Output;
use stack::prerequisites;
use stack::secrets::write_for_owner;
use stack::steps::Steps;
use stack::workspace::Workspace;
use stack::{Plan, Stack, prepare_with_queues};

use crate::Result;
use rebuild::Changes;

const DATABASE: &str = "outdial_dev";

/// Prints the time in one minute, in RFC 3339.
const IN_ONE_MINUTE: &str = if cfg!(target_os = "macos") {
    "date -u -v+1M +%FT%TZ"
} else {
    "date -u -d '+1 minute' +%FT%TZ"
};

#[derive(Args)]
#[command(after_help = "\
target/dev keeps the database, the API key, the simulated calls and their recordings for the next start on the same port. Stopping ends the
calls in progress; the next start reports their end to the API. Messages of the queues are not kept; schedules find their work again.

Examples:\n  cargo xtask dev\n  cargo xtask dev --port 9100 --speed 5")]
pub struct Arguments {
    /// Port of the API on 127.0.0.1
    #[arg(long, default_value_t = 9000)]
    port: u16,
    /// Speed factor of simulated calls
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    speed: u32,
}

pub async fn run(arguments: Arguments) -> Result<()> {
    let mut steps = Steps::new(7);
    steps.next("checking the prerequisites");
    prerequisites::check()?;
    stack::must_be_free(arguments.port)?;
    let workspace = Workspace::find()?;
    // Before the build, so that a change during it is not missed.
    let mut changes = Changes::watch(&workspace)?;
    steps.next("building the functions and the simulator, installing the database and the queues");
    let (venv, aws_venv) = prepare_with_queues(&workspace, whole_stack()).await?;
    let output = Output::terminal();
    let plan = Plan {
        workspace: &workspace,
        venv: &venv,
        aws_venv: Some(&aws_venv),
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
    let _variables = VariablesFile::write(arguments.port, &stack)?;
    greet(&stack, &storage_folder);
    let rebuilt = async {
        loop {
            changes.next().await;
            rebuild::functions(&workspace, &output, &stack.host).await?;
        }
    };
    // The first run of `reconcile` finds calls of an earlier run of this command.
    tokio::select! {
        failed = rebuilt => failed,
        never = stack.run_events() => match never {},
    }
}

/// The file with the stack's variables and its API key while it runs, for `outdial --local`. It is deleted with the stack.
struct VariablesFile(PathBuf);

impl VariablesFile {
    fn write(port: u16, stack: &Stack) -> Result<Self> {
        let path = dev_variables_file(port)?;
        let mut variables = stack.variables.clone();
        variables.insert("OUTDIAL_API_KEY", stack.api_key.clone());
        write_for_owner(&path, &variables)?;
        Ok(Self(path))
    }
}

impl Drop for VariablesFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Prints the URLs, the API key and examples.
fn greet(stack: &Stack, storage: &Path) {
    let Stack { url, api_key, .. } = stack;
    // The caller's own URI may contain a password.
    let database = if stack.database.is_ours() {
        format!(
            "MONGO_URI='{}' MONGO_DB={DATABASE}\n            stored in {}",
            stack.database.uri,
            storage.display()
        )
    } else {
        format!("{DATABASE}, on the server in MONGO_URI")
    };
    let simulator = stack.simulator.as_deref().unwrap_or_default();
    let queues = stack.queues.as_ref();
    let queues = queues.map_or("none", |queues| &queues.endpoint);
    println!(
        r#"
  API       {url}
  docs      {url}/docs
  console   {url}/console
  key       {api_key}
  database  {database}
  Twilio    simulated; its calls: {simulator}/_sim/calls
  queues    {queues}, a local SQS; messages end with this command

  curl -s {url}/users -H 'Authorization: Bearer {api_key}' --json '{{"name": "Ada Lovelace", "email": "ada@example.com", "phone_number": "+14155552671"}}'
  curl -s {url}/calls/outbound -H 'Authorization: Bearer {api_key}' --json '{{"user_id": "USER_ID", "to_number": "+14155552671", "script": "Hello!", "recording_enabled": true}}'
  curl -s {url}/calls/outbound -H 'Authorization: Bearer {api_key}' --json '{{"user_id": "USER_ID", "to_number": "+14155552671", "script": "Hello in a minute!", "scheduled_at": "'"$({IN_ONE_MINUTE})"'"}}'
  curl -s {url}/calls/CALL_ID -H 'Authorization: Bearer {api_key}'

  curl -s {simulator}/_sim/inbound --json '{{"from": "+14155552671", "presses": ["WW9"]}}'   # somebody calls back, and wants no further calls

  Ctrl-C stops everything.
"#
    );
}
