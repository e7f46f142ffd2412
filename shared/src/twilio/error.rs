//! Errors of the Twilio client.

use super::attempt::Failure;
use crate::domain::TwilioRefusal;

/// Why the client can't be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// There is neither an API key nor an auth token.
    #[error("the Twilio client needs an auth token or an API key")]
    NoCredentials,
    /// The base URL can't have a path.
    #[error("Twilio's base URL must be an http or https URL")]
    BaseUrl,
    /// The TLS configuration is invalid.
    #[error("TLS could not be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The configuration of the HTTP client is invalid.
    #[error("the HTTP client could not be built: {0}")]
    Http(#[from] reqwest::Error),
}

/// Why a request to Twilio failed. Requests to dial return a [`DialResult`](crate::domain::DialResult) instead.
#[derive(Debug, thiserror::Error)]
pub enum TwilioError {
    /// Twilio refused.
    #[error("Twilio refused: {0}")]
    Refused(TwilioRefusal),
    /// Twilio is unreachable or too slow. The request may or may not have had an effect.
    #[error("Twilio is unavailable: {0}")]
    Unavailable(String),
    /// Twilio's response to this request is unusable. Other requests may succeed.
    #[error("Twilio's response is unusable: {0}")]
    Unusable(&'static str),
}

impl From<Failure> for TwilioError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotTaken(refusal) if refusal.http_status.is_none() => {
                Self::Unavailable(refusal.message)
            }
            Failure::NotTaken(refusal) | Failure::Refused(refusal) => Self::Refused(refusal),
            Failure::Lost(reason) => Self::Unavailable(reason),
            Failure::Unusable(reason) => Self::Unusable(reason),
        }
    }
}
