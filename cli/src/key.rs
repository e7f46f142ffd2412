//! `outdial key`: a new API key and its entry in `API_KEYS`.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use clap::Args;
use clap::builder::PossibleValuesParser;
use outdial::config::{Scope, Settings};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use serde::Serialize;

use crate::error::{Result, UsageError};
use crate::output::Format;

#[derive(Args)]
#[command(after_help = "\
Examples:
  outdial key backend
  outdial key reports --scope users:read,calls:read
  outdial key backend --output json")]
pub struct Arguments {
    /// Name of the key in logs and on what it creates: letters, digits, `-`, `_` and `.`
    name: String,
    /// Scopes of the key, separated by commas (default: all)
    #[arg(
        long = "scope",
        value_name = "SCOPE",
        value_delimiter = ',',
        value_parser = PossibleValuesParser::new(Scope::ALL.map(Scope::as_str))
    )]
    scopes: Vec<String>,
}

/// A key that the service accepts once its entry is in `API_KEYS`.
#[derive(Serialize)]
struct NewKey<'a> {
    name: &'a str,
    /// The key, which the client sends.
    key: String,
    /// The entry, which the service stores.
    entry: String,
}

impl fmt::Display for NewKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the key, shown only once; its client sends it as `Authorization: Bearer …`:\n{}\n\n\
             its entry for API_KEYS, separated from other entries by a comma:\n{}",
            self.key, self.entry
        )
    }
}

pub fn run(arguments: &Arguments, format: Format) -> Result<()> {
    let mut random = [0; 32];
    SystemRandom::new()
        .fill(&mut random)
        .map_err(|_| "this machine provides no random bytes")?;
    let key = format!("od_{}", BASE64_URL_SAFE_NO_PAD.encode(random));
    format.print(&NewKey {
        name: &arguments.name,
        entry: entry(arguments, &key)?,
        key,
    })
}

/// Returns the key's entry, after checking that the service accepts it.
fn entry(Arguments { name, scopes }: &Arguments, key: &str) -> Result<String> {
    let hash = digest(&SHA256, key.as_bytes());
    let digits = hash.as_ref().iter().map(|byte| format!("{byte:02x}"));
    let mut entry = format!("{name}:{}", digits.collect::<String>());
    if !scopes.is_empty() {
        entry = format!("{entry}:{}", scopes.join("+"));
    }
    let is_accepted = Settings::from_pairs([("API_KEYS", &entry)])?
        .api_keys()
        .is_ok_and(|keys| keys.find(key).is_some());
    if is_accepted {
        return Ok(entry);
    }
    let message =
        format!("cannot make a key named {name:?}: a name has 1 to 64 letters, digits, - _ or .");
    Err(UsageError(message).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry_of(name: &str, scopes: &[&str]) -> Result<String> {
        let arguments = Arguments {
            name: name.to_owned(),
            scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
        };
        entry(&arguments, "test")
    }

    #[test]
    fn service_accepts_the_entry() {
        let hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        assert_eq!(entry_of("backend", &[]).unwrap(), format!("backend:{hash}"));
        let scoped = entry_of("reports", &["users:read", "numbers:unblock"]).unwrap();
        assert_eq!(scoped, format!("reports:{hash}:users:read+numbers:unblock"));
        for name in ["a b", "", "a,b", &"a".repeat(65)] {
            assert!(entry_of(name, &[]).is_err(), "{name}");
        }
    }
}
