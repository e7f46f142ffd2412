//! The signatures of webhooks.

use std::{borrow::Cow, collections::BTreeSet, fmt::Write};

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::{digest, hmac};
use secrecy::{ExposeSecret, SecretString};

/// A request that claims to be Twilio's.
#[derive(Clone, Copy)]
pub struct Signed<'a> {
    /// The URL that we gave to Twilio, with the query as received, without a fragment.
    pub url: &'a str,
    /// The header `X-Twilio-Signature`.
    pub signature: Option<&'a str>,
    /// The header `X-Twilio-Webhooks-Signature-Settings`, which may name an algorithm other than SHA-1.
    pub settings: Option<&'a str>,
    /// The header `Content-Type`. Without it, the body counts as a form.
    pub content_type: Option<&'a str>,
    /// The body as received.
    pub body: &'a [u8],
}

impl Signed<'_> {
    /// Returns whether the signature is valid for one of the auth tokens.
    ///
    /// Twilio's own validators give the same result. The comparison takes constant time.
    #[must_use]
    pub fn is_valid(&self, tokens: &[SecretString]) -> bool {
        let Some(algorithm) = self.algorithm() else {
            return false;
        };
        let Some(tag) = self.signature.and_then(|text| STANDARD.decode(text).ok()) else {
            return false;
        };
        let Some(params) = self.signed_params() else {
            return false;
        };
        let messages = url_variants(self.url).map(|url| message(&url, &params));
        tokens.iter().any(|token| {
            let key = hmac::Key::new(algorithm, token.expose_secret().as_bytes());
            messages
                .iter()
                .any(|message| hmac::verify(&key, message.as_bytes(), &tag).is_ok())
        })
    }

    fn algorithm(&self) -> Option<hmac::Algorithm> {
        let name = self
            .settings
            .unwrap_or_default()
            .split(',')
            .filter_map(|setting| setting.split_once('='))
            .find(|(name, value)| name.trim() == "algorithm" && !value.trim().is_empty())
            .map_or("HMAC_SHA1", |(_, value)| value.trim());
        match name.to_ascii_uppercase().as_str() {
            "HMAC_SHA1" => Some(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
            "HMAC_SHA256" => Some(hmac::HMAC_SHA256),
            _ => None,
        }
    }

    /// The signed parameters, or `None` if the body is not covered by the signature.
    fn signed_params(&self) -> Option<Params<'_>> {
        if self.is_form() {
            return Some(form_pairs(self.body).collect());
        }
        let query = self.url.split_once('?').map_or("", |(_, query)| query);
        let hash = form_pairs(query.as_bytes()).find(|(name, _)| name == "bodySHA256");
        let is_covered = match hash {
            Some((_, hash)) => hash == sha256_hex(self.body),
            None => self.body.is_empty(),
        };
        is_covered.then(Params::new)
    }

    fn is_form(&self) -> bool {
        let media_type = self.content_type.map(|value| {
            let end = value.find(';').unwrap_or(value.len());
            value[..end].trim()
        });
        media_type.is_none_or(|name| name.eq_ignore_ascii_case("application/x-www-form-urlencoded"))
    }
}

/// Returns the `X-Twilio-Signature` for a form with these parameters, for tests and simulators.
#[must_use]
pub fn sign(url: &str, params: &[(&str, &str)], token: &str) -> String {
    let params = params
        .iter()
        .map(|&(name, value)| (name.into(), value.into()))
        .collect();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
    STANDARD.encode(hmac::sign(&key, message(url, &params).as_bytes()))
}

/// Returns the names and values of a form, in their order. Bytes that are not UTF-8 become U+FFFD.
#[must_use]
pub fn form_pairs(body: &[u8]) -> form_urlencoded::Parse<'_> {
    form_urlencoded::parse(body)
}

/// Names and values in the order of signing, without duplicates.
type Params<'a> = BTreeSet<(Cow<'a, str>, Cow<'a, str>)>;

fn message(url: &str, params: &Params<'_>) -> String {
    let pairs = params
        .iter()
        .flat_map(|(name, value)| [name.as_ref(), value.as_ref()]);
    std::iter::once(url).chain(pairs).collect()
}

/// The URL with and without a port, because Twilio signs either.
fn url_variants(url: &str) -> [String; 2] {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => {
            [format!("{scheme}://{host}{path}"), url.to_owned()]
        }
        _ => {
            let port = if scheme == "https" { 443 } else { 80 };
            [
                url.to_owned(),
                format!("{scheme}://{authority}:{port}{path}"),
            ]
        }
    }
}

fn sha256_hex(bytes: &[u8]) -> String {
    let hash = digest::digest(&digest::SHA256, bytes);
    hash.as_ref().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
