//! Faults of a table of recipients.

use std::fmt;

use crate::csv::error::CsvError;
use crate::domain::RecipientParts;

/// Something wrong with a row, or with one of its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowFault {
    /// The number of the row among those with a value, from 0.
    pub index: usize,
    /// The line on which the row begins, from 1.
    pub line: u64,
    /// The field, with dots: `to_number`, `variables.first_name`. `None` if the whole row is wrong.
    pub field: Option<String>,
    /// The problem, as a sentence without its subject. It repeats no value.
    pub message: String,
}

impl RowFault {
    /// The field's place in a JSON array of recipients: `3.to_number`, or `3` for the whole row.
    #[must_use]
    pub fn path(&self) -> String {
        match &self.field {
            Some(field) => format!("{}.{field}", self.index),
            None => self.index.to_string(),
        }
    }
}

/// `line 3: to_number must be …`, `line 3: the row has …`.
impl fmt::Display for RowFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = self.field.as_deref().unwrap_or("the row");
        write!(f, "line {}: {subject} {}", self.line, self.message)
    }
}

/// A row as far as it can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowParts {
    /// The line on which the row begins, from 1.
    pub line: u64,
    /// The fields of the recipient.
    pub recipient: RecipientParts,
}

/// Why recipients are refused. There is at least one fault, or the reading stopped.
#[derive(Debug, Default)]
pub struct RefusedRecipients {
    /// All rows that were read, in order: also those without a fault.
    pub rows: Vec<RowParts>,
    /// The first 1,000 faults, in the order of the rows.
    pub faults: Vec<RowFault>,
    /// The number of all faults.
    pub count: usize,
    /// Why the rest was not read, if it wasn't.
    pub stopped: Option<CsvError>,
}

impl RefusedRecipients {
    const FAULTS_MAX: usize = 1_000;

    pub(super) fn add(&mut self, fault: RowFault) {
        self.count += 1;
        if self.faults.len() < Self::FAULTS_MAX {
            self.faults.push(fault);
        }
    }
}

impl fmt::Display for RefusedRecipients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.stopped, &self.faults[..]) {
            (Some(stopped), _) => stopped.fmt(f),
            (None, [first, ..]) => write!(f, "{} faults, the first in {first}", self.count),
            (None, []) => f.write_str("no fault"),
        }
    }
}

impl std::error::Error for RefusedRecipients {}
