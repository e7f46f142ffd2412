//! Questions to the operator, on the terminal.

use std::io::{self, IsTerminal, Write};

use crate::error::Result;
use crate::output::message;

/// Asks for a confirmation. Returns true if the operator types yes.
///
/// # Errors
///
/// If standard input is not a terminal.
pub fn confirms(question: &str) -> Result<bool> {
    if !io::stdin().is_terminal() {
        return Err("standard input is not a terminal: pass --yes".into());
    }
    write!(io::stderr(), "{question} Type yes to continue: ")?;
    let mut answer = String::new();
    if io::stdin().read_line(&mut answer)? == 0 {
        // Ctrl-D leaves the cursor behind the question.
        message("");
    }
    Ok(answer.trim() == "yes")
}
