//! `X-Twilio-Signature`: how a receiver knows that a webhook comes from here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

/// The signature of a request to `url` with these form parameters; none are given for a GET or a JSON body, whose
/// content the URL vouches for.
///
/// The names are sorted, the values of one name sorted and taken once each, and all of it appended to the URL
/// as it was configured, without its fragment.
#[must_use]
pub fn sign(auth_token: &str, url: &str, params: &[(String, String)]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, auth_token.as_bytes());
    STANDARD.encode(hmac::sign(&key, string_to_sign(url, params).as_bytes()))
}

fn string_to_sign(url: &str, params: &[(String, String)]) -> String {
    let url = url.split_once('#').map_or(url, |(url, _)| url);
    let mut pairs: Vec<&(String, String)> = params.iter().collect();
    pairs.sort();
    pairs.dedup();
    pairs
        .into_iter()
        .fold(url.to_owned(), |signed, (name, value)| {
            signed + name + value
        })
}
