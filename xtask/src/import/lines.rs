//! The lines of the file, each as a user or as what is wrong with it; never more than one of them at a time.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;
use std::str::FromStr;

use csv::{ByteRecord, ReaderBuilder, Terminator};
use outdial::domain::UserCreate;
use outdial::http::FieldError;

use crate::Result;

/// The fields of `POST /users`.
const COLUMNS: [&str; 4] = ["name", "email", "phone_number", "time_zone"];
const REQUIRED: usize = 3;

/// More than any line of users has: what is longer has a quote that is not closed.
const LINE_MAX: usize = 1024 * 1024;

/// A line after the header.
pub struct Line {
    /// Where it begins in the file, from 1: a text in quotes may have line breaks.
    pub number: u64,
    pub user: Result<UserCreate, Vec<FieldError>>,
}

pub struct Lines<R> {
    reader: csv::Reader<Bounded<R>>,
    read: Rc<ReadSoFar>,
    /// Where each of [`COLUMNS`] is.
    places: [Option<usize>; COLUMNS.len()],
    width: usize,
    record: ByteRecord,
}

impl<R: Read> Lines<R> {
    /// Reads the header.
    pub fn read(file: R) -> Result<Self> {
        let read = Rc::new(ReadSoFar::default());
        let bounded = Bounded {
            file,
            read: read.clone(),
        };
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .terminator(Terminator::Any(b'\n'))
            .from_reader(bounded);
        let mut lines = Self {
            reader,
            read,
            places: [None; COLUMNS.len()],
            width: 0,
            record: ByteRecord::new(),
        };
        lines.advance()?;
        lines.places = places(&lines.record)?;
        lines.width = lines.record.len();
        Ok(lines)
    }

    /// Reads the next line that is not empty, if there is one.
    fn advance(&mut self) -> Result<bool, csv::Error> {
        loop {
            self.read.allowance.set(LINE_MAX);
            let is_there = self.reader.read_byte_record(&mut self.record)?;
            // Lines may end as they do on Windows.
            if let Some(last) = self.record.len().checked_sub(1)
                && let Some(rest) = self.record[last].strip_suffix(b"\r")
            {
                let rest = rest.to_vec();
                self.record.truncate(last);
                self.record.push_field(&rest);
            }
            if !is_there || self.record.as_slice() != b"" || self.record.len() > 1 {
                return Ok(is_there);
            }
        }
    }

    /// Where the line begins. The reader's own word on that may be where an empty line before it does.
    fn number(&self) -> u64 {
        let end = self.reader.position();
        let breaks = self.record.as_slice().iter().filter(|&&byte| byte == b'\n');
        let has_break = end.byte() < self.read.bytes.get() || self.read.last_byte.get() == b'\n';
        end.line() - u64::from(has_break) - breaks.count() as u64
    }

    /// How much of the file is behind the last line.
    pub fn bytes_read(&self) -> u64 {
        self.reader.position().byte()
    }

    fn user(&self) -> Result<UserCreate, Vec<FieldError>> {
        let count = self.record.len();
        if count != self.width {
            let message = format!("has {count} fields, and the header {}", self.width);
            return Err(vec![fault("the line", message)]);
        }
        let mut faults = Vec::new();
        let name = self.field(0, &mut faults);
        let email = self.field(1, &mut faults);
        let phone_number = self.field(2, &mut faults);
        let time_zone = match self.value(3) {
            Some([]) | None => None,
            Some(_) => self.field(3, &mut faults),
        };
        match (name, email, phone_number) {
            (Some(name), Some(email), Some(phone_number)) if faults.is_empty() => Ok(UserCreate {
                name,
                email,
                phone_number,
                time_zone,
            }),
            _ => Err(faults),
        }
    }

    fn value(&self, column: usize) -> Option<&[u8]> {
        self.record.get(self.places[column]?)
    }

    fn field<T: FromStr<Err: ToString>>(
        &self,
        column: usize,
        faults: &mut Vec<FieldError>,
    ) -> Option<T> {
        let text = str::from_utf8(self.value(column).unwrap_or_default());
        let value = text
            .map_err(|_| "must be UTF-8".to_owned())
            .and_then(|text| text.parse().map_err(|error: T::Err| error.to_string()));
        value
            .map_err(|message| faults.push(fault(COLUMNS[column], message)))
            .ok()
    }
}

impl<R: Read> Iterator for Lines<R> {
    type Item = Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.advance() {
            Ok(false) => None,
            Ok(true) => Some(Ok(Line {
                number: self.number(),
                user: self.user(),
            })),
            Err(error) => Some(Err(error.into())),
        }
    }
}

/// Of the header nothing is repeated: where there is none, the first line is a person's.
fn places(header: &ByteRecord) -> Result<[Option<usize>; COLUMNS.len()]> {
    let mut places = [None; COLUMNS.len()];
    for (place, name) in header.iter().enumerate() {
        let column = COLUMNS.iter().position(|column| column.as_bytes() == name);
        let Some(column) = column else {
            return Err(format!(
                "column {} of the header is none of those that are allowed: {}",
                place + 1,
                COLUMNS.join(", ")
            )
            .into());
        };
        if places[column].replace(place).is_some() {
            return Err(format!("the header has {} twice", COLUMNS[column]).into());
        }
    }
    match (0..REQUIRED).find(|&column| places[column].is_none()) {
        Some(column) => Err(format!("the header lacks {}", COLUMNS[column]).into()),
        None => Ok(places),
    }
}

fn fault(field: &str, message: String) -> FieldError {
    FieldError {
        field: field.to_owned(),
        message,
    }
}

/// A file of which no more is read than is allowed.
struct Bounded<R> {
    file: R,
    read: Rc<ReadSoFar>,
}

#[derive(Default)]
struct ReadSoFar {
    allowance: Cell<usize>,
    bytes: Cell<u64>,
    last_byte: Cell<u8>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.read.allowance.get();
        if left == 0 {
            let message = format!("a line of more than {LINE_MAX} bytes: a quote is not closed");
            return Err(io::Error::other(message));
        }
        let wanted = buffer.len().min(left);
        let count = self.file.read(&mut buffer[..wanted])?;
        let read = &self.read;
        read.allowance.set(left - count);
        read.bytes.set(read.bytes.get() + count as u64);
        if let Some(&last) = buffer[..count].last() {
            read.last_byte.set(last);
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(u64, Result<String, Vec<String>>)> {
        let lines = Lines::read(text.as_bytes()).unwrap();
        let told = lines.map(|line| {
            let line = line.unwrap();
            let user = line.user.map(|user| user.name.as_str().to_owned());
            let faults = |faults: Vec<FieldError>| {
                let told = faults.into_iter();
                told.map(|fault| format!("{} {}", fault.field, fault.message))
                    .collect()
            };
            (line.number, user.map_err(faults))
        });
        told.collect()
    }

    #[test]
    fn a_line_is_told_by_its_number_in_the_file() {
        let told = read(
            "\u{feff}email,name,phone_number\r\nada@example.com,\"Ada \"\"the\nCountess\"\"\",+12125550123\r\n\r\n\
             bob@example.com,Bob,+12125550124\nbob,Bob,12\n",
        );
        let numbers: Vec<_> = told.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, [2, 5, 6]);
        assert_eq!(
            told[0].1,
            Err(vec!["name must not contain control characters".to_owned()])
        );
        assert_eq!(told[1].1, Ok("Bob".to_owned()));
        let faults = told[2].1.as_ref().unwrap_err();
        assert_eq!(faults.len(), 2);
        assert!(faults[0].starts_with("email must be"), "{faults:?}");
        assert!(faults[1].starts_with("phone_number must be"), "{faults:?}");
    }

    #[test]
    fn the_numbers_are_right_wherever_the_file_ends() {
        let header = "name,email,phone_number";
        let bob = "Bob,bob@example.com,+12125550124";
        let of_two = "\"B\nob\",bob@example.com,+12125550124";
        for (text, wanted) in [
            (format!("{header}\n{bob}"), vec![2]),
            (format!("{header}\r\n\r\n{bob}\r\n"), vec![3]),
            (format!("{header}\n\n\n{of_two}\n\n{bob}\n\n"), vec![4, 7]),
            (format!("{header}\n{of_two}\n{of_two}"), vec![2, 4]),
            (format!("{header}\n"), vec![]),
        ] {
            let told: Vec<_> = read(&text).iter().map(|(number, _)| *number).collect();
            assert_eq!(told, wanted, "{text:?}");
        }
    }

    #[test]
    fn a_time_zone_may_be_left_empty_and_a_line_that_is_short_or_long_is_refused() {
        let told = read(
            "name,email,phone_number,time_zone\nAda,ada@example.com,+12125550123,\n\
             Ada,ada@example.com,+12125550123,Europe/London\nAda,ada@example.com,+12125550123,Mars\n\
             Ada,ada@example.com,+12125550123\nAda,ada@example.com,+12125550123,,\n",
        );
        assert!(told[0].1.is_ok() && told[1].1.is_ok());
        assert!(told[2].1.as_ref().unwrap_err()[0].starts_with("time_zone must be"));
        for (line, count) in [(3, 3), (4, 5)] {
            let faults = told[line].1.as_ref().unwrap_err();
            assert_eq!(
                faults,
                &[format!("the line has {count} fields, and the header 4")]
            );
        }
    }

    #[test]
    fn a_header_is_needed_and_says_what_the_columns_are() {
        for (header, told) in [
            ("", "lacks name"),
            ("name,email", "lacks phone_number"),
            ("name,email,phone_number,name", "name twice"),
            ("Ada,ada@example.com,+12125550123", "column 1 of the header"),
        ] {
            let error = Lines::read(header.as_bytes())
                .map(drop)
                .unwrap_err()
                .to_string();
            assert!(error.contains(told) && !error.contains("ada@"), "{error}");
        }
    }

    #[test]
    fn a_quote_that_is_not_closed_does_not_swallow_the_file() {
        let text = format!(
            "name,email,phone_number\n\"Ada,ada@example.com,+12125550123\n{}",
            "Bob,bob@example.com,+12125550124\n".repeat(100_000)
        );
        let mut lines = Lines::read(text.as_bytes()).unwrap();
        let error = lines.next().unwrap().map(drop).unwrap_err().to_string();
        assert!(error.contains("a quote is not closed"), "{error}");
    }

    #[test]
    fn what_is_not_utf_8_is_refused_with_its_line() {
        let text = b"name,email,phone_number\n\xff,ada@example.com,+12125550123\n";
        let line = Lines::read(&text[..]).unwrap().next().unwrap().unwrap();
        assert_eq!(line.user.unwrap_err()[0].message, "must be UTF-8");
    }
}
