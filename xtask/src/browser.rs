//! Chromium, and the npm packages that drive it: installed where this machine can, once.

use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use crate::Result;
use crate::npm;
use crate::processes;
use crate::workspace::Workspace;

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
        let packages = npm::CONSOLE.ensure(workspace).await?;
        Ok(Self {
            program: chromium().await?,
            packages,
        })
    }
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
    npm::CONSOLE
        .run(processes::command("apt-get").args(["-qq", "update"]))
        .await?;
    npm::CONSOLE
        .run(
            processes::command("apt-get")
                .args(["-qq", "install", "--yes", "--no-install-recommends"])
                .arg("chromium")
                .env("DEBIAN_FRONTEND", "noninteractive"),
        )
        .await?;
    there().ok_or_else(|| by_hand.into())
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file: &PathBuf| Path::is_file(file))
}
