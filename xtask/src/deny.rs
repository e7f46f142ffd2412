//! `cargo xtask deny`: checks the crates: vulnerabilities, licences, sources, and whether the code uses them.

use clap::Args;
use stack::prerequisites;
use stack::workspace::Workspace;

use crate::Result;
use crate::test::{Step, Suite, advisories};

#[derive(Args)]
#[command(after_help = "Example:\n  cargo xtask deny --require-advisories")]
pub struct Arguments {
    /// Fail if the advisory database can't be fetched
    #[arg(long)]
    require_advisories: bool,
}

pub async fn run(arguments: Arguments) -> Result<()> {
    prerequisites::check()?;
    let workspace = Workspace::find()?;
    let mut suite = Suite::new(&workspace);
    for step in [
        Step::Crates,
        Step::UnusedCrates,
        Step::CratesOfTheFuzzTargets,
    ] {
        suite.run(step).await;
    }
    let advisories = advisories(&workspace, arguments.require_advisories);
    suite.task(Step::Advisories, advisories).await;
    suite.finish()
}
