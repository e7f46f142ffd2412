//! The syntax of tables: delimiters, blanks, the names of columns, and the longest row.

/// The longest row in bytes. Rows of people are far shorter.
pub const ROW_MAX: usize = 1024 * 1024;
/// The delimiters that spreadsheets write. If two fit equally well, the first wins.
pub const DELIMITERS: [char; 4] = [',', ';', '\t', '|'];
/// The delimiters, for messages.
pub const DELIMITER_NAMES: &str = "a comma, a semicolon, a tab or |";

/// True for the characters that spreadsheets and address books leave around a value: white space, zero-width characters, and
/// marks of the writing direction.
#[must_use]
pub fn is_blank(letter: char) -> bool {
    letter.is_whitespace()
        || matches!(
            letter,
            '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}'
        )
}

/// Returns the letters and digits of a column's name in lower case: `Phone Number`, `PHONE_NUMBER` and `phone-number` are the
/// same.
#[must_use]
pub fn letters(name: &str) -> String {
    let letters = name.chars().filter(|letter| letter.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}
