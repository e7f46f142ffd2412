//! npm packages in the target folder: one set for each lock file, installed once.

use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::Command;

use crate::Result;
use crate::processes;
use crate::venv;
use crate::workspace::Workspace;

const FILES: [&str; 2] = ["package.json", "package-lock.json"];

/// The oldest major version of Node for the packages and the tests.
const NODE: u32 = 20;

/// A set of pinned packages, and the folder that they are installed in.
#[derive(Clone, Copy)]
pub struct Pinned {
    /// The name of their user in messages.
    name: &'static str,
    /// The folder in the target folder.
    folder: &'static str,
    /// The folder of their `package.json` and lock file, relative to the workspace's root.
    source: &'static str,
}

/// The packages that drive the browser in the console's tests.
pub const CONSOLE: Pinned = Pinned {
    name: "the console's tests",
    folder: "npm-console",
    source: "tests/console",
};

/// The linters of the API document, and the generator of TypeScript clients.
pub const OPENAPI: Pinned = Pinned {
    name: "the linters of the API document",
    folder: "npm-openapi",
    source: "tests/openapi",
};

/// Twilio's SDK and a web server, which the simulator's tests use.
pub const TWILIO_SDK: Pinned = Pinned {
    name: "the simulator's tests with Twilio's SDK for Node",
    folder: "npm-sdk",
    source: "local/twilio-sim/tests/node",
};

impl Pinned {
    /// Installs the packages unless they are installed, and returns the folder of their `node_modules`.
    ///
    /// # Errors
    ///
    /// The message says what is missing on this machine, and how to install it.
    pub async fn ensure(self, workspace: &Workspace) -> Result<PathBuf> {
        self.check_node().await?;
        let folder = workspace.target.join(self.folder);
        std::fs::create_dir_all(&folder)?;
        let _lock = venv::lock(&folder.with_extension("lock")).await?;
        let pinned = workspace.root.join(self.source);
        let wanted = FILES.map(|file| std::fs::read_to_string(pinned.join(file)));
        let [package, locked] = wanted;
        let wanted = package? + &locked?;
        let stamp = folder.join("packages.stamp");
        if !std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
            eprintln!(
                "installing {}/{} into {}",
                self.source,
                FILES[1],
                folder.display()
            );
            for file in FILES {
                std::fs::copy(pinned.join(file), folder.join(file))?;
            }
            self.run(
                processes::command("npm")
                    .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
                    .arg("--loglevel=error")
                    .current_dir(&folder),
            )
            .await?;
            std::fs::write(&stamp, wanted)?;
        }
        Ok(folder)
    }

    /// Runs a command that installs something. Its output goes to standard error.
    ///
    /// # Errors
    ///
    /// When the command can't be started, or fails.
    pub async fn run(self, command: &mut Command) -> Result<()> {
        let name = self.name;
        let status = command
            .stdout(std::io::stderr())
            .stderr(Stdio::inherit())
            .status()
            .await
            .map_err(|error| format!("cannot set up {name}: {error}"))?;
        if !status.success() {
            return Err(format!("cannot set up {name}: see above").into());
        }
        Ok(())
    }

    async fn check_node(self) -> Result<()> {
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
        let name = self.name;
        Err(format!("{name} need Node {NODE} or later: sudo apt install nodejs npm").into())
    }
}
