//! Verbs that are programs of their own, such as those in `tools/`. Each program parses the verb's arguments.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use clap::Args;
use stack::Result;
use stack::build::build;
use stack::workspace::Workspace;

/// Arguments of another program.
#[derive(Args)]
#[command(disable_help_flag = true)]
pub struct Arguments {
    /// Arguments of the program; `--help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub arguments: Vec<OsString>,
}

/// Builds a binary of the workspace, and replaces this process by it. Returns only on failure.
///
/// # Errors
///
/// When the binary can't be built or started.
pub async fn run(binary: &str, arguments: &[OsString]) -> Result<()> {
    let workspace = Workspace::find()?;
    build(&workspace, [binary].into_iter()).await?;
    let path = workspace.binary(binary);
    let error = Command::new(&path).args(arguments).exec();
    Err(format!("cannot run {}: {error}", path.display()).into())
}
