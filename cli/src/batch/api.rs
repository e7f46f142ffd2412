//! The service's API, as a client with an API key uses it. Every request here can be repeated, so a failed one is.

use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use reqwest::{Client, Method, RequestBuilder, Response};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use tokio::time::sleep;

use super::connection::Connection;
use super::refusal::{ApiError, is_transient};
use crate::error::{Result, cause};
use crate::output::message;

/// The pauses before a request is repeated.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];
/// The longest pause that the service may ask for.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// A client of the service.
pub struct Api {
    http: Client,
    origin: String,
    key: SecretString,
}

impl Api {
    /// Makes a client after printing which service it uses. Connects to nothing.
    pub fn open(connection: &Connection) -> Result<Self> {
        let (origin, key) = (connection.origin()?, connection.key()?);
        message(format_args!("API {origin}"));
        Ok(Self {
            http: crate::http::client()?,
            origin,
            key,
        })
    }

    /// A request with the key. Its `path` begins with a slash.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.origin));
        request.bearer_auth(self.key.expose_secret())
    }

    /// Sends a request that can be repeated, up to five times.
    ///
    /// # Errors
    ///
    /// If the service refuses the request or does not respond.
    pub async fn send(&self, request: RequestBuilder) -> Result<Response, ApiError> {
        let mut pauses = PAUSES.into_iter();
        loop {
            let attempt = request.try_clone().ok_or(ApiError::NotRepeatable)?;
            let pause = pauses.next();
            match (attempt.send().await, pause) {
                (Ok(response), _) if response.status().is_success() => return Ok(response),
                (Ok(response), Some(pause)) if is_transient(response.status()) => {
                    sleep(asked_pause(&response).unwrap_or(pause)).await;
                }
                (Ok(response), _) => return Err(ApiError::of(response).await),
                (Err(_), Some(pause)) => sleep(pause).await,
                (Err(error), None) => return Err(self.no_response(&error)),
            }
        }
    }

    /// Sends a request like [`Api::send`], and parses the response.
    ///
    /// # Errors
    ///
    /// Those of [`Api::send`], and if the response is other JSON or none.
    pub async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ApiError> {
        let response = self.send(request).await?;
        let status = response.status();
        let body = response.bytes().await;
        let body = body.map_err(|error| self.no_response(&error))?;
        serde_json::from_slice(&body).map_err(|_| ApiError::Unreadable {
            origin: self.origin.clone(),
            status,
        })
    }

    fn no_response(&self, error: &reqwest::Error) -> ApiError {
        ApiError::NoResponse {
            origin: self.origin.clone(),
            cause: cause(error),
        }
    }
}

fn asked_pause(response: &Response) -> Option<Duration> {
    let seconds = response
        .headers()
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds).min(PAUSE_MAX))
}
