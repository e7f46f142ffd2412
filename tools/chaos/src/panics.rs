//! Finds the functions' panics in their log.

use std::path::Path;

use serde_json::Value;
use stack::Result;

/// The message of the log line about a panic.
const MESSAGE: &str = "panicked";

/// Returns the place in the source of each panic.
///
/// # Errors
///
/// If the file can't be read.
pub fn places(log: &Path) -> Result<Vec<String>> {
    Ok(found(&std::fs::read_to_string(log)?))
}

fn found(log: &str) -> Vec<String> {
    let lines = log.lines().filter(|line| line.contains(MESSAGE));
    let panics = lines.filter_map(|line| {
        let fields: Value = serde_json::from_str(&line[line.find('{')?..]).ok()?;
        let place = fields["place"].as_str().unwrap_or("an unknown place");
        (fields["message"] == MESSAGE).then(|| place.to_owned())
    });
    panics.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_message_about_a_panic_counts() {
        let log = concat!(
            r#"dispatch      | {"level":"ERROR","message":"panicked","place":"src/run.rs:1:2"}"#,
            "\n",
            r#"status        | {"level":"INFO","message":"nothing panicked"}"#,
            "\n",
            "dispatch      | panicked",
        );
        assert_eq!(found(log), ["src/run.rs:1:2"]);
    }
}
