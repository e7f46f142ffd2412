//! Chromium, and the npm packages that drive it: installed where this machine can, once.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::process::geteuid;
use tokio::process::Command;

use crate::Result;
use crate::processes;
use crate::venv;
use crate::workspace::Workspace;

/// Where the packages are pinned, from the workspace's root.
const PINNED: &str = "tests/console";
const FILES: [&str; 2] = ["package.json", "package-lock.json"];

/// The oldest Node whose own test runner does.
const NODE: u32 = 20;

const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// What a page is tested with.
pub struct Browser {
    /// Chromium.
    pub program: PathBuf,
    /// The folder whose `node_modules` has the packages.
    pub packages: PathBuf,
}

impl Browser {
    /// Installs what is missing. The error says what cannot be had, and how a person gets it.
    pub async fn ensure(workspace: &Workspace) -> Result<Self> {
        check_node().await?;
        let packages = packages(workspace).await?;
        Ok(Self {
            program: chromium().await?,
            packages,
        })
    }
}

async fn check_node() -> Result<()> {
    let asked = processes::command("node").arg("--version").output().await;
    let version = asked
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    let major = version
        .trim()
        .trim_start_matches('v')
        .split('.')
        .next()
        .and_then(|major| major.parse::<u32>().ok());
    if major.is_some_and(|major| major >= NODE) {
        return Ok(());
    }
    Err(
        format!("the console's tests want Node {NODE} or later: sudo apt install nodejs npm")
            .into(),
    )
}

/// Chromium from the PATH, or else from Debian's packages.
async fn chromium() -> Result<PathBuf> {
    let there = || NAMES.iter().find_map(|name| on_path(name));
    if let Some(program) = there() {
        return Ok(program);
    }
    let by_hand = "there is no Chromium: sudo apt install chromium";
    if on_path("apt-get").is_none() || !geteuid().is_root() {
        return Err(by_hand.into());
    }
    eprintln!("installing chromium");
    run(processes::command("apt-get").args(["-qq", "update"])).await?;
    run(processes::command("apt-get")
        .args(["-qq", "install", "--yes", "--no-install-recommends"])
        .arg("chromium")
        .env("DEBIAN_FRONTEND", "noninteractive"))
    .await?;
    there().ok_or_else(|| by_hand.into())
}

/// The packages of the lock file, below the target folder.
async fn packages(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.target.join("npm-console");
    std::fs::create_dir_all(&folder)?;
    let _lock = venv::lock(&folder.with_extension("lock")).await?;
    let pinned = workspace.root.join(PINNED);
    let wanted = FILES.map(|file| std::fs::read_to_string(pinned.join(file)));
    let [package, locked] = wanted;
    let wanted = package? + &locked?;
    let stamp = folder.join("packages.stamp");
    if !std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        eprintln!("installing {PINNED}/{} into {}", FILES[1], folder.display());
        for file in FILES {
            std::fs::copy(pinned.join(file), folder.join(file))?;
        }
        run(processes::command("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .arg("--loglevel=error")
            .current_dir(&folder))
        .await?;
        std::fs::write(&stamp, wanted)?;
    }
    Ok(folder)
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file: &PathBuf| Path::is_file(file))
}

async fn run(command: &mut Command) -> Result<()> {
    let status = command
        .stdout(std::io::stderr())
        .stderr(Stdio::inherit())
        .status()
        .await
        .map_err(|error| format!("the console's tests cannot be set up: {error}"))?;
    if !status.success() {
        return Err("the console's tests cannot be set up: see above".into());
    }
    Ok(())
}
