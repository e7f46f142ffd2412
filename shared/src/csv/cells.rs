//! The cells of a row of CSV (RFC 4180), read line by line.

use super::syntax::is_blank;

/// Splits one row into cells and trims them. Quoted text may contain delimiters and line breaks, and blanks may surround the quotes.
pub struct Splitter {
    delimiter: char,
    state: State,
    cell: String,
    cells: Vec<String>,
    opened_on: u64,
    is_malformed: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Only blanks so far.
    Begin,
    Plain,
    Quoted,
    /// After a quote that ends the cell, or is the first of two that stand for one.
    Quote,
    /// After the quote that ends the cell.
    End,
}

impl Splitter {
    pub fn new(delimiter: char) -> Self {
        Self {
            delimiter,
            state: State::Begin,
            cell: String::new(),
            cells: Vec::new(),
            opened_on: 0,
            is_malformed: false,
        }
    }

    /// Adds the row's next line. Returns true if the row ends with it.
    pub fn take(&mut self, number: u64, line: &str) -> bool {
        for letter in line.chars() {
            self.step(number, letter);
        }
        if self.state == State::Quoted {
            self.cell.push('\n');
            return false;
        }
        self.end_cell();
        true
    }

    fn step(&mut self, number: u64, letter: char) {
        let is_delimiter = letter == self.delimiter;
        match self.state {
            State::Quoted if letter == '"' => self.state = State::Quote,
            State::Begin | State::Plain | State::Quote | State::End if is_delimiter => {
                self.end_cell();
            }
            State::Quoted | State::Plain => self.cell.push(letter),
            State::Begin if letter == '"' => {
                self.cell.clear();
                self.opened_on = number;
                self.state = State::Quoted;
            }
            State::Begin => {
                self.cell.push(letter);
                if !is_blank(letter) {
                    self.state = State::Plain;
                }
            }
            State::Quote if letter == '"' => {
                self.cell.push(letter);
                self.state = State::Quoted;
            }
            State::Quote | State::End if is_blank(letter) => self.state = State::End,
            State::Quote | State::End => {
                self.is_malformed = true;
                self.cell.push(letter);
                self.state = State::Plain;
            }
        }
    }

    fn end_cell(&mut self) {
        self.cells.push(self.cell.trim_matches(is_blank).to_owned());
        self.cell.clear();
        self.state = State::Begin;
    }

    /// The cells that are complete so far.
    pub fn cells(&self) -> &[String] {
        &self.cells
    }

    /// The line on which the last quote opens.
    pub fn opened_on(&self) -> u64 {
        self.opened_on
    }

    /// True if text follows a closing quote in the same cell.
    pub fn is_malformed(&self) -> bool {
        self.is_malformed
    }

    pub fn into_cells(self) -> Vec<String> {
        self.cells
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(delimiter: char, text: &str) -> (Vec<String>, bool) {
        let mut splitter = Splitter::new(delimiter);
        let lines: Vec<_> = (1..).zip(text.split('\n')).collect();
        for (number, line) in &lines {
            let is_whole = splitter.take(*number, line);
            assert_eq!(is_whole, *number == lines.len() as u64, "{text:?}");
        }
        let is_malformed = splitter.is_malformed();
        (splitter.into_cells(), is_malformed)
    }

    #[test]
    fn quoted_cell_may_contain_delimiters_quotes_and_line_breaks() {
        for (text, cells) in [
            ("", &[""][..]),
            ("a,b,", &["a", "b", ""]),
            ("\"a,b\",c", &["a,b", "c"]),
            ("\"a \"\"b\"\"\",c", &["a \"b\"", "c"]),
            ("\"a\nb\",\"c\n\nd\"", &["a\nb", "c\n\nd"]),
            ("\"\",\"\"\"\"", &["", "\""]),
            ("5\" pipe,b", &["5\" pipe", "b"]),
        ] {
            let cells: Vec<_> = cells.iter().map(|&cell| cell.to_owned()).collect();
            assert_eq!(split(',', text), (cells, false), "{text:?}");
        }
    }

    #[test]
    fn blanks_around_cells_and_quotes_are_trimmed() {
        for text in [
            "a b , \"c, d\" ,e",
            "\u{a0}a b\u{202f},\u{a0}\"c, d\"\u{200b}, e\u{feff}",
            "\ta b,\u{2007}\"\u{a0}c, d \",\u{202a}e\u{202c}",
        ] {
            let (cells, is_malformed) = split(',', text);
            assert_eq!(cells, ["a b", "c, d", "e"], "{text:?}");
            assert!(!is_malformed);
        }
        // A tab that delimits is not trimmed.
        assert_eq!(split('\t', "a\t \"b\tc\"\t").0, ["a", "b\tc", ""]);
    }

    #[test]
    fn text_after_a_closing_quote_is_malformed() {
        for text in ["\"a\"b,c", "\"a\" b,c", "\"a\nb\"c,d", "\"a\" \"b\",c"] {
            assert!(split(',', text).1, "{text:?}");
        }
    }

    #[test]
    fn open_quote_is_located_by_its_line() {
        let mut splitter = Splitter::new(',');
        assert!(!splitter.take(7, "\"a"));
        assert!(!splitter.take(8, "b\",c,\"d"));
        assert_eq!(splitter.opened_on(), 8);
        assert_eq!(splitter.cells(), ["a\nb", "c"]);
    }
}
