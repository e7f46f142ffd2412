//! The rows of a table, one at a time.

use std::io::Read;

use super::cells::Splitter;
use super::delimiter;
use super::error::CsvError;
use super::syntax::ROW_MAX;
use super::text::{Line, Lines};

/// A table: a header, and rows of as many cells. Delimiters are a comma, a semicolon, a tab or `|`.
pub struct Table<R: Read> {
    lines: Lines<R>,
    delimiter: char,
    names: Vec<String>,
}

/// A row of a table. It has several lines if a quoted cell has line breaks.
#[derive(Debug)]
pub struct Record {
    /// The line on which it begins, from 1.
    pub first: u64,
    /// The line on which it ends.
    pub last: u64,
    /// The cells, trimmed. There are as many as the header has columns, unless the row is misshapen.
    pub cells: Vec<String>,
    /// The lines after the first one, each with its cells, that would be rows as wide as the header if no quote were open.
    pub inner_rows: Vec<(u64, Vec<String>)>,
    is_malformed: bool,
    columns: usize,
}

impl<R: Read> Table<R> {
    /// Finds the delimiter and reads the header. Blank lines and a line such as `sep=;` may come first. `is_known` returns
    /// true for the name of a known column. The delimiter is the one that gives the most known columns.
    ///
    /// # Errors
    ///
    /// If the header can't be read.
    pub fn open(mut lines: Lines<R>, is_known: impl Fn(&str) -> bool) -> Result<Self, CsvError> {
        let mut hint = None;
        let first = loop {
            let line = lines.next_line()?.unwrap_or_else(|| Line {
                number: 1,
                text: String::new(),
                is_damaged: false,
            });
            if line.text.contains(['\0', char::REPLACEMENT_CHARACTER]) {
                return Err(CsvError::NotText);
            }
            if hint.is_none() {
                hint = delimiter::hint(&line)?;
                if hint.is_some() {
                    continue;
                }
            }
            if !delimiter::is_blank_line(&line) || lines.peek()?.is_none() {
                break line;
            }
        };
        let delimiter = hint.unwrap_or_else(|| delimiter::delimiter_of(&first, is_known));
        let mut names = record(&mut lines, delimiter, first, 0)?.cells;
        names.truncate(used_width(&names));
        Ok(Self {
            lines,
            delimiter,
            names,
        })
    }

    /// The names of the columns, as the header has them. Empty names at the end, which spreadsheets add, are left out.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Returns the next row, or `None` at the end of the file.
    ///
    /// # Errors
    ///
    /// If the rest of the file can't be read: a quote is never closed, or a row is too long.
    pub fn next_row(&mut self) -> Result<Option<Record>, CsvError> {
        let Some(first) = self.lines.next_line()? else {
            return Ok(None);
        };
        let mut record = record(&mut self.lines, self.delimiter, first, self.names.len())?;
        drop_added(&mut record.cells, self.names.len());
        Ok(Some(record))
    }
}

impl Record {
    /// Returns whether no cell has a value.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        used_width(&self.cells) == 0
    }

    /// Says why the cells can't be assigned to columns, without quoting one. `None` if they can.
    #[must_use]
    pub fn misshapen(&self) -> Option<String> {
        let (count, width) = (self.cells.len(), self.columns);
        let has = |letter| self.cells.iter().any(|cell| cell.contains(letter));
        if self.is_blank() {
            None
        } else if has(char::REPLACEMENT_CHARACTER) {
            Some(
                "is not UTF-8, or was damaged when it was converted to UTF-8: save the file as \"CSV UTF-8\", and import it again"
                    .to_owned(),
            )
        } else if self.is_malformed {
            Some("has text after a closing quote: write a quote inside a value twice".to_owned())
        } else if count != width {
            Some(format!("has {count} fields, but the header has {width}"))
        } else {
            None
        }
    }

    /// Says on which line the row ends, if it has several: a quote that is closed too late may be the reason of its faults.
    #[must_use]
    pub fn continuation(&self) -> Option<String> {
        (self.last > self.first).then(|| format!("continues to line {} in quotes", self.last))
    }
}

/// Counts the cells without the empty ones at the end, which spreadsheets add.
fn used_width(cells: &[String]) -> usize {
    cells
        .iter()
        .rposition(|cell| !cell.is_empty())
        .map_or(0, |last| last + 1)
}

/// Drops the empty cells after these columns, which spreadsheets add.
fn drop_added(cells: &mut Vec<String>, columns: usize) {
    let width = used_width(cells);
    cells.truncate(width.max(columns));
}

/// Reads the row that begins with this line, in a table of so many columns.
fn record<R: Read>(
    lines: &mut Lines<R>,
    delimiter: char,
    first: Line,
    columns: usize,
) -> Result<Record, CsvError> {
    let mut inner_rows = Vec::new();
    let mut splitter = Splitter::new(delimiter);
    let mut length = first.text.len();
    let (first, mut line) = (first.number, first);
    while !splitter.take(line.number, &line.text) {
        let opened = splitter.opened_on();
        let next = lines.next_line()?.filter(|next| {
            length += next.text.len();
            length <= ROW_MAX
        });
        let Some(next) = next else {
            while lines.next_line()?.is_some() {}
            return Err(CsvError::OpenQuote {
                opened,
                first,
                last: lines.number(),
                is_long: length > ROW_MAX,
            });
        };
        line = next;
        let mut alone = Splitter::new(delimiter);
        alone.take(line.number, &line.text);
        let mut cells = alone.into_cells();
        drop_added(&mut cells, columns);
        if columns > 1 && cells.len() == columns {
            inner_rows.push((line.number, cells));
        }
    }
    Ok(Record {
        first,
        last: line.number,
        is_malformed: splitter.is_malformed(),
        cells: splitter.into_cells(),
        inner_rows,
        columns,
    })
}

#[cfg(test)]
mod tests;
