//! The operator's texts: the reason for a change, and who made it.

use std::process::Command;

use rustix::process::getuid;
use rustix::system::uname;

use crate::error::UsageError;

/// The longest texts that fit on a line of a log, in characters.
pub const REASON_MAX: usize = 500;
pub const BY_MAX: usize = 200;

/// Trims an operator's text. Blank counts as absent.
pub fn one_line<'a>(
    option: &str,
    text: Option<&'a str>,
    longest: usize,
) -> Result<Option<&'a str>, UsageError> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let breaks = |letter: char| letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}');
    if text.chars().count() > longest || text.contains(breaks) {
        let message = format!("{option} must be one line of at most {longest} characters");
        return Err(UsageError(message));
    }
    Ok(Some(text))
}

/// The name of the current user in the system's user database.
fn login_name() -> Option<String> {
    let output = Command::new("id").arg("-un").output().ok()?;
    let name = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !name.is_empty()).then_some(name)
}

/// The current user and machine.
pub fn user_at_host() -> String {
    let user = ["USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()))
        .or_else(login_name)
        .unwrap_or_else(|| format!("uid {}", getuid().as_raw()));
    let host = uname().nodename().to_string_lossy().into_owned();
    let name: String = format!("{user}@{host}")
        .chars()
        .filter(|letter| !letter.is_control())
        .take(BY_MAX)
        .collect();
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_text_is_one_line_of_bounded_length() {
        let read = |text| one_line("--by", Some(text), 5).map_err(|error| error.to_string());
        assert_eq!(read(" Zoë "), Ok(Some("Zoë")));
        assert_eq!(read("ééééé"), Ok(Some("ééééé")));
        assert_eq!(read("  "), Ok(None));
        let refused = Err("--by must be one line of at most 5 characters".to_owned());
        for text in ["éééééé", "a\nb", "a\u{1b}b", "a\u{2028}b"] {
            assert_eq!(read(text), refused, "{text:?}");
        }
    }

    #[test]
    fn default_name_can_be_stored() {
        let name = user_at_host();
        assert!(name.contains('@'), "{name}");
        assert_eq!(
            one_line("--by", Some(&name), BY_MAX).ok(),
            Some(Some(&*name))
        );
    }
}
