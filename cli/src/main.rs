//! The `outdial` command, with which operators check and control a deployment.

// These macros panic when standard output or standard error is closed: `output` has the functions to use.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod aws;
mod batch;
mod dialing;
mod doctor;
mod erase;
mod error;
mod export;
mod http;
mod import;
mod indexes;
mod key;
mod output;
mod progress;
mod prompt;
mod redrive;
mod sqs;
mod target;
mod variables;

use std::convert::Infallible;
use std::io;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::timeout;

use error::{Error, Result, StdoutClosed, UsageError};
use output::{Format, message};

/// Operates outdial: checks a deployment, calls lists of people, stops dialling, imports, exports and erases data.
#[derive(Parser)]
#[command(
    name = "outdial",
    version,
    after_help = "\
Results go to standard output, notes and errors to standard error. With --output json, standard
output is empty if a command fails before it has a result.

Requests to Twilio and to the API go through the proxies in https_proxy, http_proxy and all_proxy,
except for the hosts in no_proxy.

Exit codes:
  0              done
  1              failed, or a check failed; standard error says why
  2              usage error: an argument is missing, unknown or malformed
  129, 130, 143  ended by SIGHUP, SIGINT (Ctrl-C) or SIGTERM
  141            the reader of an export or of results closed standard output before the end"
)]
struct Cli {
    /// Format of the result on standard output: text, or one JSON document
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        default_value_t,
        global = true,
        display_order = 900
    )]
    output: Format,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check a stack: its variables, and everything that it depends on
    Doctor(doctor::Arguments),
    /// Create users from a CSV file or from an export
    Import(import::Arguments),
    /// Write users, calls and recordings as JSON lines
    Export(export::Arguments),
    /// Erase a person's data, here and at Twilio
    Erase(erase::Arguments),
    /// Make an API key and print its entry in `API_KEYS`
    Key(key::Arguments),
    /// Call the recipients in a CSV file, and control batches of calls
    Batch(batch::Arguments),
    /// Stop all dialling, resume it, or show the kill switch and the dial queue
    Dialing(dialing::Arguments),
    /// Create the database's indexes, and replace those of earlier versions
    Indexes(indexes::Arguments),
    /// Move dead letters back into the webhook queue or the effects queue
    Redrive(redrive::Arguments),
    /// Print a completion script for a shell
    #[command(after_help = "\
Examples:
  outdial completions bash > ~/.local/share/bash-completion/completions/outdial
  outdial completions fish > ~/.config/fish/completions/outdial.fish
  outdial completions zsh > ~/.zfunc/_outdial    # a folder in $fpath")]
    Completions {
        #[arg(value_enum)]
        shell: Shell,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(code) => code,
        Err(error) => report(&error),
    }
}

/// Prints the error, and returns the exit code of its kind.
fn report(error: &Error) -> ExitCode {
    if error.is::<StdoutClosed>() {
        return ExitCode::from(141);
    }
    message(format_args!("error: {error}"));
    if error.is::<UsageError>() {
        return ExitCode::from(2);
    }
    ExitCode::FAILURE
}

/// The time that a command has to write the rest of a buffer after a signal.
const GRACE: Duration = Duration::from_millis(500);

/// Runs the command until it ends or a signal stops it.
///
/// The command has its own thread. That thread may block, on a prompt or a full pipe, and a signal must still stop it.
fn run(cli: Cli) -> Result<ExitCode> {
    let (result, ended) = oneshot::channel();
    let (stop, stopped) = oneshot::channel();
    runtime()?.block_on(async {
        // Before the command begins: a signal ends it with the same code at any time.
        let stop_signal = stop_signal()?;
        thread::spawn(move || result.send(run_until(stopped, cli)));
        tokio::pin!(ended);
        tokio::select! {
            result = &mut ended => {
                result.map_err(|_| "the command panicked")?.map(|()| ExitCode::SUCCESS)
            }
            code = stop_signal => {
                drop(stop);
                let _ = timeout(GRACE, ended).await;
                Ok(code)
            }
        }
    })
}

/// Runs the command. When it is stopped, drops it, so that its buffers are written.
fn run_until(stopped: oneshot::Receiver<Infallible>, cli: Cli) -> Result<()> {
    let runtime = runtime()?;
    let result = runtime.block_on(async {
        tokio::select! {
            result = perform(cli) => result,
            _ = stopped => Ok(()),
        }
    });
    runtime.shutdown_background();
    result
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

async fn perform(cli: Cli) -> Result<()> {
    let format = cli.output;
    match cli.command {
        Command::Doctor(arguments) => doctor::run(arguments, format).await,
        Command::Import(arguments) => import::run(arguments, format).await,
        Command::Export(arguments) => export::run(arguments, format).await,
        Command::Erase(arguments) => erase::run(arguments, format).await,
        Command::Key(arguments) => key::run(&arguments, format),
        Command::Batch(arguments) => Box::pin(batch::run(arguments, format)).await,
        Command::Dialing(arguments) => dialing::run(arguments, format).await,
        Command::Indexes(arguments) => indexes::run(arguments, format).await,
        Command::Redrive(arguments) => redrive::run(arguments, format).await,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "outdial", &mut script);
            output::write(&script)
        }
    }
}

/// Listens for the signals to stop. The future waits for the first one, and returns the exit code that shells expect: 128 and the
/// signal's number.
fn stop_signal() -> io::Result<impl Future<Output = ExitCode>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        let code = tokio::select! {
            _ = interrupt.recv() => 130,
            _ = terminate.recv() => 143,
            _ = hangup.recv() => 129,
        };
        // Behind the ^C that a terminal shows.
        message("\nstopped");
        ExitCode::from(code)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_of_all_commands_are_consistent() {
        Cli::command().debug_assert();
    }
}
