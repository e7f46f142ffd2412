//! `cargo xtask key`: an API key, and the entry that lets it in.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use clap::Args;
use outdial::config::Settings;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

use crate::Result;
use crate::stack::environment::hex;

#[derive(Args)]
#[command(after_help = "Example:\n  cargo xtask key backend --scope calls:write,calls:read")]
pub struct Arguments {
    /// What the key is called in logs and on what it creates: letters, digits, `-`, `_` and `.`
    name: String,
    /// What the key may do: `users:read`, `users:write`, `calls:read`, `calls:write`, `numbers:unblock`; all, where none is named
    #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',')]
    scopes: Vec<String>,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let mut random = [0; 32];
    SystemRandom::new()
        .fill(&mut random)
        .map_err(|_| "this machine gives no random bytes")?;
    let key = format!("od_{}", BASE64_URL_SAFE_NO_PAD.encode(random));
    let entry = entry(arguments, &key)?;
    println!(
        "the key, shown this once; its client sends it as `Authorization: Bearer …`:\n{key}\n"
    );
    println!("its entry in API_KEYS, beside others after a comma:\n{entry}");
    Ok(())
}

/// What the service reads, and would refuse otherwise.
fn entry(Arguments { name, scopes }: &Arguments, key: &str) -> Result<String> {
    let hash = digest(&SHA256, key.as_bytes());
    let mut entry = format!("{name}:{}", hex(hash.as_ref()));
    if !scopes.is_empty() {
        entry = format!("{entry}:{}", scopes.join("+"));
    }
    let is_taken = Settings::from_pairs([("API_KEYS", &entry)])?
        .api_keys()
        .is_ok_and(|keys| keys.find(key).is_some());
    if is_taken {
        return Ok(entry);
    }
    Err(format!(
        "cannot make a key {name:?}: a name has 1 to 64 letters, digits, - _ or ., and the scopes are users:read, users:write, \
         calls:read, calls:write and numbers:unblock"
    )
    .into())
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
    fn an_entry_is_what_the_service_takes() {
        let hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        assert_eq!(entry_of("backend", &[]).unwrap(), format!("backend:{hash}"));
        let scoped = entry_of("reports", &["users:read", "numbers:unblock"]).unwrap();
        assert_eq!(scoped, format!("reports:{hash}:users:read+numbers:unblock"));
        for (name, scopes) in [
            ("a b", &[][..]),
            ("", &[]),
            ("a,b", &[]),
            ("a", &["everything"]),
        ] {
            assert!(entry_of(name, scopes).is_err(), "{name} {scopes:?}");
        }
    }
}
