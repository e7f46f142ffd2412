//! What a local stack makes up, for one run or for all on the same port.

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Result;
use crate::input;

/// An account of the simulator.
#[derive(Clone, Serialize, Deserialize)]
pub struct Credentials {
    /// `AC` and 32 hex digits.
    pub account_sid: String,
    /// 32 hex digits.
    pub auth_token: String,
}

impl Credentials {
    /// Makes up an account.
    pub fn invent() -> Self {
        Self {
            account_sid: format!("AC{}", secret()),
            auth_token: secret(),
        }
    }
}

/// What a local stack makes up, and nobody can guess.
#[derive(Serialize, Deserialize)]
pub struct Secrets {
    /// The key that the API takes.
    pub api_key: String,
    /// `MEDIA_SIGNING_KEY`.
    pub media_signing_key: String,
    /// The simulator's account.
    pub account: Credentials,
}

impl Secrets {
    /// Makes up all of them.
    pub fn invent() -> Self {
        Self {
            api_key: format!("local_{}", secret()),
            media_signing_key: secret(),
            account: Credentials::invent(),
        }
    }

    /// Those in the file of an earlier run, or new ones, which the file holds from now on.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or written, or holds something else.
    pub fn kept_in(file: &Path) -> Result<Self> {
        if file.exists() {
            let secrets = input::json(file, "the secrets of an earlier run");
            return secrets.map_err(|error| format!("{error}; delete it for new ones").into());
        }
        let secrets = Self::invent();
        write_for_owner(file, &secrets)?;
        Ok(secrets)
    }
}

/// Writes a JSON file that only its owner may read.
pub fn write_for_owner(path: &Path, value: &impl Serialize) -> Result<()> {
    let write = || {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let file = File::options()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(path)?;
        serde_json::to_writer(file, value).map_err(io::Error::from)
    };
    write().map_err(|error| format!("cannot write {}: {error}", path.display()).into())
}

/// 32 hex digits that nobody can guess.
fn secret() -> String {
    Uuid::new_v4().simple().to_string()
}
