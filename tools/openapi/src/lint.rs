//! Checks the API document with two linters and with a generated TypeScript client.

use std::fs;
use std::path::Path;

use stack::Result;
use stack::npm;
use stack::processes;
use stack::steps::Steps;
use stack::workspace::Workspace;
use tokio::process::Command;

/// The folder of the linters' rules and the client's code, relative to the workspace's root.
const FOLDER: &str = "tests/openapi";

/// Lints the document, generates a TypeScript client from it, and compiles the client with the example in `docs/API.md`
/// and with code that must or must not compile.
///
/// # Errors
///
/// If a tool finds an error or a warning, or can't be installed.
pub async fn run(workspace: &Workspace, document: &Path) -> Result<()> {
    let mut steps = Steps::new(5);
    steps.next("preparing the npm packages");
    let packages = npm::OPENAPI.ensure(workspace).await?;
    let tool = |name: &str| {
        let mut command = processes::command(packages.join("node_modules/.bin").join(name));
        // Redocly would otherwise send telemetry and look for a newer version.
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

    steps.next("compiling the client with the example in docs/API.md");
    for file in ["client.ts", "tsconfig.json"] {
        fs::copy(ours.join(file), client.join(file))?;
    }
    fs::write(client.join("api.ts"), example(workspace)?)?;
    let mut compiler = tool("tsc");
    compiler.arg("--project").arg(&client);
    run_tool("TypeScript", &mut compiler).await
}

/// Returns the TypeScript example of `docs/API.md`.
fn example(workspace: &Workspace) -> Result<String> {
    let text = fs::read_to_string(workspace.root.join("docs/API.md"))?;
    let code = text.split_once("\n```ts\n");
    let code = code.and_then(|(_, rest)| rest.split_once("```\n"));
    let (code, _) = code.ok_or("docs/API.md has no TypeScript example")?;
    Ok(code.to_owned())
}

async fn run_tool(name: &str, command: &mut Command) -> Result<()> {
    if command.status().await?.success() {
        return Ok(());
    }
    Err(format!("{name} reports problems in the API document: see above").into())
}
