//! The result of a webhook: a response or an error.

use std::time::Duration;

use http::StatusCode;
use http::header::CONTENT_TYPE;

use super::overrides::Failure;
use crate::twiml::MAX_DOCUMENT;

/// A response of the application.
#[derive(Clone, Debug)]
pub struct WebhookResponse {
    /// The HTTP status.
    pub status: StatusCode,
    /// The media type in lower case, without parameters. Empty without a `Content-Type`.
    pub media_type: String,
    /// The body. A longer one than [`MAX_DOCUMENT`] is cut off at some point after that length.
    pub body: Vec<u8>,
    /// The URL of the response, after redirects.
    pub url: String,
}

/// Why there is no usable response.
#[derive(Clone, Debug)]
pub struct WebhookError {
    /// Twilio's error code: 11100, 11200, 11205, 11210 or 11215.
    pub code: u32,
    /// The message for the log.
    pub message: String,
    /// The kind of failure, which the retry policy uses.
    pub(super) failure: Failure,
}

/// Reads a response, within `limit`.
pub(super) async fn read(
    mut response: reqwest::Response,
    url: String,
    limit: Duration,
) -> Result<WebhookResponse, WebhookError> {
    let status = response.status();
    let media_type = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let media_type = media_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let body = async {
        let mut body = Vec::new();
        while body.len() <= MAX_DOCUMENT
            && let Some(chunk) = response.chunk().await?
        {
            body.extend(chunk);
        }
        Ok(body)
    };
    match tokio::time::timeout(limit, body).await {
        Ok(Ok(body)) => Ok(WebhookResponse {
            status,
            media_type,
            body,
            url,
        }),
        Ok(Err(error)) => Err(connection_error(&error)),
        Err(_) => Err(timed_out(
            "the response did not end within the read timeout",
        )),
    }
}

/// Returns the kind of failure, or `None` if the delivery succeeded.
pub(super) fn failure(result: &Result<WebhookResponse, WebhookError>) -> Option<Failure> {
    match result {
        Ok(response) if response.status.is_client_error() => Some(Failure::ClientError),
        Ok(response) if response.status.is_server_error() => Some(Failure::ServerError),
        Ok(_) => None,
        Err(error) => Some(error.failure),
    }
}

/// Converts an error of the HTTP client, with the messages of all its causes.
pub(super) fn connection_error(error: &reqwest::Error) -> WebhookError {
    let mut message = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        message = format!("{message}: {error}");
        cause = error.source();
    }
    match (error.is_connect(), message.contains("dns")) {
        (true, true) => WebhookError {
            code: 11210,
            message,
            failure: Failure::Connect,
        },
        (true, false) => WebhookError {
            code: 11205,
            message,
            failure: Failure::Connect,
        },
        _ => WebhookError {
            code: 11205,
            message,
            failure: Failure::Read,
        },
    }
}

/// Returns the error for a late response.
pub(super) fn timed_out(message: &str) -> WebhookError {
    WebhookError {
        code: 11205,
        message: message.to_owned(),
        failure: Failure::Read,
    }
}

/// Returns the error for an unusable URL or redirect.
pub(super) fn unusable(code: u32, message: String) -> WebhookError {
    WebhookError {
        code,
        message,
        failure: Failure::Unusable,
    }
}
