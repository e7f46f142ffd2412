//! `cargo xtask openapi`: writes the API document from the functions' code, or checks it.

mod lint;

use std::fs;
use std::process::ExitCode;

use clap::Parser;
use routers::HTTP_FUNCTIONS;
use stack::workspace::Workspace;
use stack::{Result, program};

/// Writes the API document that the health function serves, or checks it.
#[derive(Parser)]
#[command(
    bin_name = "cargo xtask openapi",
    after_help = "Examples:\n  cargo xtask openapi\n  cargo xtask openapi --check\n  cargo xtask openapi --lint"
)]
struct Arguments {
    /// Fail if the file is outdated; write nothing
    #[arg(long)]
    check: bool,
    /// Check the file with Spectral, Redocly and a TypeScript client; write nothing. Needs Node
    #[arg(long, conflicts_with = "check")]
    lint: bool,
}

fn main() -> ExitCode {
    program::become_bound_child();
    program::run(false, run(Arguments::parse()))
}

async fn run(arguments: Arguments) -> Result<()> {
    let workspace = Workspace::find()?;
    let file = workspace.root.join("functions/health/openapi.json");
    if arguments.lint {
        return lint::run(&workspace, &file).await;
    }
    let document = document()?;
    if fs::read_to_string(&file).is_ok_and(|written| written == document) {
        println!("{} is up to date", file.display());
    } else if arguments.check {
        return Err(format!("{} is outdated: run `cargo xtask openapi`", file.display()).into());
    } else {
        fs::write(&file, document)?;
        println!("wrote {}", file.display());
    }
    Ok(())
}

fn document() -> Result<String> {
    let parts = HTTP_FUNCTIONS
        .iter()
        .filter_map(|function| function.document);
    let document = outdial::http::openapi::document(parts.map(|part| part()));
    Ok(format!("{}\n", document.to_pretty_json()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_in_the_help_are_valid() {
        for option in ["--check", "--lint"] {
            let arguments = Arguments::try_parse_from(["openapi", option]).unwrap();
            assert_ne!(arguments.check, arguments.lint);
        }
        Arguments::try_parse_from(["openapi", "--check", "--lint"])
            .err()
            .unwrap();
    }
}
