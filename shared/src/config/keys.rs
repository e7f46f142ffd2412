//! API keys: `API_KEYS` and its scopes.

use ring::digest;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::{ConfigError, Environment, Settings};
use crate::variables::entries;

/// A permission of an API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Read users and their calls.
    UsersRead,
    /// Create, change and delete users.
    UsersWrite,
    /// Read calls and recordings.
    CallsRead,
    /// Place and end calls, block numbers, delete recordings.
    CallsWrite,
    /// Remove numbers from the block list.
    NumbersUnblock,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 5] = [
        Self::UsersRead,
        Self::UsersWrite,
        Self::CallsRead,
        Self::CallsWrite,
        Self::NumbersUnblock,
    ];

    /// The scope as spelled in `API_KEYS`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UsersRead => "users:read",
            Self::UsersWrite => "users:write",
            Self::CallsRead => "calls:read",
            Self::CallsWrite => "calls:write",
            Self::NumbersUnblock => "numbers:unblock",
        }
    }
}

/// One entry of `API_KEYS`.
#[derive(Clone)]
pub struct ApiKey {
    /// The key's name, which appears in logs and in the `created_by` fields of the API.
    pub name: String,
    sha256: [u8; 32],
    scopes: Vec<Scope>,
}

impl ApiKey {
    /// The key's scopes.
    #[must_use]
    pub fn scopes(&self) -> &[Scope] {
        &self.scopes
    }
}

/// The API keys, by their hashes.
#[derive(Clone)]
pub struct ApiKeys {
    keys: Vec<ApiKey>,
}

impl Settings {
    /// Parses `API_KEYS`.
    ///
    /// # Errors
    ///
    /// When an entry is malformed, or production has no key.
    pub fn api_keys(&self) -> Result<ApiKeys, ConfigError> {
        let keys = ApiKeys::parse(self.values.get("API_KEYS")?, self.environment)?;
        if keys.is_open() {
            tracing::warn!("API_KEYS not set, API open to everybody");
        }
        Ok(keys)
    }
}

const EXPECTED: &str = "comma-separated entries name:sha256-hex[:scope+scope], such as backend:9f86…0a08 (the SHA-256 of the key in 64 hexadecimal digits)";

impl ApiKeys {
    pub(super) fn parse(text: Option<&str>, environment: Environment) -> Result<Self, ConfigError> {
        let Some(text) = text else {
            return match environment {
                Environment::Production => Err(ConfigError::missing("API_KEYS", EXPECTED)),
                Environment::Development => Ok(Self { keys: Vec::new() }),
            };
        };
        let mut keys: Vec<ApiKey> = Vec::new();
        for (at, entry) in entries(text).enumerate() {
            let key = parse_key(entry).ok_or_else(|| {
                ConfigError::new(format!(
                    "API_KEYS is malformed in entry {}: it must be {EXPECTED}",
                    at + 1
                ))
            })?;
            if keys.iter().any(|other| other.name == key.name) {
                return Err(ConfigError::new(format!(
                    "API_KEYS is malformed in entry {}: an earlier entry has the same name",
                    at + 1
                )));
            }
            keys.push(key);
        }
        Ok(Self { keys })
    }

    /// Returns whether there are no keys, which opens the API to everybody. Only in development.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.keys.is_empty()
    }

    /// Returns the entry of the presented key. Compares every entry in constant time.
    #[must_use]
    pub fn find(&self, presented: &str) -> Option<&ApiKey> {
        let hash = digest::digest(&digest::SHA256, presented.as_bytes());
        let mut found = 0u32;
        for (at, key) in (1u32..).zip(&self.keys) {
            let same: Choice = key.sha256.ct_eq(hash.as_ref());
            found.conditional_assign(&at, same);
        }
        self.keys.get(usize::try_from(found).ok()?.checked_sub(1)?)
    }
}

fn parse_key(entry: &str) -> Option<ApiKey> {
    let mut parts = entry.splitn(3, ':');
    let (name, hex, scopes) = (parts.next()?, parts.next()?, parts.next());
    let is_name = (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if !is_name || hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    let mut sha256 = [0; 32];
    for (byte, at) in sha256.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(
            hex.get(at..at + 2).filter(|pair| !pair.starts_with('+'))?,
            16,
        )
        .ok()?;
    }
    let scopes = match scopes {
        None => Scope::ALL.to_vec(),
        Some(words) => words
            .split('+')
            .map(|word| Scope::ALL.into_iter().find(|scope| scope.as_str() == word))
            .collect::<Option<_>>()?,
    };
    Some(ApiKey {
        name: name.to_owned(),
        sha256,
        scopes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // SHA-256 of "test" and of "other".
    const TEST: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    const OTHER: &str = "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa";

    fn parse(text: &str) -> Result<ApiKeys, ConfigError> {
        ApiKeys::parse(Some(text), Environment::Production)
    }

    #[test]
    fn key_is_found_by_its_hash() {
        let keys = parse(&format!("a:{TEST}, b:{OTHER}:calls:read+users:read")).unwrap();
        assert_eq!(keys.find("test").unwrap().name, "a");
        let b = keys.find("other").unwrap();
        assert_eq!(b.name, "b");
        assert_eq!(b.scopes(), [Scope::CallsRead, Scope::UsersRead]);
        assert!(keys.find("test ").is_none());
        assert!(keys.find("").is_none());
        assert!(keys.find(TEST).is_none());
    }

    #[test]
    fn malformed_entry_is_rejected_by_its_position() {
        let good = format!("a:{TEST}");
        for bad in [
            String::from("a"),
            "a:12".into(),
            format!(":{TEST}"),
            format!("a b:{TEST}"),
            format!("a:{TEST}:everything"),
            format!("a:{TEST}:"),
            format!("a:{}", "z".repeat(64)),
            format!("a:{}", "+1".repeat(32)),
            format!("a:{}", "é".repeat(32)),
            String::new(),
        ] {
            let error = parse(&format!("ok:{TEST},{bad}"))
                .err()
                .unwrap_or_else(|| panic!("{bad}"));
            assert!(
                error
                    .to_string()
                    .starts_with("API_KEYS is malformed in entry 2"),
                "{error}"
            );
        }
        assert!(parse(&format!("{good},{good}")).is_err());
    }

    #[test]
    fn production_requires_keys_and_development_does_not() {
        assert!(ApiKeys::parse(None, Environment::Production).is_err());
        assert!(
            ApiKeys::parse(None, Environment::Development)
                .unwrap()
                .is_open()
        );
    }
}
