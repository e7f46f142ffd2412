//! `cargo xtask indexes`.

use clap::Args;
use secrecy::ExposeSecret;

use crate::Result;
use crate::output::Output;
use crate::stack::database::Database;
use crate::target::{self, Target};

#[derive(Args)]
#[command(after_help = "\
It says first which database it works on, and refuses one that has neither indexes nor documents of outdial's: --create is for a new one.

Examples:
  MONGO_URI='mongodb+srv://…' cargo xtask indexes --create
  MONGO_URI='mongodb+srv://…' cargo xtask indexes
  cargo xtask indexes --local
  cargo xtask indexes --variables outbound-calls.json")]
pub struct Arguments {
    /// Make the indexes of a new database too
    #[arg(long)]
    create: bool,
    #[command(flatten)]
    target: Target,
}

pub async fn run(arguments: Arguments) -> Result<()> {
    let config = arguments.target.settings().await?.mongo()?;
    let uri = config.uri.expose_secret().to_owned();
    let database = Database::at(uri, &Output::terminal()).await?;
    if !arguments.create {
        target::check(&database.client().database(&config.database)).await?;
    }
    let report = database.make_indexes(&config.database).await?;
    println!("{}", report.to_string().trim_end());
    if !report.is_complete() {
        return Err("some indexes could not be made: see above".into());
    }
    Ok(())
}
