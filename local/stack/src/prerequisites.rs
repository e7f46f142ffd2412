//! The programs that this machine must have, and the commands that install them.

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

/// Prints the version, and fails if the modules are missing.
const ABOUT_PYTHON: &str =
    "import sys; print('%d.%d' % sys.version_info[:2], flush=True); import venv, ensurepip";

/// The embedded database needs it.
const OLDEST_PYTHON: (u32, u32) = (3, 10);

/// Checks every prerequisite.
///
/// # Errors
///
/// One paragraph for each missing program, with the commands that install it.
pub fn check() -> Result<()> {
    let python = Python::find();
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
            "python3 is {major}.{minor}, but 3.10 or later is needed: put a later one first on the PATH (pyenv and uv \
             install one), and run this again"
        )
        .into()),
        _ => Ok(()),
    }
}

/// Checks that `python3` is at least 3.`minor`, which one tool needs.
///
/// # Errors
///
/// One sentence with the version that the tool needs, and the version of `python3`.
pub fn check_python(tool: &str, minor: u32) -> Result<()> {
    match Python::find().version {
        Some(there) if there >= (3, minor) => Ok(()),
        Some((major, there)) => Err(format!(
            "{tool} needs Python 3.{minor} or later, but python3 is {major}.{there}"
        )
        .into()),
        None => {
            Err(format!("{tool} needs Python 3.{minor} or later, but there is no python3").into())
        }
    }
}

/// `python3` on the `PATH`.
struct Python {
    version: Option<(u32, u32)>,
    has_venv: bool,
}

impl Python {
    /// Starts it once to find out both, since a start is slow if a version manager is on the `PATH`.
    fn find() -> Self {
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
            is_there: runs(&cargo()),
            debian: "sudo apt install rustup && rustup default stable",
            fedora: "sudo dnf install rustup && rustup-init -y",
            macos: "brew install rustup && rustup default stable",
        },
        Prerequisite {
            name: "a C compiler (cc)",
            purpose: "links the binaries",
            is_there: runs("cc"),
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
            purpose: "installs Python packages under the target folder",
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

/// Returns true if a program runs.
fn runs(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
