//! `cargo xtask host`: runs only the functions, on a local Lambda, with all their output in one file.

use std::path::PathBuf;

use clap::Args;
use lambda::Gateway;
use stack::environment::Environment;
use stack::functions::{self, Options};
use stack::output::Output;
use stack::workspace::Workspace;

use crate::Result;

#[derive(Args)]
pub struct Arguments {
    /// Port of the gateway on 127.0.0.1
    #[arg(long)]
    port: u16,
    /// File to append the output to
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
}

/// The most environments of one function.
const ENVIRONMENTS: usize = 3;

/// Runs until a signal stops it.
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
        beside: None,
    };
    let _host = functions::serve(gateway, Environment::of_caller(), options);
    std::future::pending().await
}
