//! Commands that moved to the program `outdial`. `cargo xtask` runs them for one more release.

use std::ffi::OsString;

use stack::Result;

use crate::programs;

/// Their names.
const COMMANDS: [&str; 8] = [
    "dialing", "doctor", "erase", "export", "import", "indexes", "key", "redrive",
];

/// Returns true if the first word is a command of `outdial`.
pub fn is_moved(words: &[OsString]) -> bool {
    let command = words.first().and_then(|word| word.to_str());
    command.is_some_and(|command| COMMANDS.contains(&command))
}

/// Replaces this process by `outdial` with these arguments, after a note on standard error. Returns only on failure.
///
/// # Errors
///
/// When `outdial` can't be built or started.
pub async fn run(words: &[OsString]) -> Result<()> {
    let command = words.first().cloned().unwrap_or_default();
    let command = command.display();
    eprintln!("`cargo xtask {command}` is deprecated: run `outdial {command}`");
    programs::run("outdial", words).await
}
