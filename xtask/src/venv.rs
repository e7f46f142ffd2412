//! Python environments under the target folder, one for each set of requirements, made once.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, TryLockError};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::Result;
use crate::processes;
use crate::workspace::Workspace;

/// A file of pinned requirements, complete and with hashes, and the environment that it is installed in.
#[derive(Clone, Copy)]
pub struct Requirements {
    /// The environment's folder below the target folder.
    pub folder: &'static str,
    /// The file, from the workspace's root.
    pub file: &'static str,
}

/// The embedded database, and SQS.
pub const STACK: Requirements = Requirements {
    folder: "venv",
    file: "xtask/requirements.txt",
};

/// AWS's runtime interface emulator.
pub const EMULATOR: Requirements = Requirements {
    folder: "venv-rie",
    file: "xtask/requirements-rie.txt",
};

/// Twilio's official SDK, which the simulator is tested against.
pub const SDK_TESTS: Requirements = Requirements {
    folder: "venv-sdk",
    file: "local/twilio-sim/tests/sdk/requirements.txt",
};

/// What checks the crates and where they come from.
pub const CRATES: Requirements = Requirements {
    folder: "venv-crates",
    file: "xtask/requirements-crates.txt",
};

/// The runner of the Rust tests.
pub const NEXTEST: Requirements = Requirements {
    folder: "venv-nextest",
    file: "xtask/requirements-nextest.txt",
};

/// What checks the SAM template, the workflows and the software bill of materials.
pub const TEMPLATE_TESTS: Requirements = Requirements {
    folder: "venv-template",
    file: "tests/template/requirements.txt",
};

/// What asks the API whatever its document allows, and whatever it does not.
pub const SCHEMATHESIS: Requirements = Requirements {
    folder: "venv-schemathesis",
    file: "tests/schemathesis/requirements.txt",
};

/// What makes a client out of the API's document.
pub const CLIENT: Requirements = Requirements {
    folder: "venv-client",
    file: "tests/client/requirements.txt",
};

/// An environment that is ready.
pub struct Venv {
    folder: PathBuf,
}

impl Venv {
    /// Installs the requirements unless that has been done. What is said meanwhile goes to standard
    /// error: standard output is the command's answer.
    pub async fn ensure(workspace: &Workspace, requirements: Requirements) -> Result<Self> {
        let folder = workspace.target.join(requirements.folder);
        let file = workspace.root.join(requirements.file);
        let text = fs::read_to_string(&file)
            .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
        // An environment names its own path in its scripts: a copied one is made anew.
        let wanted = format!("{}\n{text}", folder.display());
        fs::create_dir_all(&workspace.target)?;
        let _lock = lock(&folder.with_extension("lock")).await?;

        let stamp = folder.join("requirements.stamp");
        if !fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
            let from = requirements.file;
            eprintln!("installing {from} into {}, once", folder.display());
            let not_made = format!(
                "python3 made no environment in {}: see above; mend what it names, and run this again",
                folder.display()
            );
            let mut make = processes::command("python3");
            make.args(["-m", "venv", "--clear"]).arg(&folder);
            run(&mut make, not_made).await?;
            let not_installed = format!(
                "pip could not install {from}: where it has found no connection or no version, see that this machine \
                 reaches https://pypi.org, or what PIP_INDEX_URL names, and run this again"
            );
            let mut install = processes::command(folder.join("bin/python"));
            install
                .args([
                    "-m",
                    "pip",
                    "install",
                    "--disable-pip-version-check",
                    "--no-input",
                    "--no-deps",
                    "--require-hashes",
                ])
                .args((!std::io::stderr().is_terminal()).then_some("--quiet"))
                .arg("--requirement")
                .arg(&file);
            run(&mut install, not_installed).await?;
            fs::write(&stamp, wanted)?;
        }
        Ok(Self { folder })
    }

    /// A program that a requirement brought.
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }

    /// The caller's PATH, with this environment's programs first.
    pub fn path_with_programs(&self) -> OsString {
        let own = self.folder.join("bin").into_os_string();
        match std::env::var_os("PATH") {
            Some(path) => [own, path].join(OsStr::new(":")),
            None => own,
        }
    }

    /// A file of an installed package.
    pub fn package_file(&self, path: &str) -> Result<PathBuf> {
        let versions = fs::read_dir(self.folder.join("lib"))?;
        versions
            .filter_map(|version| Some(version.ok()?.path().join("site-packages").join(path)))
            .find(|file| file.exists())
            .ok_or_else(|| format!("{path} is not in {}", self.folder.display()).into())
    }
}

/// Two commands at once must not build the same environment.
pub async fn lock(path: &Path) -> Result<File> {
    let file = File::create(path)?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(Duration::from_millis(200)).await,
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
    }
}

async fn run(command: &mut Command, failure: String) -> Result<()> {
    let status = command
        .stdout(std::io::stderr())
        .stderr(Stdio::inherit())
        .status()
        .await?;
    if !status.success() {
        return Err(failure.into());
    }
    Ok(())
}
