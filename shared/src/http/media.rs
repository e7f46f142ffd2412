//! The short-lived, signed URLs under which the `media` function streams audio.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};

use crate::{
    config::{ConfigError, Settings},
    domain::RecordingSid,
};

/// How long a URL lasts.
pub const LIFETIME_SECONDS: i64 = 300;

/// Signs and checks media URLs with `MEDIA_SIGNING_KEY`.
#[derive(Clone)]
pub struct MediaSigner(hmac::Key);

impl MediaSigner {
    /// A signer with that key.
    #[must_use]
    pub fn new(key: &SecretString) -> Self {
        Self(hmac::Key::new(
            hmac::HMAC_SHA256,
            key.expose_secret().as_bytes(),
        ))
    }

    /// A signer with `MEDIA_SIGNING_KEY`.
    ///
    /// # Errors
    ///
    /// When that is missing, or too short in production.
    pub fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        Ok(Self::new(&settings.media_signing_key()?))
    }

    /// The URL of the recording's audio, good until `now` (Unix seconds) and [`LIFETIME_SECONDS`].
    #[must_use]
    pub fn url(&self, media_url: &str, sid: &RecordingSid, now: i64) -> String {
        let expires = now + LIFETIME_SECONDS;
        let tag = hmac::sign(&self.0, message(sid, expires).as_bytes());
        let signature = BASE64_URL_SAFE_NO_PAD.encode(tag);
        format!("{media_url}?recording_sid={sid}&expires={expires}&signature={signature}")
    }

    /// The recording that the query of such a URL names, if the signature is ours and has not expired at `now` (Unix seconds).
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
    fn a_signed_url_names_its_recording_for_five_minutes() {
        let signer = MediaSigner::new(&"k".into());
        let query = query(&signer);
        assert_eq!(signer.check(&query, 1_000).unwrap().as_str(), SID);
        assert!(signer.check(&query, 1_299).is_some());
        assert!(signer.check(&query, 1_300).is_none());
    }

    #[test]
    fn a_changed_url_names_nothing() {
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
