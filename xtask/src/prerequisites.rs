//! What the machine must have before anything is set up, and the command that installs what is missing.

use std::process::{Command, Stdio};

use crate::Result;
use crate::workspace::cargo;

struct Prerequisite {
    name: &'static str,
    purpose: &'static str,
    program: String,
    arguments: &'static [&'static str],
    debian: &'static str,
    fedora: &'static str,
    macos: &'static str,
}

/// The embedded database wants it.
const OLDEST_PYTHON: (u32, u32) = (3, 10);

/// Fails with one paragraph for each thing that is missing.
pub fn check() -> Result<()> {
    let missing: Vec<_> = prerequisites()
        .iter()
        .filter(|prerequisite| !prerequisite.is_there())
        .map(Prerequisite::how_to_install)
        .collect();
    if !missing.is_empty() {
        return Err(missing.join("\n").into());
    }
    match python_version() {
        Some((major, minor)) if (major, minor) < OLDEST_PYTHON => Err(format!(
            "python3 is {major}.{minor}, and 3.10 or later is needed: put a later one first on the PATH (pyenv and uv \
             bring one), and run this again"
        )
        .into()),
        _ => Ok(()),
    }
}

/// Fails where `python3` is older than what only some of the tools want.
///
/// # Errors
///
/// One sentence: who wants which version, and which is there.
pub fn check_python(tool: &str, minor: u32) -> Result<()> {
    match python_version() {
        Some(there) if there >= (3, minor) => Ok(()),
        Some((major, there)) => Err(format!(
            "{tool} wants Python 3.{minor} or later, and python3 is {major}.{there}"
        )
        .into()),
        None => {
            Err(format!("{tool} wants Python 3.{minor} or later, and there is no python3").into())
        }
    }
}

/// What `python3` on the PATH says that it is.
fn python_version() -> Option<(u32, u32)> {
    let asked = Command::new("python3")
        .args(["-c", "import sys; print('%d.%d' % sys.version_info[:2])"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let told = String::from_utf8(asked.stdout).ok()?;
    let (major, minor) = told.trim().split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn prerequisites() -> [Prerequisite; 4] {
    [
        Prerequisite {
            name: "cargo",
            purpose: "builds everything",
            program: cargo(),
            arguments: &["--version"],
            debian: "sudo apt install rustup && rustup default stable",
            fedora: "sudo dnf install rustup && rustup-init -y",
            macos: "brew install rustup && rustup default stable",
        },
        Prerequisite {
            name: "a C compiler (cc)",
            purpose: "links the binaries",
            program: "cc".to_owned(),
            arguments: &["--version"],
            debian: "sudo apt install build-essential",
            fedora: "sudo dnf install gcc",
            macos: "xcode-select --install",
        },
        Prerequisite {
            name: "python3, 3.10 or later",
            purpose: "runs the embedded database",
            program: "python3".to_owned(),
            arguments: &["-c", ""],
            debian: "sudo apt install python3",
            fedora: "sudo dnf install python3",
            macos: "brew install python",
        },
        Prerequisite {
            name: "Python's venv module with ensurepip",
            purpose: "keeps what is installed under the target folder",
            program: "python3".to_owned(),
            arguments: &["-c", "import venv, ensurepip"],
            debian: "sudo apt install python3-venv",
            fedora: "sudo dnf install python3",
            macos: "brew install python",
        },
    ]
}

impl Prerequisite {
    fn is_there(&self) -> bool {
        Command::new(&self.program)
            .args(self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }

    fn how_to_install(&self) -> String {
        let Self { name, purpose, .. } = self;
        let (debian, fedora, macos) = (self.debian, self.fedora, self.macos);
        format!(
            "{name} is missing: it {purpose}. To install it:\n  Debian, Ubuntu: {debian}\n  Fedora:         {fedora}\n  macOS:          {macos}"
        )
    }
}
