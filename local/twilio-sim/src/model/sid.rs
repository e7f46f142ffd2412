//! Identifiers in Twilio's form.

use uuid::Uuid;

/// Returns a new identifier: the prefix and 32 hex digits, for example `CA0123…`.
#[must_use]
pub fn new_sid(prefix: &str) -> String {
    format!("{prefix}{}", Uuid::new_v4().simple())
}
