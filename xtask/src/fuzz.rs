//! `cargo xtask fuzz`: the fuzz targets, one after another.

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;

use clap::Args;

use crate::Result;
use crate::processes;
use crate::workspace::{Workspace, cargo};

const VERSION: &str = "0.13.2";

#[derive(Args)]
#[command(after_help = "Example:\n  cargo xtask fuzz signature --seconds 60")]
pub struct Arguments {
    /// One of the names in `fuzz/fuzz_targets` [default: all of them]
    target: Option<String>,
    /// How long each of them runs, once it is built
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
}

pub async fn run(arguments: Arguments) -> Result<()> {
    let workspace = Workspace::find()?;
    let targets = targets(&workspace, arguments.target)?;
    let program = install(&workspace).await?;
    for target in targets {
        println!("{target}, for {} s", arguments.seconds);
        // What is found goes into the first folder; the committed corpus stays as it is.
        let found = workspace.target.join("fuzz/corpus").join(&target);
        fs::create_dir_all(&found)?;
        let status = processes::command(&program)
            // Our own code has nothing unsafe in it, which is what the address sanitizer would look for.
            .args(["fuzz", "run", "--sanitizer", "none", &target])
            .arg(&found)
            .arg(format!("fuzz/corpus/{target}"))
            .args([
                "--",
                "-max_len=4096",
                "-rss_limit_mb=2048",
                "-print_final_stats=1",
            ])
            .arg(format!("-max_total_time={}", arguments.seconds))
            // libFuzzer wants options of the compiler that a stable one keeps to itself.
            .env("RUSTC_BOOTSTRAP", "1")
            .current_dir(&workspace.root)
            .status()
            .await?;
        if !status.success() {
            return Err(format!("{target} has found something: see above").into());
        }
    }
    Ok(())
}

/// cargo-fuzz, built once under the target folder.
async fn install(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.target.join("tools");
    let program = folder.join("bin/cargo-fuzz");
    if !program.exists() {
        let status = processes::command(cargo())
            .args(["install", "--locked", "--version", VERSION, "--root"])
            .arg(&folder)
            .arg("cargo-fuzz")
            .status()
            .await?;
        if !status.success() {
            return Err("cargo-fuzz could not be installed: see above".into());
        }
    }
    Ok(program)
}

fn targets(workspace: &Workspace, chosen: Option<String>) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for file in fs::read_dir(workspace.root.join("fuzz/fuzz_targets"))? {
        names.extend(
            file?
                .path()
                .file_stem()
                .and_then(OsStr::to_str)
                .map(str::to_owned),
        );
    }
    names.sort();
    match chosen {
        Some(name) if !names.contains(&name) => {
            Err(format!("there is no target {name}; there are {}", names.join(", ")).into())
        }
        Some(name) => Ok(vec![name]),
        None => Ok(names),
    }
}
