//! `cargo xtask indexes`.

use clap::Args;

use crate::Result;
use crate::output::Output;
use crate::stack::database::Database;

#[derive(Args)]
#[command(after_help = "Example:\n  MONGO_URI='mongodb+srv://…' cargo xtask indexes")]
pub struct Arguments {
    /// The database's connection string
    #[arg(long, env = "MONGO_URI", hide_env_values = true)]
    uri: String,
    /// The database's name
    #[arg(long, env = "MONGO_DB", default_value = "atlas")]
    database: String,
}

pub async fn run(arguments: Arguments) -> Result<()> {
    let database = Database::at(arguments.uri, &Output::terminal()).await?;
    let report = database.make_indexes(&arguments.database).await?;
    println!("{}", report.to_string().trim_end());
    if !report.is_complete() {
        return Err("some indexes could not be made: see above".into());
    }
    Ok(())
}
