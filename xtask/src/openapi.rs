//! `cargo xtask openapi`: the API document, from the functions' own code.

mod lint;

use std::fs;

use clap::Args;

use crate::Result;
use crate::workspace::Workspace;

#[derive(Args)]
#[command(
    after_help = "Examples:\n  cargo xtask openapi\n  cargo xtask openapi --check\n  cargo xtask openapi --lint"
)]
pub struct Arguments {
    /// Fail if the file is stale, and write nothing
    #[arg(long)]
    pub check: bool,
    /// Check the file with Spectral, Redocly and a TypeScript client, and write nothing. Needs Node
    #[arg(long, conflicts_with = "check")]
    pub lint: bool,
}

pub async fn run(arguments: &Arguments) -> Result<()> {
    let workspace = Workspace::find()?;
    let file = workspace.root.join("functions/health/openapi.json");
    if arguments.lint {
        return lint::run(&workspace, &file).await;
    }
    let wanted = document()?;
    if fs::read_to_string(&file).is_ok_and(|written| written == wanted) {
        println!("{} is up to date", file.display());
    } else if arguments.check {
        return Err(format!("{} is stale: run cargo xtask openapi", file.display()).into());
    } else {
        fs::write(&file, wanted)?;
        println!("wrote {}", file.display());
    }
    Ok(())
}

fn document() -> Result<String> {
    let whole = outdial::http::openapi::document([
        health::openapi(),
        users::openapi(),
        outbound_calls::openapi(),
        voice::openapi(),
        status::openapi(),
        recording::openapi(),
        media::openapi(),
    ]);
    Ok(format!("{}\n", whole.to_pretty_json()?))
}
