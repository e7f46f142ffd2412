//! The `main` of every program that starts child processes.

use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use crate::Result;
use crate::processes::{self, Descendants};

/// If this program was started only to bind a child to its parent, becomes that child and never returns. Call it first.
pub fn become_bound_child() {
    processes::become_bound_child();
}

/// Runs a command until it ends or a signal stops it, and ends the child processes.
///
/// Everything happens on this thread, because children are bound to the thread that starts them. An error is printed. After a
/// signal, the exit code is the usual one for that signal, or success if the command `runs_until_stopped`.
#[must_use]
pub fn run(runs_until_stopped: bool, command: impl Future<Output = Result<()>>) -> ExitCode {
    let _children_end_with_us = Descendants::end_on_drop();
    match run_until_signal(runs_until_stopped, command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("\nerror: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run_until_signal(
    runs_until_stopped: bool,
    command: impl Future<Output = Result<()>>,
) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let code = runtime.block_on(async {
        tokio::select! {
            result = command => result.map(|()| ExitCode::SUCCESS),
            code = next_signal() => {
                eprintln!("\nstopping");
                if runs_until_stopped { Ok(ExitCode::SUCCESS) } else { code }
            }
        }
    });
    runtime.shutdown_background();
    code
}

/// Waits for a signal that ends programs, and returns its usual exit code.
async fn next_signal() -> Result<ExitCode> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::select! {
        _ = interrupt.recv() => Ok(ExitCode::from(130)),
        _ = terminate.recv() => Ok(ExitCode::from(143)),
        _ = hangup.recv() => Ok(ExitCode::from(129)),
    }
}
