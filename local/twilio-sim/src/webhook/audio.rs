//! Fetching the audio of a Play, as Twilio does: without parameters and signature, and again only if it has changed.

use std::collections::HashMap;
use std::time::Duration;

use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use http::header::{HeaderMap, HeaderValue, LAST_MODIFIED, LOCATION};

use super::response::{WebhookError, connection_error, timed_out, unusable};
use super::sender::{MAX_REDIRECTS, WebhookSender, is_redirect};
use super::urls::{resolve, without_fragment};

/// The media types that Twilio plays.
const MEDIA_TYPES: [&str; 11] = [
    "audio/mpeg",
    "audio/wav",
    "audio/wave",
    "audio/x-wav",
    "audio/aiff",
    "audio/x-aifc",
    "audio/x-aiff",
    "audio/x-gsm",
    "audio/gsm",
    "audio/ulaw",
    "audio/basic",
];
const CONNECT: Duration = Duration::from_secs(5);
const READ: Duration = Duration::from_secs(15);
/// The most URLs in the cache.
const MAX_CACHED: usize = 1_000;

/// What is known of fetched audio, by URL: the headers for the next request.
pub(super) type AudioCache = HashMap<String, HeaderMap>;

impl WebhookSender {
    /// Fetches audio with a GET, and follows redirects. Returns the URL and the status of the response.
    ///
    /// # Errors
    ///
    /// 11200 and its relatives if there is no successful response, 12300 if it is no audio.
    pub async fn fetch_audio(&self, url: &str) -> Result<(String, StatusCode), WebhookError> {
        let mut url = without_fragment(url).to_owned();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.get_audio(&url).await?;
            let (status, headers) = (response.status(), response.headers());
            let location = headers.get(LOCATION).filter(|_| is_redirect(status));
            if let Some(location) = location {
                let location = String::from_utf8_lossy(location.as_bytes());
                url = resolve(&url, &location).ok_or_else(|| {
                    unusable(11200, format!("can't follow the redirect to {location:?}"))
                })?;
                continue;
            }
            if status == StatusCode::NOT_MODIFIED {
                return Ok((url, status));
            }
            if !status.is_success() {
                return Err(unusable(11200, format!("{url} responded with {status}")));
            }
            let media_type = media_type(headers);
            if !MEDIA_TYPES.contains(&media_type.as_str()) {
                let problem = format!("{url} has type {media_type:?}, which Twilio does not play");
                return Err(unusable(12300, problem));
            }
            self.remember(&url, headers);
            return Ok((url, status));
        }
        Err(unusable(
            11215,
            format!("more than {MAX_REDIRECTS} redirects"),
        ))
    }

    async fn get_audio(&self, url: &str) -> Result<reqwest::Response, WebhookError> {
        let client = self
            .client(CONNECT)
            .map_err(|error| unusable(11200, error.to_string()))?;
        let parsed = url::Url::parse(url).map_err(|error| unusable(11100, error.to_string()))?;
        let known = self.audio().get(url).cloned().unwrap_or_default();
        let request = client.get(parsed).headers(known);
        match tokio::time::timeout(READ, request.send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(connection_error(&error)),
            Err(_) => Err(timed_out("no response within the read timeout")),
        }
    }

    /// Keeps the validators of a response, unless it forbids that.
    fn remember(&self, url: &str, headers: &HeaderMap) {
        let control = headers.get(CACHE_CONTROL).map(HeaderValue::as_bytes);
        let control = String::from_utf8_lossy(control.unwrap_or_default()).to_ascii_lowercase();
        let mut known = HeaderMap::new();
        if !control.contains("no-cache") && !control.contains("no-store") {
            for (name, condition) in [(ETAG, IF_NONE_MATCH), (LAST_MODIFIED, IF_MODIFIED_SINCE)] {
                if let Some(value) = headers.get(name) {
                    known.insert(condition, value.clone());
                }
            }
        }
        let mut audio = self.audio();
        if audio.len() < MAX_CACHED {
            audio.insert(url.to_owned(), known);
        }
    }
}

fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let value = String::from_utf8_lossy(value.unwrap_or_default());
    let media_type = value.split(';').next().unwrap_or_default();
    media_type.trim().to_ascii_lowercase()
}
