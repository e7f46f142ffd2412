//! What the machine must have before anything is set up, and the command that installs what is missing.

use std::process::{Command, Stdio};

use crate::Result;
use crate::workspace::cargo;

struct Prerequisite {
    name: &'static str,
    purpose: &'static str,
    is_there: bool,
    debian: &'static str,
    fedora: &'static str,
    macos: &'static str,
}

/// Prints the version, and fails where the modules are missing.
const ABOUT_PYTHON: &str =
    "import sys; print('%d.%d' % sys.version_info[:2], flush=True); import venv, ensurepip";

/// The embedded database wants it.
const OLDEST_PYTHON: (u32, u32) = (3, 10);

/// Fails with one paragraph for each thing that is missing.
pub fn check() -> Result<()> {
    let python = Python::ask();
    let missing: Vec<_> = prerequisites(&python)
        .iter()
        .filter(|prerequisite| !prerequisite.is_there)
        .map(Prerequisite::how_to_install)
        .collect();
    if !missing.is_empty() {
        return Err(missing.join("\n").into());
    }
    match python.version {
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
    match Python::ask().version {
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

/// What `python3` on the PATH says of itself.
struct Python {
    version: Option<(u32, u32)>,
    has_venv: bool,
}

impl Python {
    /// Starts it once for both answers: where the PATH leads to a version manager, a start takes a while.
    fn ask() -> Self {
        let asked = Command::new("python3")
            .args(["-c", ABOUT_PYTHON])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output();
        let Ok(asked) = asked else {
            return Self {
                version: None,
                has_venv: false,
            };
        };
        let told = String::from_utf8_lossy(&asked.stdout);
        let version = told.trim().split_once('.');
        Self {
            version: version
                .and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?))),
            has_venv: asked.status.success(),
        }
    }
}

fn prerequisites(python: &Python) -> [Prerequisite; 4] {
    [
        Prerequisite {
            name: "cargo",
            purpose: "builds everything",
            is_there: tells_its_version(&cargo()),
            debian: "sudo apt install rustup && rustup default stable",
            fedora: "sudo dnf install rustup && rustup-init -y",
            macos: "brew install rustup && rustup default stable",
        },
        Prerequisite {
            name: "a C compiler (cc)",
            purpose: "links the binaries",
            is_there: tells_its_version("cc"),
            debian: "sudo apt install build-essential",
            fedora: "sudo dnf install gcc",
            macos: "xcode-select --install",
        },
        Prerequisite {
            name: "python3, 3.10 or later",
            purpose: "runs the embedded database",
            is_there: python.version.is_some(),
            debian: "sudo apt install python3",
            fedora: "sudo dnf install python3",
            macos: "brew install python",
        },
        Prerequisite {
            name: "Python's venv module with ensurepip",
            purpose: "keeps what is installed under the target folder",
            is_there: python.has_venv,
            debian: "sudo apt install python3-venv",
            fedora: "sudo dnf install python3",
            macos: "brew install python",
        },
    ]
}

impl Prerequisite {
    fn how_to_install(&self) -> String {
        let Self { name, purpose, .. } = self;
        let (debian, fedora, macos) = (self.debian, self.fedora, self.macos);
        format!(
            "{name} is missing: it {purpose}. To install it:\n  Debian, Ubuntu: {debian}\n  Fedora:         {fedora}\n  macOS:          {macos}"
        )
    }
}

fn tells_its_version(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
