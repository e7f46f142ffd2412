//! Errors of the commands.

/// A message for the operator.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// The result of a command or of a part of one.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Arguments that don't fit together. The command ends as after an argument that can't be parsed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// The reader of standard output closed it before the end, as `head` does.
#[derive(Debug, thiserror::Error)]
#[error("standard output is closed")]
pub struct StdoutClosed;

/// Returns the message of the innermost cause: the outer messages of HTTP clients say little.
pub fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(error) = innermost.source() {
        innermost = error;
    }
    innermost.to_string()
}
