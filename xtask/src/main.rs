//! The commands of this project: `cargo xtask demo`, `dev`, `test`, and smaller ones.

mod api;
mod browser;
mod client;
mod console;
mod demo;
mod deny;
mod dev;
#[cfg(test)]
mod documents;
mod fuzz;
mod host;
mod invoke;
mod moved;
mod programs;
mod sbom;
mod schemathesis;
mod test;
mod wav;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use stack::{Result, program};

/// Runs and tests outdial on this machine.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Place a recorded call, end to end, on this machine
    Demo(demo::Arguments),
    /// Keep the whole stack running, and rebuild functions when their code changes
    Dev(dev::Arguments),
    /// Run every check that must pass
    Test(test::Arguments),
    /// Place many calls under every fault, then compare Twilio's records with the database
    #[command(
        after_help = "Examples:\n  cargo xtask chaos --calls 200 --seed 7\n  cargo xtask chaos --help"
    )]
    Chaos(programs::Arguments),
    /// Measure the release binaries against a minimal function and the bare database driver
    #[command(
        after_help = "Examples:\n  cargo xtask bench --only cold,warm --starts 10\n  cargo xtask bench --help"
    )]
    Bench(programs::Arguments),
    /// Send generated requests to the API, and compare the responses with the API document
    Schemathesis(schemathesis::Arguments),
    /// Generate a Python client from the API document, and place a recorded call with it
    Client(client::Arguments),
    /// Test the console in a browser, on a whole local service
    Console(console::Arguments),
    /// Run the fuzz targets, one after another
    Fuzz(fuzz::Arguments),
    /// Invoke one function with one event, under AWS's runtime interface emulator
    Invoke(invoke::Arguments),
    /// Check the crates: vulnerabilities, licences, sources, one TLS stack, and no unused one
    Deny(deny::Arguments),
    /// Write a software bill of materials of the deployed functions
    Sbom(sbom::Arguments),
    /// Write the API document that the health function serves, or check it
    #[command(
        after_help = "Examples:\n  cargo xtask openapi --check\n  cargo xtask openapi --help"
    )]
    Openapi(programs::Arguments),
    /// Run only the functions, with the caller's variables, to test their output
    #[command(hide = true)]
    Host(host::Arguments),
    /// A command of `outdial`
    #[command(external_subcommand)]
    Moved(Vec<OsString>),
}

fn main() -> ExitCode {
    program::become_bound_child();
    let command = Cli::parse().command;
    if let Command::Moved(words) = &command
        && !moved::is_moved(words)
    {
        let word = words.first().cloned().unwrap_or_default();
        let message = format!("unrecognized subcommand '{}'", word.display());
        Cli::command()
            .error(ErrorKind::InvalidSubcommand, message)
            .exit();
    }
    let runs_until_stopped = matches!(command, Command::Dev(_) | Command::Host(_));
    program::run(runs_until_stopped, perform(command))
}

async fn perform(command: Command) -> Result<()> {
    match command {
        Command::Demo(arguments) => demo::run(arguments).await,
        Command::Dev(arguments) => dev::run(arguments).await,
        Command::Test(arguments) => Box::pin(test::run(arguments)).await,
        Command::Chaos(arguments) => programs::run("chaos", &arguments.arguments).await,
        Command::Bench(arguments) => programs::run("bench", &arguments.arguments).await,
        Command::Schemathesis(arguments) => schemathesis::run(arguments).await,
        Command::Client(arguments) => client::run(arguments).await,
        Command::Console(arguments) => console::run(arguments).await,
        Command::Fuzz(arguments) => fuzz::run(arguments).await,
        Command::Invoke(arguments) => invoke::run(arguments).await,
        Command::Deny(arguments) => deny::run(arguments).await,
        Command::Sbom(arguments) => sbom::run(&arguments),
        Command::Openapi(arguments) => programs::run("openapi", &arguments.arguments).await,
        Command::Host(arguments) => host::run(arguments).await,
        Command::Moved(words) => moved::run(&words).await,
    }
}
