//! Why the rest of a table can't be read.

use std::io;

use super::syntax::{DELIMITER_NAMES, ROW_MAX};

/// Why a table can't be read from some place on. No message repeats a cell.
#[derive(Debug, thiserror::Error)]
pub enum CsvError {
    /// The file can't be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The file is in another encoding, or is not text.
    #[error(
        "the file is not text in UTF-8, nor in UTF-16 with a byte order mark: save it as \"CSV UTF-8\""
    )]
    NotText,
    /// The line `sep=` names an unknown delimiter.
    #[error("line {line}: sep= names a delimiter that is not supported: use {DELIMITER_NAMES}")]
    Delimiter {
        /// The line, from 1.
        line: u64,
    },
    /// The header does not name the columns.
    #[error("{0}")]
    Header(String),
    /// A line is too long.
    #[error(
        "line {line} is longer than {ROW_MAX} bytes: neither it nor any later line was imported"
    )]
    LongLine {
        /// The line, from 1.
        line: u64,
    },
    /// A quote is closed too late or never: the rest of the file is one row.
    #[error(
        "line {opened}: a quote opens here and is {}: lines {first} to {last} were not imported",
        if *.is_long { format!("not closed within {ROW_MAX} bytes") } else { "never closed".to_owned() }
    )]
    OpenQuote {
        /// The line on which the quote opens, from 1.
        opened: u64,
        /// The first line of the row.
        first: u64,
        /// The last line of the file.
        last: u64,
        /// True if the row is longer than a row may be.
        is_long: bool,
    },
    /// There are more rows than allowed.
    #[error("there are more than {max} rows with a value: split them")]
    TooManyRows {
        /// The most rows.
        max: usize,
    },
    /// There is no row with a value.
    #[error("there is no row with a value below the header")]
    NoRows,
}

impl CsvError {
    /// Returns how many lines an unclosed quote swallowed.
    #[must_use]
    pub fn lines(&self) -> u64 {
        match self {
            Self::OpenQuote { first, last, .. } => last - first + 1,
            _ => 0,
        }
    }
}
