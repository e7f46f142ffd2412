//! The marks with which spreadsheets and exports keep a cell from being evaluated.

use super::syntax::is_blank;

/// The characters with which a spreadsheet begins a formula, or skips to one (OWASP, CSV injection).
const FORMULA_STARTS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// Returns whether the cell, without apostrophes before it, begins like a formula.
fn is_formula(cell: &str) -> bool {
    cell.trim_start_matches('\'').starts_with(FORMULA_STARTS)
}

/// Returns whether the cell is a phone number in E.164 format. At most, a spreadsheet shows it as a number.
fn is_phone_number(cell: &str) -> bool {
    let digits = cell.strip_prefix('+').unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Puts an apostrophe before a cell that a spreadsheet would evaluate.
pub fn marked(cell: &str) -> String {
    let is_marked = is_formula(cell) && !is_phone_number(cell);
    let mark = if is_marked { "'" } else { "" };
    format!("{mark}{cell}")
}

/// Removes the mark and the blanks around the value: an apostrophe before a formula's first character, or `="…"`, with which
/// exports write a number as text.
pub fn unmarked(cell: &str) -> String {
    let quoted = cell
        .strip_prefix("=\"")
        .and_then(|rest| rest.strip_suffix('"'));
    let value = match (quoted, cell.strip_prefix('\'')) {
        (Some(text), _) => text.replace("\"\"", "\""),
        (None, Some(rest)) if is_formula(rest) => rest.to_owned(),
        (None, _) => cell.to_owned(),
    };
    value.trim_matches(is_blank).to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn marks_are_removed_and_other_apostrophes_stay() {
        for (cell, value) in [
            ("'+12125550123", "+12125550123"),
            ("=\"+12125550123\"", "+12125550123"),
            ("=\"00123\"", "00123"),
            ("=\"a \"\"b\"\"\"", "a \"b\""),
            ("'=SUM(A1)", "=SUM(A1)"),
            ("''=x", "'=x"),
            ("'t Hooft", "'t Hooft"),
            ("'", "'"),
            ("=\"", "=\""),
            ("=\"\"", ""),
            ("=A1", "=A1"),
            ("a", "a"),
        ] {
            assert_eq!(unmarked(cell), value, "{cell}");
        }
    }

    proptest! {
        #[test]
        fn unmarking_reverses_marking(cell in "['=+@\"a -]{0,6}|.{0,8}") {
            let value = cell.trim_matches(is_blank);
            let marked = marked(value);
            prop_assert!(!marked.starts_with(FORMULA_STARTS));
            prop_assert_eq!(unmarked(&marked), value);
        }
    }
}
