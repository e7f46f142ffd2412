//! `cargo xtask fuzz`: runs the fuzz targets, one after another.

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;

use clap::Args;
use stack::Result;
use stack::processes;
use stack::workspace::{Workspace, cargo};

/// The version of cargo-fuzz.
const VERSION: &str = "0.13.2";

#[derive(Args)]
#[command(after_help = "Example:\n  cargo xtask fuzz signature --seconds 60")]
pub struct Arguments {
    /// Name of a target in `fuzz/fuzz_targets` [default: all targets]
    target: Option<String>,
    /// Running time of each target in seconds, without building it
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
}

/// Runs one target, or all of them.
///
/// # Errors
///
/// If a target violates its property, or can't be built.
pub async fn run(arguments: Arguments) -> Result<()> {
    let workspace = Workspace::find()?;
    let targets = targets(&workspace, arguments.target)?;
    let program = install(&workspace).await?;
    for target in targets {
        println!("{target}, for {} s", arguments.seconds);
        // The fuzzer writes new inputs to the first folder, and doesn't change the committed corpus.
        let found = workspace.target.join("fuzz/corpus").join(&target);
        fs::create_dir_all(&found)?;
        let status = processes::command(&program)
            // The address sanitizer only finds errors in unsafe code, which this project forbids.
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
            // libFuzzer needs compiler options that stable compilers refuse otherwise.
            .env("RUSTC_BOOTSTRAP", "1")
            .current_dir(&workspace.root)
            .status()
            .await?;
        if !status.success() {
            return Err(format!("{target} failed: see above").into());
        }
    }
    Ok(())
}

/// Returns cargo-fuzz. Builds it under the target folder if it isn't there.
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
            return Err("can't install cargo-fuzz: see above".into());
        }
    }
    Ok(program)
}

/// Returns the names of the chosen targets.
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
        Some(name) if !names.contains(&name) => Err(format!(
            "unknown target {name}; the targets are {}",
            names.join(", ")
        )
        .into()),
        Some(name) => Ok(vec![name]),
        None => Ok(names),
    }
}
