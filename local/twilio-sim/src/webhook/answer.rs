//! What comes of a request to the application.

use std::time::Duration;

use http::StatusCode;
use http::header::CONTENT_TYPE;

use crate::overrides::Failure;
use crate::twiml::MAX_DOCUMENT;

/// An answer of the application.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its media type, without parameters, in lower case; empty where it has none.
    pub media_type: String,
    /// At most one byte more than a document may have.
    pub body: Vec<u8>,
    /// The URL that answered, after redirects.
    pub url: String,
}

/// No usable answer.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// Twilio's error code: 11100, 11200, 11205, 11210, 11215.
    pub code: u32,
    /// What went wrong.
    pub message: String,
    /// What kind of failure it is, which decides about another try.
    pub(super) failure: Failure,
}

pub(super) async fn read(
    mut answer: reqwest::Response,
    url: String,
    limit: Duration,
) -> Result<Answer, Trouble> {
    let status = answer.status();
    let media_type = answer
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
            && let Some(chunk) = answer.chunk().await?
        {
            body.extend(chunk);
        }
        Ok(body)
    };
    match tokio::time::timeout(limit, body).await {
        Ok(Ok(body)) => Ok(Answer {
            status,
            media_type,
            body,
            url,
        }),
        Ok(Err(error)) => Err(trouble(&error)),
        Err(_) => Err(timed_out("the answer did not end within the read time-out")),
    }
}

pub(super) fn failure(result: &Result<Answer, Trouble>) -> Option<Failure> {
    match result {
        Ok(answer) if answer.status.is_client_error() => Some(Failure::ClientError),
        Ok(answer) if answer.status.is_server_error() => Some(Failure::ServerError),
        Ok(_) => None,
        Err(trouble) => Some(trouble.failure),
    }
}

pub(super) fn trouble(error: &reqwest::Error) -> Trouble {
    let mut message = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        message = format!("{message}: {error}");
        cause = error.source();
    }
    match (error.is_connect(), message.contains("dns")) {
        (true, true) => Trouble {
            code: 11210,
            message,
            failure: Failure::Connect,
        },
        (true, false) => Trouble {
            code: 11205,
            message,
            failure: Failure::Connect,
        },
        _ => Trouble {
            code: 11205,
            message,
            failure: Failure::Read,
        },
    }
}

pub(super) fn timed_out(message: &str) -> Trouble {
    Trouble {
        code: 11205,
        message: message.to_owned(),
        failure: Failure::Read,
    }
}

pub(super) fn unusable(code: u32, message: String) -> Trouble {
    Trouble {
        code,
        message,
        failure: Failure::Answer,
    }
}
