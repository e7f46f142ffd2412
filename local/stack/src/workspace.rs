//! Paths: the checkout, cargo's target folder, and the binaries.

use std::path::PathBuf;
use std::process::Command;

use serde::Deserialize;

use crate::Result;
use crate::processes;

/// The profile of every build here, so that nothing is compiled twice.
pub const PROFILE: &str = "fast";

/// The folders of this checkout.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// The checkout's root, where the workspace's `Cargo.toml` is.
    pub root: PathBuf,
    /// Cargo's target folder. The caller's settings may move it.
    pub target: PathBuf,
    /// The folder of all binaries: that of this program.
    pub bin: PathBuf,
}

#[derive(Deserialize)]
struct Metadata {
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

impl Workspace {
    /// Asks cargo for the folders.
    ///
    /// # Errors
    ///
    /// When cargo fails.
    pub fn find() -> Result<Self> {
        let output = Command::new(cargo())
            .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
            .arg("--manifest-path")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
            .output()
            .map_err(|error| format!("cannot run cargo metadata: {error}"))?;
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr);
            return Err(format!("cargo metadata failed: {stderr}").into());
        }
        let metadata: Metadata = serde_json::from_slice(&output.stdout)?;
        let bin = processes::this_program().parent();
        let bin = bin.ok_or("this program has no folder")?.to_path_buf();
        Ok(Self {
            root: metadata.workspace_root,
            target: metadata.target_directory,
            bin,
        })
    }

    /// The path of a binary of this workspace.
    #[must_use]
    pub fn binary(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }
}

/// The cargo that started this program. Without one, the cargo on the `PATH`.
#[must_use]
pub fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}
