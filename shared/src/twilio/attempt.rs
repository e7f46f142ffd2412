//! Attempts of a request to Twilio: how one fails, and how long and how often to try.

use std::{error::Error, iter, time::Duration};

use reqwest::{RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::domain::TwilioRefusal;

/// Why a request failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// It did not reach Twilio, or Twilio answered 429. Repeating it is safe.
    NotTaken(TwilioRefusal),
    /// Twilio refused.
    Refused(TwilioRefusal),
    /// The response was lost. The request may have had an effect.
    Lost(String),
    /// The response is unusable. The request may have had an effect.
    Unusable(&'static str),
}

/// The time limits of requests to Twilio. The functions use the defaults.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// For connecting, including TLS.
    pub connect: Duration,
    /// For the response to one request, including connecting.
    pub response: Duration,
    /// For dialling, including all attempts and pauses.
    pub dial_budget: Duration,
    /// For any other request, including all attempts and pauses.
    pub read_budget: Duration,
    /// For the single attempt of a health check.
    pub ping: Duration,
    /// The pause before the second attempt. It doubles with each further one.
    pub first_pause: Duration,
}

/// Twilio's share of an API function's response time.
const DIAL_BUDGET: Duration = Duration::from_secs(12);

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            response: Duration::from_secs(8),
            dial_budget: DIAL_BUDGET,
            read_budget: Duration::from_secs(5),
            ping: Duration::from_secs(2),
            first_pause: Duration::from_millis(100),
        }
    }
}

/// The retries of a request: after which failures, how often and for how long.
#[derive(Clone, Copy)]
pub(super) struct RetryPolicy {
    /// The most attempts.
    pub attempts: u32,
    /// The time for all attempts and pauses.
    pub budget: Duration,
    /// Returns true if the request is retried after this failure.
    pub is_retryable: fn(&Failure) -> bool,
}

/// Makes attempts by the policy until the deadline. Each gets the time that remains for it.
///
/// An attempt starts only if there is time to connect. So a timeout in a later attempt never leaves open whether the request was
/// sent.
pub(super) async fn retried<T, F: Future<Output = Result<T, Failure>>>(
    policy: RetryPolicy,
    timeouts: &Timeouts,
    deadline: Instant,
    attempt: impl Fn(Duration) -> F,
) -> Result<T, Failure> {
    let mut attempts = 1;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let failure = match attempt(left.min(timeouts.response)).await {
            Ok(value) => return Ok(value),
            Err(failure) => failure,
        };
        let pause = with_jitter(timeouts.first_pause * 2_u32.pow(attempts - 1));
        let fits = deadline
            .checked_sub(pause)
            .is_some_and(|deadline| leaves_time_to_connect(timeouts, deadline));
        if attempts >= policy.attempts || !fits || !(policy.is_retryable)(&failure) {
            return Err(failure);
        }
        sleep(pause).await;
        attempts += 1;
    }
}

/// Returns whether there is time to connect before the deadline.
pub(super) fn leaves_time_to_connect(timeouts: &Timeouts, deadline: Instant) -> bool {
    Instant::now() + timeouts.connect <= deadline
}

/// Adds up to the same length to a pause, at random, so that clients that failed together do not retry together.
fn with_jitter(pause: Duration) -> Duration {
    let [chance, ..] = Uuid::new_v4().into_bytes();
    pause + pause * u32::from(chance) / 255
}

/// The maximum size of a response. The longest list page has a thousand calls of two kilobytes.
const BODY_MAX: usize = 4 * 1024 * 1024;
/// The maximum length of an error message in characters. Twilio's messages are shorter.
const MESSAGE_MAX: usize = 500;

/// Sends a request, and waits for the head of the response.
pub(super) async fn send(request: RequestBuilder) -> Result<Response, Failure> {
    request.send().await.map_err(|error| {
        if error.is_connect() || error.is_builder() {
            Failure::NotTaken(TwilioRefusal {
                http_status: None,
                code: None,
                message: format!("Twilio could not be reached: {}", reason(error)),
            })
        } else {
            Failure::Lost(reason(error))
        }
    })
}

/// Returns the response if its status is 2xx.
pub(super) async fn accepted(response: Response) -> Result<Response, Failure> {
    let status = response.status();
    match status.as_u16() {
        200..=299 => Ok(response),
        // Timeouts on Twilio's side, after which the outcome of the request is unknown.
        408 | 425 => Err(Failure::Lost(answered(status))),
        429 => Err(Failure::NotTaken(refusal(response).await)),
        400..=499 => Err(Failure::Refused(refusal(response).await)),
        _ => Err(Failure::Lost(answered(status))),
    }
}

/// Parses Twilio's `{code, message}`. Falls back to the status.
async fn refusal(response: Response) -> TwilioRefusal {
    let status = response.status();
    let error: Value = match body(response).await {
        Ok(body) => serde_json::from_slice(&body).unwrap_or_default(),
        Err(_) => Value::Null,
    };
    let message = error["message"].as_str().filter(|text| !text.is_empty());
    TwilioRefusal {
        http_status: Some(status.as_u16()),
        code: error["code"].as_i64().and_then(|code| code.try_into().ok()),
        message: match message {
            Some(text) => text.chars().take(MESSAGE_MAX).collect(),
            None => answered(status),
        },
    }
}

/// Reads the whole body.
pub(super) async fn body(mut response: Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| Failure::Lost(reason(error)))?
    {
        if body.len() + chunk.len() > BODY_MAX {
            return Err(Failure::Unusable("Twilio's response was too long"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The text for a response with unexpected content.
pub(super) const UNREADABLE: &str = "Twilio's response could not be read";

/// Parses the body as JSON.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|_| Failure::Unusable(UNREADABLE))
}

/// The text for a response with this status.
pub(super) fn answered(status: StatusCode) -> String {
    format!("Twilio answered {}", status.as_u16())
}

/// The error with its causes, but without its URL, which may contain ids.
fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let causes = iter::successors(Some(&error as &dyn Error), |&error| error.source());
    causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_adds_up_to_the_same_length() {
        let pause = Duration::from_millis(100);
        for _ in 0..1_000 {
            let longer = with_jitter(pause);
            assert!((pause..=pause * 2).contains(&longer), "{longer:?}");
        }
    }
}
