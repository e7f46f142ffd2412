//! The public URLs of the functions that have their own.

use url::Url;

use super::{ConfigError, Environment, Settings};

/// A function with a URL of its own, for Twilio or for redirected clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookKind {
    /// Returns TwiML.
    Voice,
    /// Answers people who call our number: the function `voice`. The operator gives its URL to Twilio.
    Inbound,
    /// Receives status callbacks.
    Status,
    /// Receives the results of machine detection: the function `status`.
    Machine,
    /// Receives recording callbacks.
    Recording,
    /// Receives webhooks about transcripts. The operator gives its URL to Twilio.
    Transcript,
    /// Streams audio.
    Media,
}

impl WebhookKind {
    /// The webhook whose URL is beside this one by default.
    fn of_same_function(self) -> Option<Self> {
        match self {
            Self::Machine => Some(Self::Status),
            Self::Inbound => Some(Self::Voice),
            Self::Voice | Self::Status | Self::Recording | Self::Transcript | Self::Media => None,
        }
    }

    fn variable(self) -> &'static str {
        match self {
            Self::Voice => "VOICE_URL",
            Self::Inbound => "INBOUND_URL",
            Self::Status => "STATUS_URL",
            Self::Machine => "MACHINE_URL",
            Self::Recording => "RECORDING_URL",
            Self::Transcript => "TRANSCRIPT_URL",
            Self::Media => "MEDIA_URL",
        }
    }

    /// The path under `BASE_URL`.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Voice => "/twilio/voice",
            Self::Inbound => "/twilio/inbound",
            Self::Status => "/twilio/status",
            Self::Machine => "/twilio/machine",
            Self::Recording => "/twilio/recording",
            Self::Transcript => "/twilio/transcript",
            Self::Media => "/media",
        }
    }
}

/// The URLs of the functions that have their own.
#[derive(Debug, Clone)]
pub struct PublicUrls {
    /// `VOICE_URL`, or `BASE_URL/twilio/voice`.
    pub voice: String,
    /// `STATUS_URL`, or `BASE_URL/twilio/status`.
    pub status: String,
    /// `MACHINE_URL`, or beside `STATUS_URL`, or `BASE_URL/twilio/machine`.
    pub machine: String,
    /// `RECORDING_URL`, or `BASE_URL/twilio/recording`.
    pub recording: String,
    /// `MEDIA_URL`, or `BASE_URL/media`.
    pub media: String,
    /// [`Settings::fallback_url`].
    pub fallback: Option<String>,
}

/// What the URL of one function must be.
const FULL_URL: &str = "a full https URL without query or fragment";

impl Settings {
    /// Parses the URLs that outdial gives to Twilio and to clients.
    ///
    /// # Errors
    ///
    /// When a URL is malformed, or both it and `BASE_URL` are missing.
    pub fn public_urls(&self) -> Result<PublicUrls, ConfigError> {
        let url = |kind: WebhookKind| {
            webhook_url(self, kind)?.ok_or_else(|| {
                ConfigError::missing(
                    "BASE_URL",
                    &format!(
                        "the public https origin, such as https://calls.example.com, or set {} to a full URL",
                        kind.variable()
                    ),
                )
            })
        };
        Ok(PublicUrls {
            voice: url(WebhookKind::Voice)?,
            status: url(WebhookKind::Status)?,
            machine: url(WebhookKind::Machine)?,
            recording: url(WebhookKind::Recording)?,
            media: url(WebhookKind::Media)?,
            fallback: self.fallback_url()?,
        })
    }

    /// Parses `FALLBACK_URL`, the URL that Twilio requests if the voice URL fails. `None`: the voice URL with a mark, as in earlier
    /// versions. It does not follow from `BASE_URL`, so that it works while that origin fails.
    ///
    /// # Errors
    ///
    /// When `FALLBACK_URL` is malformed.
    pub fn fallback_url(&self) -> Result<Option<String>, ConfigError> {
        let url = self.values.get("FALLBACK_URL")?;
        url.map_or(Ok(()), |url| check(self, "FALLBACK_URL", url, FULL_URL))?;
        Ok(url.map(str::to_owned))
    }
}

/// Returns the configured URL of a function, verbatim, or `None` if neither its variable nor `BASE_URL` is set.
///
/// # Errors
///
/// When the variable is malformed.
pub fn webhook_url(settings: &Settings, kind: WebhookKind) -> Result<Option<String>, ConfigError> {
    if let Some(url) = settings.values.get(kind.variable())? {
        check(settings, kind.variable(), url, FULL_URL)?;
        return Ok(Some(url.to_owned()));
    }
    // Stacks set only the other URL, or did in earlier versions.
    if let Some(other) = kind.of_same_function()
        && let Some(url) = settings.values.get(other.variable())?
        && let Some(origin) = url.strip_suffix(other.path())
    {
        return Ok(Some(format!("{origin}{}", kind.path())));
    }
    let Some(origin) = settings.values.get("BASE_URL")? else {
        return Ok(None);
    };
    check(
        settings,
        "BASE_URL",
        origin,
        "a public https origin, such as https://calls.example.com",
    )?;
    Ok(Some(format!(
        "{}{}",
        origin.trim_end_matches('/'),
        kind.path()
    )))
}

fn check(settings: &Settings, name: &str, text: &str, expected: &str) -> Result<(), ConfigError> {
    let valid = Url::parse(text).is_ok_and(|url| {
        settings.environment.allows_scheme(url.scheme())
            && url.host().is_some()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
    });
    if valid {
        return Ok(());
    }
    let hint = match settings.environment() {
        Environment::Development => " (development allows http)",
        Environment::Production => "",
    };
    Err(ConfigError::malformed(name, &format!("{expected}{hint}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls<const N: usize>(pairs: [(&str, &str); N]) -> Result<PublicUrls, ConfigError> {
        Settings::from_pairs(pairs).unwrap().public_urls()
    }

    #[test]
    fn webhook_urls_derive_from_the_origin_or_are_set_in_full() {
        let urls = urls([
            ("BASE_URL", "https://calls.example.com/"),
            (
                "VOICE_URL",
                "https://abc.lambda-url.us-east-1.on.aws/twilio/voice",
            ),
        ])
        .unwrap();
        assert_eq!(
            urls.voice,
            "https://abc.lambda-url.us-east-1.on.aws/twilio/voice"
        );
        assert_eq!(urls.status, "https://calls.example.com/twilio/status");
        assert_eq!(urls.machine, "https://calls.example.com/twilio/machine");
        assert_eq!(urls.media, "https://calls.example.com/media");
        assert_eq!(urls.fallback, None, "it has an origin of its own");
    }

    #[test]
    fn machine_url_is_beside_the_status_url() {
        let status = "https://status.example.com/twilio/status";
        let settings = Settings::from_pairs([("STATUS_URL", status)]).unwrap();
        let url = |settings: &Settings| webhook_url(settings, WebhookKind::Machine).unwrap();
        let expected = "https://status.example.com/twilio/machine";
        assert_eq!(url(&settings).as_deref(), Some(expected));
        let own = "https://machine.example.com/x";
        let pairs = [("STATUS_URL", status), ("MACHINE_URL", own)];
        assert_eq!(
            url(&Settings::from_pairs(pairs).unwrap()).as_deref(),
            Some(own)
        );
        let odd = Settings::from_pairs([("STATUS_URL", "https://status.example.com/s")]);
        assert_eq!(url(&odd.unwrap()), None);
    }

    #[test]
    fn origin_needs_https_except_in_development() {
        let base = ("BASE_URL", "http://127.0.0.1:9000");
        assert!(
            urls([base])
                .unwrap_err()
                .to_string()
                .starts_with("BASE_URL is malformed")
        );
        assert!(urls([base, ("ENVIRONMENT", "development")]).is_ok());
        assert!(
            urls([])
                .unwrap_err()
                .to_string()
                .starts_with("BASE_URL is missing")
        );
        for bad in [
            "calls.example.com",
            "https://",
            "https://a.example/?x=1",
            "https://a.example/#f",
            "https://u:p@a.example",
        ] {
            assert!(urls([("BASE_URL", bad)]).is_err(), "{bad}");
        }
    }
}
