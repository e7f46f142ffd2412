//! Places in a text, for error messages.

/// Names the line and column of a byte's character, both from 1.
pub(super) fn place(source: &str, at: usize) -> String {
    let before = source.get(..at).unwrap_or(source);
    let line = before.matches('\n').count() + 1;
    let begin = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before[begin..].chars().count() + 1;
    format!("line {line}, column {column}")
}
