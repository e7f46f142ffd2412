//! The `X-Twilio-Signature` of a webhook.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

use super::urls::without_fragment;

/// Signs a request to `url` with these form parameters. Pass none for a GET or a JSON body.
///
/// Twilio appends the parameters to the URL, without its fragment, and signs the result with HMAC-SHA1. The parameters
/// are sorted by name, then by value; equal pairs count once.
#[must_use]
pub fn sign(auth_token: &str, url: &str, params: &[(String, String)]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, auth_token.as_bytes());
    STANDARD.encode(hmac::sign(&key, string_to_sign(url, params).as_bytes()))
}

fn string_to_sign(url: &str, params: &[(String, String)]) -> String {
    let url = without_fragment(url);
    let mut pairs: Vec<&(String, String)> = params.iter().collect();
    pairs.sort();
    pairs.dedup();
    pairs
        .into_iter()
        .fold(url.to_owned(), |signed, (name, value)| {
            signed + name + value
        })
}
