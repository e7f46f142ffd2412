//! The random secrets of a local stack. They last for one run, or for every run on the same port.

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Result;

/// An account of the simulator.
#[derive(Clone, Serialize, Deserialize)]
pub struct Credentials {
    /// `AC` and 32 hex digits.
    pub account_sid: String,
    /// 32 hex digits.
    pub auth_token: String,
}

impl Credentials {
    /// A random account.
    #[must_use]
    pub fn invent() -> Self {
        Self {
            account_sid: format!("AC{}", secret()),
            auth_token: secret(),
        }
    }
}

/// The random secrets of a local stack.
#[derive(Serialize, Deserialize)]
pub struct Secrets {
    /// The API key.
    pub api_key: String,
    /// `MEDIA_SIGNING_KEY`.
    pub media_signing_key: String,
    /// The simulator's account.
    pub account: Credentials,
}

impl Secrets {
    /// New secrets.
    #[must_use]
    pub fn invent() -> Self {
        Self {
            api_key: format!("local_{}", secret()),
            media_signing_key: secret(),
            account: Credentials::invent(),
        }
    }

    /// Reads the secrets from the file of an earlier run, or creates the file with new ones.
    ///
    /// # Errors
    ///
    /// When the file can't be read or written, or contains something else.
    pub fn kept_in(file: &Path) -> Result<Self> {
        match std::fs::read(file) {
            Ok(text) => serde_json::from_slice(&text).map_err(|_| {
                let file = file.display();
                format!(
                    "{file} does not contain the secrets of an earlier run: delete it for new ones"
                )
                .into()
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let secrets = Self::invent();
                write_for_owner(file, &secrets)?;
                Ok(secrets)
            }
            Err(error) => Err(format!("cannot read {}: {error}", file.display()).into()),
        }
    }
}

/// Writes a JSON file that only its owner can read.
///
/// # Errors
///
/// When the file can't be written.
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

/// 32 random hex digits.
fn secret() -> String {
    Uuid::new_v4().simple().to_string()
}
