//! Standard output and standard error: the result of a command as text or as JSON, and messages.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use clap::ValueEnum;
use serde::Serialize;

use crate::error::{Error, Result, StdoutClosed};

/// The format of the result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Text for a person
    #[default]
    Text,
    /// One JSON document with stable field names; `export` and `batch run` write JSON lines
    Json,
}

impl Format {
    /// Prints the result of a command: its `Display` or its JSON.
    ///
    /// # Errors
    ///
    /// Those of [`write`].
    pub fn print(self, result: &(impl Display + Serialize)) -> Result<()> {
        match self {
            Self::Text => write(format!("{result}\n").as_bytes()),
            Self::Json => self.document(result),
        }
    }

    /// Prints the JSON of a result whose text is already printed.
    ///
    /// # Errors
    ///
    /// Those of [`write`].
    pub fn document(self, result: &impl Serialize) -> Result<()> {
        match self {
            Self::Text => Ok(()),
            Self::Json => write(format!("{}\n", serde_json::to_string(result)?).as_bytes()),
        }
    }

    /// Prints a line of the text before the result is complete. The JSON document has standard output for itself, so there
    /// the line goes to standard error. If it can't be printed, the command continues.
    pub fn note(self, line: impl Display) {
        match self {
            Self::Text => drop(write(format!("{line}\n").as_bytes())),
            Self::Json => message(line),
        }
    }
}

/// Writes a whole result to standard output. Succeeds if the reader has closed it, because then no result is wanted.
///
/// # Errors
///
/// If the bytes can't be written, for example because a disk is full.
pub fn write(bytes: &[u8]) -> Result<()> {
    let mut stdout = io::stdout();
    let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
    match written.map_err(|error| stdout_failure(error.into())) {
        Err(error) if !error.is::<StdoutClosed>() => Err(error),
        _ => Ok(()),
    }
}

/// Names standard output in an error that may come from writing to it.
pub fn stdout_failure(error: Error) -> Error {
    match error.downcast::<io::Error>() {
        Ok(error) if error.kind() == ErrorKind::BrokenPipe => StdoutClosed.into(),
        Ok(error) => format!("standard output: {error}").into(),
        Err(error) => error,
    }
}

/// Prints a line to standard error. If it can't be printed, the command continues.
pub fn message(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}
