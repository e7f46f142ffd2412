//! Media URLs: short-lived signed URLs of audio, which the `media` function streams.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};

use crate::{
    config::{ConfigError, Settings},
    domain::RecordingSid,
};

/// The lifetime of a URL.
pub const LIFETIME_SECONDS: i64 = 300;

/// Signs and checks media URLs with `MEDIA_SIGNING_KEY`.
#[derive(Clone)]
pub struct MediaSigner(hmac::Key);

impl MediaSigner {
    /// Creates a signer with this key.
    #[must_use]
    pub fn new(key: &SecretString) -> Self {
        Self(hmac::Key::new(
            hmac::HMAC_SHA256,
            key.expose_secret().as_bytes(),
        ))
    }

    /// Creates a signer with `MEDIA_SIGNING_KEY`.
    ///
    /// # Errors
    ///
    /// When the variable is missing, or too short in production.
    pub fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        Ok(Self::new(&settings.media_signing_key()?))
    }

    /// Returns a URL for the recording's audio, which expires [`LIFETIME_SECONDS`] after `now` (Unix seconds).
    #[must_use]
    pub fn url(&self, media_url: &str, sid: &RecordingSid, now: i64) -> String {
        let expires = now + LIFETIME_SECONDS;
        let tag = hmac::sign(&self.0, message(sid, expires).as_bytes());
        let signature = BASE64_URL_SAFE_NO_PAD.encode(tag);
        format!("{media_url}?recording_sid={sid}&expires={expires}&signature={signature}")
    }

    /// Returns the recording that the query of a media URL names.
    ///
    /// `None` if the signature is invalid or has expired at `now` (Unix seconds).
    #[must_use]
    pub fn check(&self, query: &str, now: i64) -> Option<RecordingSid> {
        let value = |wanted: &str| {
            form_urlencoded::parse(query.as_bytes())
                .find(|(name, _)| name == wanted)
                .map(|(_, value)| value)
        };
        let sid: RecordingSid = value("recording_sid")?.parse().ok()?;
        let expires: i64 = value("expires")?.parse().ok()?;
        let signature = BASE64_URL_SAFE_NO_PAD
            .decode(value("signature")?.as_bytes())
            .ok()?;
        hmac::verify(&self.0, message(&sid, expires).as_bytes(), &signature).ok()?;
        (now < expires).then_some(sid)
    }
}

fn message(sid: &RecordingSid, expires: i64) -> String {
    format!("{sid}\n{expires}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SID: &str = "RE0123456789abcdef0123456789abcdef";

    fn query(signer: &MediaSigner) -> String {
        let url = signer.url("https://m.example.com/media", &SID.parse().unwrap(), 1_000);
        url.split_once('?').unwrap().1.to_owned()
    }

    #[test]
    fn signed_url_is_valid_for_five_minutes() {
        let signer = MediaSigner::new(&"k".into());
        let query = query(&signer);
        assert_eq!(signer.check(&query, 1_000).unwrap().as_str(), SID);
        assert!(signer.check(&query, 1_299).is_some());
        assert!(signer.check(&query, 1_300).is_none());
    }

    #[test]
    fn changed_url_is_invalid() {
        let signer = MediaSigner::new(&"k".into());
        let query = query(&signer);
        assert!(
            MediaSigner::new(&"other".into())
                .check(&query, 1_000)
                .is_none()
        );
        for (from, to) in [
            ("expires=1300", "expires=9999"),
            ("RE0", "RE1"),
            ("signature=", "signature=A"),
            ("signature=", "s="),
            ("RE0", "CA0"),
        ] {
            assert!(
                signer.check(&query.replace(from, to), 1_000).is_none(),
                "{from} → {to}"
            );
        }
        assert!(signer.check("", 0).is_none());
    }
}
