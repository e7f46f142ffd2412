//! The Twilio account, API key and addresses that tests use.

use ring::digest;

/// The account of the simulated Twilio.
pub const ACCOUNT_SID: &str = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
/// The auth token of [`ACCOUNT_SID`].
pub const AUTH_TOKEN: &str = "12345678901234567890abcdefabcdef";
/// The origin of webhook URLs, which their signatures cover.
pub const BASE_URL: &str = "https://calls.example.com";
/// The API key of tests, with all scopes.
pub const API_KEY: &str = "a-key-for-tests";
/// The caller's number.
pub const FROM_NUMBER: &str = "+12125550100";

/// Returns an entry of `API_KEYS` with these scopes; an empty text stands for all scopes.
#[must_use]
pub fn api_key(name: &str, key: &str, scopes: &str) -> String {
    let hash = hex(digest::digest(&digest::SHA256, key.as_bytes()).as_ref());
    match scopes {
        "" => format!("{name}:{hash}"),
        scopes => format!("{name}:{hash}:{scopes}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}
