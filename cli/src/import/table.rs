//! Users from the rows of a CSV file, one at a time.

use std::io::Read;
use std::str::FromStr;

use mongodb::bson::{DateTime, oid::ObjectId};
use outdial::csv::{self, Lines, Record, phone_number};
use outdial::domain::{Email, User};
use outdial::http::FieldError;

use super::header::{self, COLUMNS, Header};
use super::row::{Content, Row, fault};
use crate::error::Result;

pub struct Table<R: Read> {
    table: csv::Table<R>,
    header: Header,
}

impl<R: Read> Table<R> {
    /// Finds the delimiter and reads the header.
    ///
    /// # Errors
    ///
    /// If the file is not text, or its header does not name the columns of users.
    pub fn open(lines: Lines<R>) -> Result<Self> {
        let table = csv::Table::open(lines, |name| header::column(name).is_some())?;
        let header = Header::read(table.names())?;
        Ok(Self { table, header })
    }

    /// Returns the next row, or `None` at the end of the file.
    ///
    /// # Errors
    ///
    /// If the rest of the file can't be read: a quote is never closed, or a row is too long.
    pub fn next(&mut self) -> Result<Option<Row>> {
        let record = self.table.next_row()?;
        Ok(record.map(|record| self.row(&record)))
    }

    fn row(&self, record: &Record) -> Row {
        let misshapen = record.misshapen();
        let lines = record.last - record.first + 1;
        Row {
            line: record.first,
            count: if misshapen.is_some() { lines } else { 1 },
            content: if record.is_blank() {
                Content::Blank
            } else {
                self.content(record, misshapen)
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
        if !faults.is_empty()
            && let Some(message) = record.continuation()
        {
            faults.push(fault("the line", message));
        }
        match user {
            Some(user) if faults.is_empty() => Content::User(Box::new(user)),
            _ => Content::Refused(faults),
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
        let number = number.map_err(|error| faults.push(fault(COLUMNS[2], error.to_string())));
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

#[cfg(test)]
mod tests;
