use std::{borrow::Cow, collections::BTreeSet, fmt::Write};

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::{digest, hmac};
use secrecy::{ExposeSecret, SecretString};

use super::form_pairs;

/// A request that claims to come from Twilio.
#[derive(Clone, Copy)]
pub struct Signed<'a> {
    /// The URL that Twilio was given, and its query as it arrived; no fragment.
    pub url: &'a str,
    /// The header `X-Twilio-Signature`.
    pub signature: Option<&'a str>,
    /// The header `X-Twilio-Webhooks-Signature-Settings`, which may name another algorithm than SHA-1.
    pub settings: Option<&'a str>,
    /// The header `Content-Type`; without it the body is taken for a form.
    pub content_type: Option<&'a str>,
    /// The body as it arrived.
    pub body: &'a [u8],
}

impl Signed<'_> {
    /// Whether one of the tokens made the signature. The verdict is that of Twilio's own validators; the comparison
    /// takes the same time whatever the signature holds.
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

    /// What is signed beside the URL; `None` where nothing vouches for the body.
    fn signed_params(&self) -> Option<Params<'_>> {
        if self.is_form() {
            return Some(form_pairs(self.body).collect());
        }
        let query = self.url.split_once('?').map_or("", |(_, query)| query);
        let hash = form_pairs(query.as_bytes()).find(|(name, _)| name == "bodySHA256");
        let vouched = match hash {
            Some((_, hash)) => hash == sha256_hex(self.body),
            None => self.body.is_empty(),
        };
        vouched.then(Params::new)
    }

    fn is_form(&self) -> bool {
        let media_type = self.content_type.map(|value| {
            let end = value.find(';').unwrap_or(value.len());
            value[..end].trim()
        });
        media_type.is_none_or(|name| name.eq_ignore_ascii_case("application/x-www-form-urlencoded"))
    }
}

/// The `X-Twilio-Signature` that Twilio would send with a form of these parameters: what tests and simulators need.
#[must_use]
pub fn sign(url: &str, params: &[(&str, &str)], token: &str) -> String {
    let params = params
        .iter()
        .map(|&(name, value)| (name.into(), value.into()))
        .collect();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
    STANDARD.encode(hmac::sign(&key, message(url, &params).as_bytes()))
}

/// Names and values in the order in which they are signed, each pair once.
type Params<'a> = BTreeSet<(Cow<'a, str>, Cow<'a, str>)>;

fn message(url: &str, params: &Params<'_>) -> String {
    let pairs = params
        .iter()
        .flat_map(|(name, value)| [name.as_ref(), value.as_ref()]);
    std::iter::once(url).chain(pairs).collect()
}

/// The URL without a port, and with one: Twilio signs either.
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
