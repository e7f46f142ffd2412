//! `cargo xtask host`: the functions alone, on a Lambda of this machine, and all that they print in one file.

use std::path::PathBuf;

use clap::Args;

use crate::Result;
use crate::lambda::{Gateway, Options};
use crate::output::Output;
use crate::stack::environment::Environment;
use crate::workspace::Workspace;

#[derive(Args)]
pub struct Arguments {
    /// Where the gateway listens on 127.0.0.1
    #[arg(long)]
    port: u16,
    /// The file that their output is added to
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
}

/// How many environments each function may have.
const ENVIRONMENTS: usize = 3;

/// Runs until it is told to stop.
pub async fn run(arguments: Arguments) -> Result<()> {
    let workspace = Workspace::find()?;
    let output = Output::verbatim(&arguments.output)?;
    let gateway = Gateway::bind(arguments.port).await?;
    println!("listening on {}", gateway.url());
    let options = Options {
        workspace: &workspace,
        output,
        environments: ENVIRONMENTS,
        kills: None,
    };
    let _host = gateway.serve(Environment::of_caller(), options);
    std::future::pending().await
}
