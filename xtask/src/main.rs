//! What a person does with this project: `cargo xtask demo`, `dev`, `test`, and their smaller siblings.

mod api;
mod aws;
mod bench;
mod browser;
mod chaos;
mod client;
mod console;
mod demo;
mod deny;
mod dev;
mod dialing;
mod doctor;
#[cfg(test)]
mod documents;
mod erase;
mod export;
mod fuzz;
mod host;
mod http;
mod import;
mod indexes;
mod input;
mod invoke;
mod key;
mod lambda;
mod npm;
mod openapi;
mod output;
mod prerequisites;
mod processes;
mod progress;
mod redrive;
mod sbom;
mod schemathesis;
mod stack;
mod steps;
mod target;
mod test;
mod variables;
mod venv;
mod wav;
mod workspace;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use processes::Descendants;

/// What can go wrong is told to a person, in words.
type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

/// Runs, tests and looks after outdial on this machine.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Places a recorded call, end to end, with everything on this machine
    Demo(demo::Arguments),
    /// Keeps the whole stack running, and rebuilds a function when its code changes
    Dev(dev::Arguments),
    /// Runs everything that must pass
    Test(test::Arguments),
    /// Places many calls under every fault, and compares what Twilio knows with what the database says
    Chaos(chaos::Arguments),
    /// Measures the release binaries against the least that a function and the database's driver need
    Bench(bench::Arguments),
    /// Asks the API whatever its document allows, and whatever it does not, and compares the answers with the document
    Schemathesis(schemathesis::Arguments),
    /// Generates a Python client from the API's document, and places a recorded call with it
    Client(client::Arguments),
    /// Tests the console in a browser, on the whole service of this machine
    Console(console::Arguments),
    /// Runs the fuzz targets, one after another
    Fuzz(fuzz::Arguments),
    /// Runs one function on one event, under AWS's own runtime interface emulator
    Invoke(invoke::Arguments),
    /// Makes the database's indexes, and replaces those of earlier versions
    Indexes(indexes::Arguments),
    /// Stops all dialling at once, starts it again, or shows how it stands
    Dialing(dialing::Arguments),
    /// Makes an API key, and prints the entry that lets it in
    Key(key::Arguments),
    /// Checks a stack: what the functions are configured with, and what they depend on
    Doctor(doctor::Arguments),
    /// Creates users from a CSV file, or from an export
    Import(import::Arguments),
    /// Writes users, calls and recordings as JSON lines
    Export(export::Arguments),
    /// Erases a person: here, and what Twilio has of their calls
    Erase(erase::Arguments),
    /// Moves dead letters back into the queue of webhooks
    Redrive(redrive::Arguments),
    /// Checks the crates: advisories, licences, sources, one TLS stack, and none that is not used
    Deny(deny::Arguments),
    /// Writes down what the deployed functions are made of: a software bill of materials
    Sbom(sbom::Arguments),
    /// Writes the API document that the health function serves, or checks it
    Openapi(openapi::Arguments),
    /// Runs the functions alone, with the caller's variables, for the tests of what they print
    #[command(hide = true)]
    Host(host::Arguments),
    #[command(hide = true)]
    BoundToParent {
        program: OsString,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    let command = match Cli::parse().command {
        Command::BoundToParent { program, arguments } => {
            return processes::bound_to_parent(&program, &arguments);
        }
        command => command,
    };
    let _children_end_with_us = Descendants::end_on_drop();
    match run(command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("\nerror: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Children are bound to the thread that starts them, so everything happens on this one.
fn run(command: Command) -> Result<ExitCode> {
    let meant_to_be_stopped = matches!(command, Command::Dev(_) | Command::Host(_));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let code = runtime.block_on(async {
        tokio::select! {
            result = perform(command) => result.map(|()| ExitCode::SUCCESS),
            code = told_to_stop() => {
                eprintln!("\nstopping");
                if meant_to_be_stopped { Ok(ExitCode::SUCCESS) } else { code }
            }
        }
    });
    runtime.shutdown_background();
    code
}

async fn perform(command: Command) -> Result<()> {
    match command {
        Command::Demo(arguments) => demo::run(arguments).await,
        Command::Dev(arguments) => dev::run(arguments).await,
        Command::Test(arguments) => Box::pin(test::run(arguments)).await,
        Command::Chaos(arguments) => chaos::run(arguments).await,
        Command::Bench(arguments) => bench::run(arguments).await,
        Command::Schemathesis(arguments) => schemathesis::run(arguments).await,
        Command::Client(arguments) => client::run(arguments).await,
        Command::Console(arguments) => console::run(arguments).await,
        Command::Fuzz(arguments) => fuzz::run(arguments).await,
        Command::Invoke(arguments) => invoke::run(arguments).await,
        Command::Indexes(arguments) => indexes::run(arguments).await,
        Command::Dialing(arguments) => dialing::run(arguments).await,
        Command::Key(arguments) => key::run(&arguments),
        Command::Doctor(arguments) => doctor::run(arguments).await,
        Command::Import(arguments) => import::run(arguments).await,
        Command::Export(arguments) => export::run(arguments).await,
        Command::Erase(arguments) => erase::run(arguments).await,
        Command::Redrive(arguments) => redrive::run(arguments).await,
        Command::Deny(arguments) => deny::run(arguments).await,
        Command::Sbom(arguments) => sbom::run(&arguments),
        Command::Openapi(arguments) => openapi::run(&arguments).await,
        Command::Host(arguments) => host::run(arguments).await,
        Command::BoundToParent { .. } => Ok(()),
    }
}

/// Waits for the first signal to end, and names the exit code that a shell expects then.
async fn told_to_stop() -> Result<ExitCode> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::select! {
        _ = interrupt.recv() => Ok(ExitCode::from(130)),
        _ = terminate.recv() => Ok(ExitCode::from(143)),
        _ = hangup.recv() => Ok(ExitCode::from(129)),
    }
}
