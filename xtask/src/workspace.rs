//! Where things are: the checkout, cargo's target folder, the binaries of this run.

use std::path::PathBuf;
use std::process::Command;

use serde::Deserialize;

use crate::Result;
use crate::processes;

/// The one profile that everything here is built with, so that nothing is compiled twice.
pub const PROFILE: &str = "fast";

/// The folders that every command works in.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// The checkout's root, where the workspace's `Cargo.toml` is.
    pub root: PathBuf,
    /// Cargo's target folder, wherever the caller's settings put it.
    pub target: PathBuf,
    /// Where the functions' binaries and the simulator are: beside this program.
    pub bin: PathBuf,
}

#[derive(Deserialize)]
struct Metadata {
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

impl Workspace {
    /// Asks cargo.
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
        let bin = bin.ok_or("this program lies in no folder")?.to_path_buf();
        Ok(Self {
            root: metadata.workspace_root,
            target: metadata.target_directory,
            bin,
        })
    }

    /// A binary of this workspace.
    pub fn binary(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }
}

/// The cargo that started this program, else the one on the PATH.
pub fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}
