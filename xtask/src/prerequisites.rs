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

/// Fails with one paragraph for each thing that is missing.
pub fn check() -> Result<()> {
    let missing: Vec<_> = prerequisites()
        .iter()
        .filter(|prerequisite| !prerequisite.is_there())
        .map(Prerequisite::how_to_install)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(missing.join("\n").into())
}

/// What schemathesis wants, beyond the Python that everything else does with.
pub fn check_schemathesis() -> Result<()> {
    let is_new = ["-c", "import sys; sys.exit(sys.version_info < (3, 11))"];
    let status = Command::new("python3").args(is_new).status();
    if status.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    Err("schemathesis wants Python 3.11 or later, and python3 is older".into())
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
            arguments: &["-c", "import sys; sys.exit(sys.version_info < (3, 10))"],
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
