//! The file by which commands find the variables of a local stack.

use std::{env, ffi::OsString, path::PathBuf};

use super::ConfigError;

/// Returns the path of the file in which `cargo xtask dev` keeps the variables of its stack while it runs on `port`.
///
/// The file is `$XDG_STATE_HOME/outdial/dev-PORT.json`, or `~/.local/state/outdial/dev-PORT.json` if that variable is unset.
///
/// # Errors
///
/// If neither `XDG_STATE_HOME` nor `HOME` is an absolute path.
pub fn dev_variables_file(port: u16) -> Result<PathBuf, ConfigError> {
    file(port, env::var_os("XDG_STATE_HOME"), env::var_os("HOME"))
}

fn file(
    port: u16,
    state: Option<OsString>,
    home: Option<OsString>,
) -> Result<PathBuf, ConfigError> {
    let absolute = |folder: Option<OsString>| {
        let folder = folder.map(PathBuf::from);
        folder.filter(|folder| folder.is_absolute())
    };
    let state = absolute(state).or_else(|| {
        let home = absolute(home)?;
        Some(home.join(".local/state"))
    });
    let state = state.ok_or_else(|| {
        ConfigError::missing(
            "HOME",
            "your home folder, or XDG_STATE_HOME to a folder for state",
        )
    })?;
    Ok(state.join(format!("outdial/dev-{port}.json")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_is_in_the_state_folder_or_below_home() {
        let path = |state: &str, home: &str| {
            file(9000, Some(state.into()), Some(home.into()))
                .map(|path| path.display().to_string())
                .ok()
        };
        let below_home = Some("/home/ada/.local/state/outdial/dev-9000.json".to_owned());
        assert_eq!(
            path("/state", "/home/ada").as_deref(),
            Some("/state/outdial/dev-9000.json")
        );
        assert_eq!(path("", "/home/ada"), below_home);
        assert_eq!(path("relative", "/home/ada"), below_home);
        assert_eq!(path("", ""), None);
        assert!(file(9000, None, None).is_err());
    }
}
