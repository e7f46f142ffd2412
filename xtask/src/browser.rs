//! Chromium and the npm packages that drive it in the console's tests.

use std::path::{Path, PathBuf};

use rustix::process::geteuid;
use stack::npm;
use stack::processes;
use stack::workspace::Workspace;

use crate::Result;

/// The names of Chromium's program.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Chromium and its driver.
pub struct Browser {
    /// Chromium.
    pub program: PathBuf,
    /// The folder of the driver's `node_modules`.
    pub packages: PathBuf,
}

impl Browser {
    /// Installs what is missing.
    ///
    /// # Errors
    ///
    /// The message says what can't be installed here, and how to install it.
    pub async fn ensure(workspace: &Workspace) -> Result<Self> {
        let packages = npm::CONSOLE.ensure(workspace).await?;
        Ok(Self {
            program: chromium().await?,
            packages,
        })
    }
}

/// Finds Chromium on the `PATH`, or installs Debian's package.
async fn chromium() -> Result<PathBuf> {
    let there = || NAMES.iter().find_map(|name| on_path(name));
    if let Some(program) = there() {
        return Ok(program);
    }
    let by_hand = "Chromium is missing: sudo apt install chromium";
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
