//! `cargo xtask client`: what a generator makes of the API's document, and a recorded call by that alone.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::Result;
use crate::output::Output;
use crate::prerequisites;
use crate::processes;
use crate::stack::database::Storage;
use crate::stack::environment::Twilio;
use crate::stack::simulator;
use crate::stack::{self, Plan, Stack};
use crate::steps::Steps;
use crate::venv::{self, Venv};
use crate::workspace::Workspace;

/// As `tests/client/call.py` imports it.
const PACKAGE: &str = "outdial_client";

#[derive(Args)]
#[command(
    after_help = "Examples:\n  cargo xtask client\n  cargo xtask client --generate-into /tmp/clients"
)]
pub struct Arguments {
    /// Only generate, into this folder, where the package `outdial_client` of an earlier run is replaced
    #[arg(long, value_name = "FOLDER")]
    generate_into: Option<PathBuf>,
}

pub async fn run(arguments: Arguments) -> Result<()> {
    prerequisites::check()?;
    prerequisites::check_python("the generator of clients", 11)?;
    let workspace = Workspace::find()?;
    let tool = Venv::ensure(&workspace, venv::CLIENT).await?;
    if let Some(folder) = arguments.generate_into {
        return generate(&workspace, &tool, &folder).await;
    }
    let folder = workspace.target.join("client");
    let mut steps = Steps::new(8);
    steps.next("generating the client");
    generate(&workspace, &tool, &folder).await?;
    steps.next("preparing the Python environment (the database)");
    let venv = Venv::ensure(&workspace, venv::STACK).await?;
    steps.next("building the functions and the simulator");
    stack::build(&workspace).await?;
    let output = Output::file(&folder.join("log.txt"))?;
    let plan = Plan {
        workspace: &workspace,
        venv: &venv,
        output: output.clone(),
        port: 0,
        public_url: None,
        twilio: Twilio::Simulated {
            speed: simulator::AT_ONCE,
        },
        database_name: "outdial_client",
    };
    let storage = Storage::Throwaway(folder.join(format!("database-{}", std::process::id())));
    let stack = Stack::start(plan, storage, |what| steps.next(what)).await?;
    steps.next("placing a recorded call with it");
    let status = processes::command(tool.program("python"))
        .arg(workspace.root.join("tests/client/call.py"))
        .env("PYTHONPATH", &folder)
        .env("OUTDIAL_URL", &stack.url)
        .env("OUTDIAL_API_KEY", &stack.api_key)
        .env("NO_PROXY", "127.0.0.1")
        .status()
        .await?;
    if status.success() {
        return Ok(());
    }
    let tail = output.last_lines(15);
    Err(format!("the generated client could not place a call: see above{tail}").into())
}

/// A warning is a failure: what the generator leaves out is missed by whoever uses it.
async fn generate(workspace: &Workspace, tool: &Venv, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let status = processes::command(tool.program("openapi-python-client"))
        .args([
            "generate",
            "--meta",
            "none",
            "--overwrite",
            "--fail-on-warning",
            "--path",
        ])
        .arg(workspace.root.join("functions/health/openapi.json"))
        .arg("--config")
        .arg(workspace.root.join("tests/client/config.yaml"))
        .arg("--output-path")
        .arg(folder.join(PACKAGE))
        .status()
        .await?;
    if !status.success() {
        return Err(
            "openapi-python-client takes something amiss in openapi.json: see above".into(),
        );
    }
    Ok(())
}
