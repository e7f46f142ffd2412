//! Users from the rows of a CSV file, one at a time.

use std::io::Read;
use std::str::FromStr;

use mongodb::bson::{DateTime, oid::ObjectId};
use outdial::domain::{Email, PhoneNumber, User};
use outdial::http::FieldError;

use super::cells::Splitter;
use super::header::{self, COLUMNS, Header};
use super::row::{Content, Row, fault};
use super::text::{Line, Lines, ROW_MAX};
use crate::error::Result;

pub struct Table<R: Read> {
    lines: Lines<R>,
    delimiter: char,
    header: Header,
}

/// The cells of a row. A row has several lines if a quoted cell has line breaks.
struct Record {
    first: u64,
    last: u64,
    cells: Vec<String>,
    is_malformed: bool,
}

impl<R: Read> Table<R> {
    /// Finds the delimiter and reads the header.
    ///
    /// # Errors
    ///
    /// If the file is not text, or its header does not name the columns of users.
    pub fn open(mut lines: Lines<R>) -> Result<Self> {
        let mut hint = None;
        let first = loop {
            let line = lines.next()?.unwrap_or_else(|| Line {
                number: 1,
                text: String::new(),
                is_damaged: false,
            });
            if line.text.contains(['\0', char::REPLACEMENT_CHARACTER]) {
                return Err(NOT_TEXT.into());
            }
            if hint.is_none() {
                hint = header::hint(&line)?;
                if hint.is_some() {
                    continue;
                }
            }
            if !header::is_blank_line(&line) || lines.peek()?.is_none() {
                break line;
            }
        };
        let delimiter = hint.unwrap_or_else(|| header::delimiter_of(&first));
        let record = record(&mut lines, delimiter, first)?;
        let header = Header::read(&record.cells)?;
        Ok(Self {
            lines,
            delimiter,
            header,
        })
    }

    /// Returns the next row, or `None` at the end of the file.
    ///
    /// # Errors
    ///
    /// If the rest of the file can't be read: a quote is never closed, or a row is too long.
    pub fn next(&mut self) -> Result<Option<Row>> {
        let Some(first) = self.lines.next()? else {
            return Ok(None);
        };
        let record = record(&mut self.lines, self.delimiter, first)?;
        Ok(Some(self.row(record)))
    }

    fn row(&self, mut record: Record) -> Row {
        let width = header::used_width(&record.cells);
        // Spreadsheets add empty cells at the end.
        record.cells.truncate(width.max(self.header.width));
        let misshapen = self.misshapen(&record).filter(|_| width > 0);
        let lines = record.last - record.first + 1;
        Row {
            line: record.first,
            count: if misshapen.is_some() { lines } else { 1 },
            content: match width {
                0 => Content::Blank,
                _ => self.content(&record, misshapen),
            },
        }
    }

    fn content(&self, record: &Record, misshapen: Option<String>) -> Content {
        let mut faults = Vec::new();
        let user = match misshapen {
            Some(message) => {
                faults.push(fault("the line", message));
                None
            }
            None => self.user(&record.cells, &mut faults),
        };
        if !faults.is_empty() && record.last > record.first {
            let message = format!("continues to line {} in quotes", record.last);
            faults.push(fault("the line", message));
        }
        match user {
            Some(user) if faults.is_empty() => Content::User(Box::new(user)),
            _ => Content::Refused(faults),
        }
    }

    fn misshapen(&self, record: &Record) -> Option<String> {
        let (count, width) = (record.cells.len(), self.header.width);
        let has = |letter| record.cells.iter().any(|cell| cell.contains(letter));
        if has(char::REPLACEMENT_CHARACTER) {
            Some(
                "is not UTF-8, or was damaged when it was converted to UTF-8: save the file as \"CSV UTF-8\", and import it again"
                    .to_owned(),
            )
        } else if record.is_malformed {
            Some("has text after a closing quote: write a quote inside a value twice".to_owned())
        } else if count != width {
            Some(format!("has {count} fields, but the header has {width}"))
        } else {
            None
        }
    }

    fn user(&self, cells: &[String], faults: &mut Vec<FieldError>) -> Option<User> {
        let cell = |column: usize| {
            let place = self.header.places[column];
            place
                .and_then(|place| cells.get(place))
                .map_or("", String::as_str)
        };
        let name = field(0, cell(0), faults);
        let email: Option<Email> = field(1, cell(1), faults);
        let number = phone_number(cell(2));
        let number = number.map_err(|message| faults.push(fault(COLUMNS[2], message)));
        let time_zone = match cell(3) {
            "" => None,
            text => field(3, text, faults),
        };
        let email = email?;
        let now = DateTime::now();
        Some(User {
            id: ObjectId::new(),
            name: name?,
            email_lower: email.lower(),
            email,
            phone_number: number.ok()?,
            time_zone,
            idempotency_scope: None,
            request_hash: None,
            created_by: None,
            created_at: now,
            updated_at: now,
        })
    }
}

const NOT_TEXT: &str =
    "the file is not text in UTF-8, nor in UTF-16 with a byte order mark: save it as \"CSV UTF-8\"";

/// A quote that is closed too late or never: the rest of the file is one row.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct OpenQuote {
    message: String,
    /// The number of lines that the quote swallowed.
    pub lines: u64,
}

/// Reads the row that begins with this line.
fn record<R: Read>(lines: &mut Lines<R>, delimiter: char, first: Line) -> Result<Record> {
    let mut splitter = Splitter::new(delimiter);
    let mut length = first.text.len();
    let (first, mut line) = (first.number, first);
    while !splitter.take(line.number, &line.text) {
        let opened = splitter.opened_on();
        let next = lines.next()?.filter(|next| {
            length += next.text.len();
            length <= ROW_MAX
        });
        let Some(next) = next else {
            let end = if length > ROW_MAX {
                format!("not closed within {ROW_MAX} bytes")
            } else {
                "never closed".to_owned()
            };
            while lines.next()?.is_some() {}
            let last = lines.number();
            return Err(OpenQuote {
                message: format!(
                    "line {opened}: a quote opens here and is {end}: lines {first} to {last} were not imported"
                ),
                lines: last - first + 1,
            }
            .into());
        };
        line = next;
    }
    Ok(Record {
        first,
        last: line.number,
        is_malformed: splitter.is_malformed(),
        cells: splitter.into_cells(),
    })
}

fn field<T: FromStr<Err: ToString>>(
    column: usize,
    text: &str,
    faults: &mut Vec<FieldError>,
) -> Option<T> {
    let value = text.parse().map_err(|error: T::Err| error.to_string());
    value
        .map_err(|message| faults.push(fault(COLUMNS[column], message)))
        .ok()
}

/// Parses a number. The error also explains what a spreadsheet did to the number.
fn phone_number(text: &str) -> Result<PhoneNumber, String> {
    text.parse().map_err(|error: outdial::domain::InvalidValue| {
        let digits = text.strip_suffix(".0").unwrap_or(text);
        if is_scientific(text) {
            "is in scientific notation, such as 1.21256E+10: Excel has rounded the number. Format the column as Text, enter \
             the numbers again, and save the file anew"
                .to_owned()
        } else if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            format!("{error}: it lacks the +, which spreadsheets remove unless the column is formatted as Text")
        } else {
            error.to_string()
        }
    })
}

/// True for scientific notation as Excel writes it in any language: `1.21256E+10`, `1,21256E+10`, `4e11`.
fn is_scientific(text: &str) -> bool {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some((mantissa, exponent)) = text.split_once(['E', 'e']) else {
        return false;
    };
    let mantissa = mantissa.trim_start_matches(['+', '-']);
    let exponent = exponent.trim_start_matches(['+', '-']);
    is_digits(exponent) && mantissa.split(['.', ',']).all(is_digits)
}

#[cfg(test)]
mod tests;
