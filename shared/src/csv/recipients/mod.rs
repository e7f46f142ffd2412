//! Recipients of a batch from a table.

mod columns;
mod faults;

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::str::FromStr;

use super::error::CsvError;
use super::marks::unmarked;
use super::phone_number::{ROUNDED, is_scientific, phone_number};
use super::table::{Record, Table};
use super::text::Lines;
use crate::domain::{
    ExternalId, InvalidField, InvalidValue, Metadata, Recipient, RecipientParts, ScriptVariables,
};
use columns::Column;
pub use faults::{RefusedRecipients, RowFault, RowParts};

/// How much may be read.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// The most bytes of text.
    pub bytes: u64,
    /// The most rows with a value.
    pub rows: usize,
}

impl Bounds {
    /// A request to the API.
    pub const REQUEST: Self = Self {
        bytes: 4 * 1024 * 1024,
        rows: 1_000,
    };
    /// A whole batch.
    pub const BATCH: Self = Self {
        bytes: 100 * Self::REQUEST.bytes,
        rows: 100_000,
    };
}

/// A recipient and its place in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientRow {
    /// The line on which the row begins, from 1.
    pub line: u64,
    /// The recipient.
    pub recipient: Recipient,
}

/// Reads all recipients, of which there is at least one.
///
/// The header must name `to_number` (or `phone_number`, or `phone`). It may name `external_id`, `time_zone` and `metadata.KEY`.
/// Any other column is a variable. Its name is the column's in lower case, with `_` for blanks and punctuation. An empty cell
/// leaves its variable without a value. Rows without a value are skipped.
///
/// # Errors
///
/// All faults of all rows, or why the rest can't be read. Nothing repeats a value.
pub fn read_recipients<R: Read>(
    file: R,
    bounds: Bounds,
) -> Result<Vec<RecipientRow>, RefusedRecipients> {
    let mut refused = RefusedRecipients::default();
    refused.stopped = read_into(file, bounds, &mut refused).err();
    if refused.count > 0 || refused.stopped.is_some() {
        return Err(refused);
    }
    let rows = refused.rows.into_iter();
    let recipients = rows.filter_map(|RowParts { line, recipient }| {
        let recipient = recipient.whole()?;
        Some(RecipientRow { line, recipient })
    });
    Ok(recipients.collect())
}

fn read_into<R: Read>(
    file: R,
    bounds: Bounds,
    refused: &mut RefusedRecipients,
) -> Result<(), CsvError> {
    let file = Bounded {
        file,
        bytes: bounds.bytes,
        left: bounds.bytes,
    };
    let mut table = Table::open(Lines::new(file), Column::is_field)?;
    let columns = columns::read(table.names())?;
    let mut index = 0;
    while let Some(record) = table.next_row()? {
        if record.is_blank() {
            continue;
        }
        if index == bounds.rows {
            return Err(CsvError::TooManyRows { max: bounds.rows });
        }
        let mut row = RowReader {
            index,
            record: &record,
            refused,
            is_refused: false,
        };
        let recipient = row.read(&columns);
        refused.rows.push(RowParts {
            line: record.first,
            recipient,
        });
        index += 1;
    }
    if index == 0 {
        return Err(CsvError::NoRows);
    }
    Ok(())
}

/// Reads one row.
struct RowReader<'a> {
    index: usize,
    record: &'a Record,
    refused: &'a mut RefusedRecipients,
    is_refused: bool,
}

impl RowReader<'_> {
    /// Returns the recipient as far as it can be read, and adds the row's faults.
    fn read(&mut self, columns: &[Column]) -> RecipientParts {
        let misshapen = self.record.misshapen();
        let recipient = match misshapen.or_else(|| self.swallowed(columns)) {
            Some(message) => {
                self.refuse(None, message);
                RecipientParts::UNREADABLE
            }
            None => self.recipient(columns),
        };
        if self.is_refused
            && let Some(message) = self.record.continuation()
        {
            self.refuse(None, message);
        }
        recipient
    }

    /// Says which line in quotes is a row itself, because a quote is closed too late. Otherwise that recipient would not be
    /// called, and its number would be spoken to another one.
    fn swallowed(&self, columns: &[Column]) -> Option<String> {
        let is_row = |cells: &[String]| {
            let mut cells = columns.iter().zip(cells);
            let number = cells.find(|(column, _)| **column == Column::ToNumber);
            number.is_some_and(|(_, cell)| phone_number(cell).is_ok())
        };
        let mut inner = self.record.inner_rows.iter();
        let (line, _) = inner.find(|(_, cells)| is_row(cells))?;
        Some(format!(
            "continues in quotes over line {line}, which is a row itself: close the quote before it"
        ))
    }

    fn recipient(&mut self, columns: &[Column]) -> RecipientParts {
        let mut to_number = Err(InvalidField);
        let mut external_id = Ok(None);
        let mut time_zone = Ok(None);
        let mut variables = ScriptVariables::default();
        let mut are_variables_valid = Ok(());
        let mut metadata = BTreeMap::new();
        for (column, cell) in columns.iter().zip(&self.record.cells) {
            let value = unmarked(cell);
            if value.is_empty() && *column != Column::ToNumber {
                continue;
            }
            let field = column.field();
            match column {
                Column::ToNumber => to_number = self.checked(field, phone_number(cell)),
                Column::ExternalId => external_id = self.checked(field, parse_id(&value)).map(Some),
                Column::TimeZone => time_zone = self.checked(field, value.parse()).map(Some),
                Column::Metadata(key) => {
                    metadata.insert(key.clone(), value);
                }
                Column::Variable(name) => {
                    let inserted = self.checked(field, variables.insert(name.clone(), value));
                    are_variables_valid = are_variables_valid.and(inserted);
                }
            }
        }
        let metadata = self.checked("metadata".to_owned(), Metadata::try_from(metadata));
        RecipientParts {
            to_number,
            external_id,
            time_zone,
            variables: are_variables_valid.map(|()| variables),
            metadata,
        }
    }

    fn checked<T>(
        &mut self,
        field: String,
        value: Result<T, InvalidValue>,
    ) -> Result<T, InvalidField> {
        value.map_err(|InvalidValue(message)| {
            self.refuse(Some(field), message);
            InvalidField
        })
    }

    fn refuse(&mut self, field: Option<String>, message: String) {
        self.is_refused = true;
        self.refused.add(RowFault {
            index: self.index,
            line: self.record.first,
            field,
            message,
        });
    }
}

/// Parses an id. Rounded numbers are refused, because two recipients may have the same one.
fn parse_id(text: &str) -> Result<ExternalId, InvalidValue> {
    if is_scientific(text) && text.contains("E+") {
        return Err(InvalidValue(ROUNDED.to_owned()));
    }
    ExternalId::from_str(text)
}

/// A file that fails once it is longer than allowed.
struct Bounded<R> {
    file: R,
    bytes: u64,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        let Some(left) = self.left.checked_sub(count as u64) else {
            let message = format!("the text is longer than {} bytes: split it", self.bytes);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        };
        self.left = left;
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
