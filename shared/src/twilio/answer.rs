//! What an answer of Twilio's means, or its absence: whether a request was taken is told apart from what was said.

use std::{error::Error, iter};

use reqwest::{RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::domain::Refusal;

/// Why a request has no result.
#[derive(Debug)]
pub(super) enum Failure {
    /// It never got there, or Twilio was too busy to look at it: repeating it does nothing twice.
    NotTaken(Refusal),
    /// Twilio has said no.
    Refused(Refusal),
    /// It may have been done: the answer was lost.
    Lost(String),
    /// It may have been done: Twilio has answered, and nothing can be made of that.
    Unusable(&'static str),
}

/// The longest page of a list has a thousand calls, of two kilobytes each.
const BODY_MAX: usize = 4 * 1024 * 1024;
/// More of Twilio's words than any of its messages has.
const MESSAGE_MAX: usize = 500;
/// Sends the request, and waits for the head of the answer.
pub(super) async fn answer(request: RequestBuilder) -> Result<Response, Failure> {
    request.send().await.map_err(|error| {
        if error.is_connect() || error.is_builder() {
            Failure::NotTaken(Refusal {
                http_status: None,
                code: None,
                message: format!("Twilio could not be reached: {}", reason(error)),
            })
        } else {
            Failure::Lost(reason(error))
        }
    })
}

/// The answer, if its status is 2xx.
pub(super) async fn accepted(response: Response) -> Result<Response, Failure> {
    let status = response.status();
    match status.as_u16() {
        200..=299 => Ok(response),
        // Time-outs on Twilio's side: what became of the request is not said.
        408 | 425 => Err(Failure::Lost(answered(status))),
        429 => Err(Failure::NotTaken(refusal(response).await)),
        400..=499 => Err(Failure::Refused(refusal(response).await)),
        _ => Err(Failure::Lost(answered(status))),
    }
}

/// Twilio's `{code, message}`; the status alone says enough where they cannot be read.
async fn refusal(response: Response) -> Refusal {
    let status = response.status();
    let said: Value = match body(response).await {
        Ok(body) => serde_json::from_slice(&body).unwrap_or_default(),
        Err(_) => Value::Null,
    };
    let message = said["message"].as_str().filter(|text| !text.is_empty());
    Refusal {
        http_status: Some(status.as_u16()),
        code: said["code"].as_i64().and_then(|code| code.try_into().ok()),
        message: match message {
            Some(text) => text.chars().take(MESSAGE_MAX).collect(),
            None => answered(status),
        },
    }
}

/// The answer's body, read to its end.
pub(super) async fn body(mut response: Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| Failure::Lost(reason(error)))?
    {
        if body.len() + chunk.len() > BODY_MAX {
            return Err(Failure::Unusable("Twilio's answer was too long"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What is said of an answer that makes no sense.
pub(super) const GARBLED: &str = "Twilio's answer could not be read";

/// The answer's body as JSON of that form.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|_| Failure::Unusable(GARBLED))
}

pub(super) fn answered(status: StatusCode) -> String {
    format!("Twilio answered {}", status.as_u16())
}

/// An error with all its causes, and without its URL, which may hold names of calls.
fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let causes = iter::successors(Some(&error as &dyn Error), |&error| error.source());
    causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
