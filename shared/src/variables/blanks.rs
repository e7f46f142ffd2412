//! Blanks in values: trimmed at the ends, and rejected inside most variables.

use super::{ConfigError, names::WITH_BLANKS};

/// The value without blanks and line ends at its ends, which copying from a terminal or a file can add.
#[must_use]
pub fn trimmed(value: &str) -> &str {
    value.trim_matches(is_blank)
}

/// The entries of a comma-separated list, without the blanks around them.
pub(crate) fn entries(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(trimmed)
}

/// Rejects a value with blanks or control characters inside, unless the variable is a spoken text or a list.
///
/// Parsers can't be relied on for this: `Url::parse`, for example, drops line ends silently.
///
/// # Errors
///
/// The error names the variable and never shows its value.
pub(super) fn check(name: &str, value: &str) -> Result<(), ConfigError> {
    let has_blanks = value.contains(|c: char| is_blank(c) || c.is_control());
    if has_blanks && !WITH_BLANKS.contains(&name) {
        return Err(ConfigError::malformed(
            name,
            "one word, without blanks, line ends or invisible characters inside",
        ));
    }
    Ok(())
}

/// Returns whether the character is white space or has no width.
///
/// Editors and web pages leave zero-width characters behind: soft hyphens, joiners, and marks of direction and byte order.
fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\u{AD}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}
