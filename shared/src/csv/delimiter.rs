//! The delimiter of a table, from its first lines.

use super::cells::Splitter;
use super::error::CsvError;
use super::syntax::{DELIMITERS, is_blank};
use super::text::Line;

/// Returns the delimiter that splits the header's first line into the most known columns.
pub fn delimiter_of(header: &Line, is_known: impl Fn(&str) -> bool) -> char {
    let columns = |delimiter: char| {
        let mut splitter = Splitter::new(delimiter);
        splitter.take(header.number, &header.text);
        let cells = splitter.cells().iter();
        cells.filter(|cell| is_known(cell)).count()
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
pub fn hint(line: &Line) -> Result<Option<char>, CsvError> {
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
        _ => Err(CsvError::Delimiter { line: line.number }),
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
    use crate::csv::letters;

    fn line(text: &str) -> Line {
        Line {
            number: 1,
            text: text.to_owned(),
            is_damaged: false,
        }
    }

    fn is_known(name: &str) -> bool {
        ["name", "email", "phonenumber", "timezone"].contains(&&*letters(name))
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
            assert_eq!(delimiter_of(&line(header), is_known), delimiter, "{header}");
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
}
