//! `cargo xtask client`: generates a Python client from the API document, and places a recorded call with it.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;
use stack::build::http_stack;
use stack::database::Storage;
use stack::environment::Twilio;
use stack::output::Output;
use stack::prerequisites;
use stack::processes;
use stack::simulator;
use stack::steps::Steps;
use stack::venv::{self, Venv};
use stack::workspace::Workspace;
use stack::{Plan, Stack, prepare};

use crate::Result;

/// The generated package, which `tests/client/call.py` imports.
const PACKAGE: &str = "outdial_client";

#[derive(Args)]
#[command(
    after_help = "Examples:\n  cargo xtask client\n  cargo xtask client --generate-into /tmp/clients"
)]
pub struct Arguments {
    /// Only generate the package `outdial_client` in this folder. Replaces an earlier one
    #[arg(long, value_name = "FOLDER")]
    generate_into: Option<PathBuf>,
}

pub async fn run(arguments: Arguments) -> Result<()> {
    prerequisites::check()?;
    prerequisites::check_python("the client generator", 11)?;
    let workspace = Workspace::find()?;
    let tool = Venv::ensure(&workspace, venv::CLIENT).await?;
    if let Some(folder) = arguments.generate_into {
        return generate(&workspace, &tool, &folder).await;
    }
    let folder = workspace.target.join("client");
    let mut steps = Steps::new(7);
    steps.next("generating the client");
    generate(&workspace, &tool, &folder).await?;
    steps.next("building the functions and the simulator, installing the database");
    let venv = prepare(&workspace, http_stack()).await?;
    let output = Output::file(&folder.join("log.txt"))?;
    let plan = Plan {
        workspace: &workspace,
        venv: &venv,
        aws_venv: None,
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
    steps.next("placing a recorded call with the client");
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
    Err(format!("the generated client can't place a call: see above{tail}").into())
}

/// Generates the client. A warning fails, because the client would lack something.
async fn generate(workspace: &Workspace, tool: &Venv, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let document = folder.join("openapi.json");
    write_document(
        &workspace.root.join("functions/health/openapi.json"),
        &document,
    )?;
    let status = processes::command(tool.program("openapi-python-client"))
        .args([
            "generate",
            "--meta",
            "none",
            "--overwrite",
            "--fail-on-warning",
            "--path",
        ])
        .arg(&document)
        .arg("--config")
        .arg(workspace.root.join("tests/client/config.yaml"))
        .arg("--output-path")
        .arg(folder.join(PACKAGE))
        .status()
        .await?;
    if !status.success() {
        return Err("openapi-python-client rejects openapi.json: see above".into());
    }
    Ok(())
}

/// Writes the document without bodies of type `text/csv`, which the generator does not know.
fn write_document(from: &Path, to: &Path) -> Result<()> {
    let mut document: Value = serde_json::from_slice(&std::fs::read(from)?)?;
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    for operation in paths.filter_map(|(_, path)| path.as_object_mut()).flatten() {
        let content = operation.1.pointer_mut("/requestBody/content");
        if let Some(content) = content.and_then(Value::as_object_mut) {
            content.remove("text/csv");
        }
    }
    std::fs::write(to, serde_json::to_vec(&document)?)?;
    Ok(())
}
