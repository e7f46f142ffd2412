//! The variables of this process.

use std::{collections::HashMap, ffi::OsString};

use secrecy::SecretString;

use super::{ConfigError, VARIABLES, trimmed};

/// A variable of the process, trimmed. `None` if it is not set or blank.
#[must_use]
pub fn variable(name: &str) -> Option<String> {
    let value = std::env::var(name).ok()?;
    Some(trimmed(&value).to_owned()).filter(|value| !value.is_empty())
}

/// All variables of the process, by name.
///
/// # Errors
///
/// When one of [`VARIABLES`] is not UTF-8.
pub fn environment() -> Result<HashMap<String, SecretString>, ConfigError> {
    by_name(std::env::vars_os())
}

fn by_name(
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> Result<HashMap<String, SecretString>, ConfigError> {
    let mut by_name = HashMap::new();
    for (name, value) in variables {
        let Ok(name) = name.into_string() else {
            continue;
        };
        match value.into_string() {
            Ok(value) => {
                by_name.insert(name, value.into());
            }
            Err(_) if VARIABLES.contains(&name.as_str()) => {
                return Err(ConfigError::malformed(&name, "text in UTF-8"));
            }
            Err(_) => {}
        }
    }
    Ok(by_name)
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

    use super::*;

    #[test]
    fn variable_that_is_not_utf_8_is_rejected_by_name() {
        let bad = |name: &str| [(OsString::from(name), OsStr::from_bytes(b"a\xff").to_owned())];
        let error = by_name(bad("MONGO_URI").into_iter()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "MONGO_URI is malformed: it must be text in UTF-8"
        );
        assert!(by_name(bad("UNRELATED").into_iter()).unwrap().is_empty());
    }
}
