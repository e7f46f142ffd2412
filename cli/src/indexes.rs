//! `outdial indexes`: the database's indexes.

use std::fmt;

use clap::Args;
use outdial::dao::indexes::{self, Report};
use serde::Serialize;

use crate::error::Result;
use crate::output::Format;
use crate::target::{self, Target};

#[derive(Args)]
#[command(after_help = "\
The command prints first which database it works on. It refuses a database that has neither indexes
nor documents of outdial: --create is for a new one. You can repeat it at any time. It exits with 1
if it could not create an index.

Examples:
  MONGO_URI='mongodb+srv://…' outdial indexes --create
  MONGO_URI='mongodb+srv://…' outdial indexes
  outdial indexes --local
  outdial indexes --variables outbound-calls.json")]
pub struct Arguments {
    /// Create the indexes of a new database too
    #[arg(long)]
    create: bool,
    #[command(flatten)]
    target: Target,
}

/// The changes.
#[derive(Serialize)]
struct Outcome {
    /// True if every index exists now.
    complete: bool,
    /// Each change, and each index that could not be created, as the text shows it.
    lines: Vec<String>,
}

impl From<&Report> for Outcome {
    fn from(report: &Report) -> Self {
        Self {
            complete: report.is_complete(),
            lines: report.to_string().lines().map(str::to_owned).collect(),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines.join("\n"))
    }
}

pub async fn run(arguments: Arguments, format: Format) -> Result<()> {
    let settings = arguments.target.settings().await?;
    let database = target::connect(&settings).await?.database().await?;
    if !arguments.create {
        target::check(&database).await?;
    }
    let outcome = Outcome::from(&indexes::ensure(&database).await?);
    format.print(&outcome)?;
    if !outcome.complete {
        return Err("some indexes could not be created: see above".into());
    }
    Ok(())
}
