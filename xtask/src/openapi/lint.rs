//! Checks of the API document by tools that others wrote: two linters, and a generator of TypeScript clients.

use std::fs;
use std::path::Path;

use tokio::process::Command;

use crate::Result;
use crate::npm;
use crate::processes;
use crate::steps::Steps;
use crate::workspace::Workspace;

/// Where the rules and the client's code are, from the workspace's root.
const FOLDER: &str = "tests/openapi";

/// Lints the document, and compiles a client of it: the example in `docs/API.md`, and what must and must not compile.
///
/// # Errors
///
/// When a tool finds a fault, a warning included, or cannot be set up.
pub async fn run(workspace: &Workspace, document: &Path) -> Result<()> {
    let mut steps = Steps::new(5);
    steps.next("preparing the npm packages");
    let packages = npm::OPENAPI.ensure(workspace).await?;
    let tool = |name: &str| {
        let mut command = processes::command(packages.join("node_modules/.bin").join(name));
        // It would report each run, and look for a newer version.
        command
            .env("REDOCLY_TELEMETRY", "off")
            .env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true");
        command
    };
    let ours = workspace.root.join(FOLDER);

    steps.next("linting with Spectral");
    let mut spectral = tool("spectral");
    spectral
        .args(["lint", "--fail-severity", "hint", "--ruleset"])
        .arg(ours.join("spectral.yaml"))
        .arg(document);
    run_tool("Spectral", &mut spectral).await?;

    steps.next("linting with Redocly");
    let mut redocly = tool("redocly");
    redocly
        .args(["lint", "--config"])
        .arg(ours.join("redocly.yaml"))
        .arg(document);
    run_tool("Redocly", &mut redocly).await?;

    steps.next("generating a TypeScript client");
    let client = packages.join("client");
    fs::create_dir_all(&client)?;
    let mut generator = tool("openapi-typescript");
    generator
        .arg(document)
        .arg("--output")
        .arg(client.join("outdial.ts"));
    run_tool("openapi-typescript", &mut generator).await?;

    steps.next("compiling it, with the call in docs/API.md");
    for file in ["client.ts", "tsconfig.json"] {
        fs::copy(ours.join(file), client.join(file))?;
    }
    fs::write(client.join("api.ts"), example(workspace)?)?;
    let mut compiler = tool("tsc");
    compiler.arg("--project").arg(&client);
    run_tool("TypeScript", &mut compiler).await
}

/// The TypeScript of `docs/API.md`.
fn example(workspace: &Workspace) -> Result<String> {
    let text = fs::read_to_string(workspace.root.join("docs/API.md"))?;
    let code = text.split_once("\n```ts\n");
    let code = code.and_then(|(_, rest)| rest.split_once("```\n"));
    let (code, _) = code.ok_or("docs/API.md has no example in TypeScript")?;
    Ok(code.to_owned())
}

async fn run_tool(name: &str, command: &mut Command) -> Result<()> {
    if command.status().await?.success() {
        return Ok(());
    }
    Err(format!("{name} finds faults in the API document: see above").into())
}
