//! The header of a CSV file: the delimiter, and the field of each column.

use super::cells::Splitter;
use super::text::{Line, is_blank};
use crate::error::Result;

/// The fields of `POST /users`.
pub const COLUMNS: [&str; 4] = ["name", "email", "phone_number", "time_zone"];
const REQUIRED: usize = 3;

/// The delimiters that spreadsheets write. If two fit equally well, the first wins.
const DELIMITERS: [char; 4] = [',', ';', '\t', '|'];
const DELIMITER_NAMES: &str = "a comma, a semicolon, a tab or |";

/// The columns of a file.
pub struct Header {
    /// The position of each of [`COLUMNS`].
    pub places: [Option<usize>; COLUMNS.len()],
    /// The number of columns with a name.
    pub width: usize,
}

impl Header {
    /// Reads the cells. No error repeats a cell: in a file without a header, the first line has a person's data.
    ///
    /// # Errors
    ///
    /// If a column is unknown, repeated or missing.
    pub fn read(cells: &[String]) -> Result<Self> {
        let width = used_width(cells);
        if let [only] = &cells[..width]
            && COLUMNS[..REQUIRED]
                .iter()
                .all(|column| letters(only).contains(&letters(column)))
        {
            return Err(format!(
                "the columns of the header are not separated by {DELIMITER_NAMES}: save the file as \"CSV UTF-8\""
            )
            .into());
        }
        let mut places = [None; COLUMNS.len()];
        for (place, name) in cells[..width].iter().enumerate() {
            let Some(column) = column(name) else {
                return Err(format!(
                    "column {} of the header is unknown: a header has {}, separated by {DELIMITER_NAMES}",
                    place + 1,
                    COLUMNS.join(", ")
                )
                .into());
            };
            if places[column].replace(place).is_some() {
                return Err(format!("the header repeats {}", COLUMNS[column]).into());
            }
        }
        match (0..REQUIRED).find(|&column| places[column].is_none()) {
            Some(column) => Err(format!("the header lacks {}", COLUMNS[column]).into()),
            None => Ok(Self { places, width }),
        }
    }
}

/// Counts the cells without the empty ones at the end, which spreadsheets add.
pub fn used_width(cells: &[String]) -> usize {
    cells
        .iter()
        .rposition(|cell| !cell.is_empty())
        .map_or(0, |last| last + 1)
}

/// Finds the name among [`COLUMNS`] by its letters: `Phone Number`, `PHONE_NUMBER` and `phone-number` are the same.
fn column(name: &str) -> Option<usize> {
    let name = letters(name);
    COLUMNS.iter().position(|column| letters(column) == name)
}

fn letters(name: &str) -> String {
    let letters = name.chars().filter(|letter| letter.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

/// Returns the delimiter that splits the header's first line into the most known columns.
pub fn delimiter_of(header: &Line) -> char {
    let columns = |delimiter: char| {
        let mut splitter = Splitter::new(delimiter);
        splitter.take(header.number, &header.text);
        splitter
            .cells()
            .iter()
            .filter(|cell| column(cell).is_some())
            .count()
    };
    // `max_by_key` returns the last of several equal ones.
    let best = DELIMITERS
        .into_iter()
        .rev()
        .max_by_key(|&delimiter| columns(delimiter));
    best.unwrap_or(DELIMITERS[0])
}

/// Returns the delimiter that a first line such as `sep=;` names, as Excel writes it; `None` for any other line.
///
/// # Errors
///
/// If the line names another delimiter.
pub fn hint(line: &Line) -> Result<Option<char>> {
    let text = line
        .text
        .trim_matches(|letter| letter != '\t' && is_blank(letter));
    let text = text.trim_matches('"');
    let Some((name, rest)) = text.split_at_checked("sep=".len()) else {
        return Ok(None);
    };
    if !name.eq_ignore_ascii_case("sep=") {
        return Ok(None);
    }
    let mut letters = rest.chars();
    match letters
        .next()
        .filter(|delimiter| DELIMITERS.contains(delimiter))
    {
        // A spreadsheet that saves the file again adds the delimiters of the other columns.
        Some(delimiter) if letters.all(|letter| DELIMITERS.contains(&letter)) => {
            Ok(Some(delimiter))
        }
        _ => Err(format!(
            "line {}: sep= names a delimiter that is not supported: use {DELIMITER_NAMES}",
            line.number
        )
        .into()),
    }
}

/// True if the line has no name and no value.
pub fn is_blank_line(line: &Line) -> bool {
    let is_empty = |letter| is_blank(letter) || letter == '"' || DELIMITERS.contains(&letter);
    line.text.chars().all(is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        Line {
            number: 1,
            text: text.to_owned(),
            is_damaged: false,
        }
    }

    #[test]
    fn delimiter_is_the_one_that_splits_the_header_into_columns() {
        for (header, delimiter) in [
            ("name,email,phone_number", ','),
            ("Name;E-Mail;Phone Number", ';'),
            ("name\temail\tphone_number\ttime_zone", '\t'),
            ("name|email|phone_number", '|'),
            ("\"name\";\"email\";\"phone, number\"", ';'),
            ("name", ','),
            ("Ada;ada@example.com", ','),
        ] {
            assert_eq!(delimiter_of(&line(header)), delimiter, "{header}");
        }
    }

    #[test]
    fn excels_hint_names_the_delimiter() {
        for (text, delimiter) in [
            ("sep=;", Some(';')),
            ("SEP=,", Some(',')),
            ("\"sep=;\"", Some(';')),
            ("sep=\t", Some('\t')),
            ("sep=;;;", Some(';')),
            ("name,email", None),
            ("", None),
            ("sép", None),
        ] {
            assert_eq!(hint(&line(text)).unwrap(), delimiter, "{text}");
        }
        for text in ["sep=", "sep=x", "sep=;x"] {
            let error = hint(&line(text)).unwrap_err().to_string();
            assert!(error.starts_with("line 1: sep= names"), "{error}");
        }
    }

    #[test]
    fn columns_are_matched_by_letters_and_trailing_empty_ones_ignored() {
        let cells = ["TIME ZONE", "Phone\u{a0}number", "E-Mail", "Name", "", ""];
        let header = Header::read(&cells.map(str::to_owned)).unwrap();
        assert_eq!(header.places, [Some(3), Some(2), Some(1), Some(0)]);
        assert_eq!(header.width, 4);
    }

    #[test]
    fn header_is_required_and_names_the_columns() {
        for (header, error) in [
            (&[""][..], "lacks name"),
            (&["name", "email"], "lacks phone_number"),
            (&["Name:E-Mail:Phone Number"], "not separated by a comma"),
            (&["name", "email", "phone_number", "Name"], "repeats name"),
            (
                &["name", "", "email", "phone_number"],
                "column 2 of the header",
            ),
            (
                &["Ada", "ada@example.com", "+12125550123"],
                "column 1 of the header",
            ),
        ] {
            let cells: Vec<_> = header.iter().map(|&cell| cell.to_owned()).collect();
            let said = Header::read(&cells).map(drop).unwrap_err().to_string();
            assert!(said.contains(error) && !said.contains("ada@"), "{said}");
        }
    }
}
