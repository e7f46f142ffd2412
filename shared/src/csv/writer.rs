//! Tables as responses.

use std::io::{self, Write};

use csv::{Terminator, WriterBuilder};

use super::marks::marked;

/// Writes a table as CSV (RFC 4180) in UTF-8, with commas and CR LF.
///
/// A cell that begins like a formula gets an apostrophe before it, because a spreadsheet would evaluate it. A phone number does not,
/// so that programs read it as it is. [`read_recipients`](super::read_recipients) removes the apostrophe again.
pub struct TableWriter<W: Write> {
    writer: csv::Writer<W>,
}

impl<W: Write> TableWriter<W> {
    /// Writes the header.
    ///
    /// # Errors
    ///
    /// If `out` can't be written.
    pub fn new(out: W, columns: &[&str]) -> io::Result<Self> {
        let mut writer = WriterBuilder::new()
            .terminator(Terminator::CRLF)
            .from_writer(out);
        writer.write_record(columns)?;
        Ok(Self { writer })
    }

    /// Writes a row, which must have as many cells as there are columns. `None` is an empty cell.
    ///
    /// # Errors
    ///
    /// If `out` can't be written, or the number of cells differs.
    pub fn row<'a>(&mut self, cells: impl IntoIterator<Item = Option<&'a str>>) -> io::Result<()> {
        let cells = cells.into_iter();
        let cells = cells.map(|cell| cell.map(marked).unwrap_or_default());
        Ok(self.writer.write_record(cells)?)
    }

    /// Writes what is still in the buffer, and returns `out`.
    ///
    /// # Errors
    ///
    /// If `out` can't be written.
    pub fn finish(self) -> io::Result<W> {
        self.writer
            .into_inner()
            .map_err(csv::IntoInnerError::into_error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_needed_and_formulas_marked() {
        let mut writer =
            TableWriter::new(Vec::new(), &["call_id", "external_id", "to_number"]).unwrap();
        writer.row([Some("1"), None, Some("+12125550123")]).unwrap();
        writer
            .row([
                Some("2"),
                Some("=HYPERLINK(\"http://x\")"),
                Some("a,b\n\"c\""),
            ])
            .unwrap();
        writer.row([Some("-3"), Some("@a"), Some("it's")]).unwrap();
        let error = writer.row([Some("4")]).unwrap_err();
        assert!(!error.to_string().is_empty());
        let text = String::from_utf8(writer.finish().unwrap()).unwrap();
        assert!(
            text.starts_with(
                "call_id,external_id,to_number\r\n\
             1,,+12125550123\r\n\
             2,\"'=HYPERLINK(\"\"http://x\"\")\",\"a,b\n\"\"c\"\"\"\r\n\
             '-3,'@a,it's\r\n"
            ),
            "{text}"
        );
    }
}
