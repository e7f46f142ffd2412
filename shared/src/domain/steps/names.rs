//! The names in steps: ids of steps, and outcomes.

use crate::domain::{checked_text, from_json_string};

const MESSAGE: &str = "must start with a lower-case letter, and have at most 32 lower-case letters, digits and underscores";

checked_text!(
    /// The id of a step, and the target of a `goto`.
    StepId,
    is_name,
    MESSAGE
);
checked_text!(
    /// The client's own name for a result, such as `confirmed`.
    Outcome,
    is_name,
    MESSAGE
);

from_json_string!(StepId, Outcome);

fn is_name(text: &str) -> bool {
    text.len() <= 32
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_lower_case_words() {
        for good in ["a", "confirm_2", &"a".repeat(32)] {
            assert!(good.parse::<StepId>().is_ok(), "{good}");
        }
        for bad in ["", "A", "1a", "_a", "a-b", "a b", "é", &"a".repeat(33)] {
            assert!(bad.parse::<Outcome>().is_err(), "{bad}");
        }
    }
}
