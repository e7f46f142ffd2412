//! The lines of a text file: decoded, bounded, and numbered as the file has them.

use std::io::{self, BufRead, BufReader, Read};

use encoding_rs_io::{DecodeReaderBytes, DecodeReaderBytesBuilder};

use super::error::CsvError;
use super::syntax::ROW_MAX;

/// A line without its end.
#[derive(Debug)]
pub struct Line {
    /// Counts from 1.
    pub number: u64,
    /// U+FFFD replaces bytes that are not UTF-8.
    pub text: String,
    /// True if there were such bytes.
    pub is_damaged: bool,
}

/// A file in UTF-8, or in UTF-16 with a byte order mark. Lines end with LF, CR LF, or CR.
pub struct Lines<R: Read> {
    reader: BufReader<DecodeReaderBytes<R, Vec<u8>>>,
    number: u64,
}

impl<R: Read> Lines<R> {
    /// Begins to read a file.
    pub fn new(file: R) -> Self {
        Self {
            reader: BufReader::new(
                DecodeReaderBytesBuilder::new()
                    .utf8_passthru(true)
                    .strip_bom(true)
                    .build(file),
            ),
            number: 0,
        }
    }

    /// Returns the next line, or `None` at the end of the file.
    ///
    /// # Errors
    ///
    /// If the file can't be read, or a line is longer than 1 MiB.
    pub fn next_line(&mut self) -> Result<Option<Line>, CsvError> {
        let mut bytes = Vec::new();
        let mut is_whole = false;
        while !is_whole {
            let buffer = self.reader.fill_buf()?;
            if buffer.is_empty() {
                break;
            }
            let end = buffer.iter().position(|byte| b"\r\n".contains(byte));
            bytes.extend_from_slice(&buffer[..end.unwrap_or(buffer.len())]);
            let is_cr = end.is_some_and(|end| buffer[end] == b'\r');
            let taken = end.map_or(buffer.len(), |end| end + 1);
            self.reader.consume(taken);
            if is_cr && self.peek()? == Some(b'\n') {
                self.reader.consume(1);
            }
            is_whole = end.is_some();
            if bytes.len() > ROW_MAX {
                return Err(CsvError::LongLine {
                    line: self.number + 1,
                });
            }
        }
        if bytes.is_empty() && !is_whole {
            return Ok(None);
        }
        self.number += 1;
        let (text, is_damaged) = match String::from_utf8(bytes) {
            Ok(text) => (text, false),
            Err(error) => (String::from_utf8_lossy(error.as_bytes()).into_owned(), true),
        };
        Ok(Some(Line {
            number: self.number,
            text,
            is_damaged,
        }))
    }

    /// Returns the next byte without consuming it.
    ///
    /// # Errors
    ///
    /// If the file can't be read.
    pub fn peek(&mut self) -> io::Result<Option<u8>> {
        Ok(self.reader.fill_buf()?.first().copied())
    }

    /// The number of the last line read.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Vec<(u64, String)> {
        let mut lines = Lines::new(bytes);
        std::iter::from_fn(|| lines.next_line().unwrap())
            .map(|line| (line.number, line.text))
            .collect()
    }

    fn numbered(texts: &[&str]) -> Vec<(u64, String)> {
        (1..)
            .zip(texts.iter().map(|&text| text.to_owned()))
            .collect()
    }

    #[test]
    fn each_line_end_ends_one_line() {
        for (text, lines) in [
            ("", &[][..]),
            ("a", &["a"]),
            ("a\n", &["a"]),
            ("a\r\n\r\nb\r\n", &["a", "", "b"]),
            ("a\r\rb\r", &["a", "", "b"]),
            ("a\n\r\nb\rc", &["a", "", "b", "c"]),
        ] {
            assert_eq!(read(text.as_bytes()), numbered(lines), "{text:?}");
        }
    }

    #[test]
    fn line_end_may_be_at_the_edge_of_a_buffer() {
        for length in 8_180..8_200 {
            let long = "a".repeat(length);
            let text = format!("{long}\r\nb\r\n");
            assert_eq!(read(text.as_bytes()), numbered(&[&long, "b"]), "{length}");
        }
    }

    #[test]
    fn byte_order_mark_names_the_encoding() {
        let text = "Zoë\r\n\u{1F600}";
        let utf_16 = |to_bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
            units.flat_map(to_bytes).collect()
        };
        let wanted = numbered(&["Zoë", "\u{1F600}"]);
        assert_eq!(read(&utf_16(u16::to_le_bytes)), wanted);
        assert_eq!(read(&utf_16(u16::to_be_bytes)), wanted);
        assert_eq!(read(format!("\u{feff}{text}").as_bytes()), wanted);
        assert_eq!(read(text.as_bytes()), wanted);
    }

    #[test]
    fn damage_differs_from_a_replacement_character() {
        for (bytes, is_damaged) in [
            (&b"Zo\xeb"[..], true),
            (b"\xef\xbb\xbfZo\xeb", true),
            ("Zo\u{FFFD}".as_bytes(), false),
            ("Zo\u{eb}".as_bytes(), false),
        ] {
            let line = Lines::new(bytes).next_line().unwrap().unwrap();
            assert_eq!(line.is_damaged, is_damaged, "{bytes:?}");
        }
    }

    #[test]
    fn bytes_of_another_encoding_are_marked() {
        assert_eq!(read(b"Zo\xeb\nb"), numbered(&["Zo\u{FFFD}", "b"]));
        // A UTF-16 file that ends in the middle of a unit.
        assert_eq!(read(b"\xff\xfea\x00b"), numbered(&["a\u{FFFD}"]));
    }

    #[test]
    fn line_length_is_limited() {
        let mut lines = Lines::new(io::repeat(b'a'));
        let error = lines.next_line().map(drop).unwrap_err().to_string();
        assert_eq!(
            error,
            "line 1 is longer than 1048576 bytes: neither it nor any later line was imported"
        );
    }
}
