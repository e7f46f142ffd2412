//! Identifiers in Twilio's form.

use uuid::Uuid;

/// Returns a new identifier: the prefix and 32 hex digits, for example `CA0123…`.
#[must_use]
pub fn new_sid(prefix: &str) -> String {
    format!("{prefix}{}", Uuid::new_v4().simple())
}

/// Returns the identifier of a thing with this name: the same one each time.
#[must_use]
pub fn sid_of(prefix: &str, name: &str) -> String {
    let uuid = Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes());
    format!("{prefix}{}", uuid.simple())
}
