//! Why a request to the API has no result.

use std::fmt;

use reqwest::{Response, StatusCode};
use serde::Deserialize;

use crate::error::Error;

/// Why a request has no result.
#[derive(Debug)]
pub enum ApiError {
    /// The service refused it.
    Refused {
        status: StatusCode,
        problem: Problem,
    },
    /// The service did not respond.
    NoResponse { origin: String, cause: String },
    /// The response is not that of the service.
    Unreadable { origin: String, status: StatusCode },
    /// The request's body is a stream.
    NotRepeatable,
}

/// The body of a refusal.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Problem {
    pub code: String,
    pub detail: String,
    pub errors: Vec<Fault>,
}

/// A fault of a field.
#[derive(Debug, Deserialize)]
pub struct Fault {
    pub field: String,
    pub message: String,
}

impl ApiError {
    /// Reads an error response.
    pub async fn of(response: Response) -> Self {
        let status = response.status();
        let problem = response.json().await.unwrap_or_default();
        Self::Refused { status, problem }
    }

    /// The code of the refusal, if there is one.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { problem, .. } => Some(&problem.code),
            _ => None,
        }
    }

    /// Returns true if the same request may succeed later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Refused { status, .. } => is_transient(*status),
            Self::NoResponse { .. } => true,
            Self::Unreadable { .. } | Self::NotRepeatable => false,
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { status, problem } if problem.code.is_empty() => write!(
                f,
                "the API responded {}: check that the URL is its origin",
                status.as_u16()
            ),
            Self::Refused { problem, .. } => {
                write!(f, "{} ({})", problem.detail, problem.code)?;
                for fault in &problem.errors {
                    write!(f, "\n  {} {}", fault.field, fault.message)?;
                }
                Ok(())
            }
            Self::NoResponse { origin, cause } => write!(f, "{origin} does not respond: {cause}"),
            Self::Unreadable { origin, status } => write!(
                f,
                "{origin} responded {} with other content: check that it is the API's origin",
                status.as_u16()
            ),
            Self::NotRepeatable => f.write_str("the request cannot be repeated"),
        }
    }
}

impl std::error::Error for ApiError {}

/// An error as text, with what to do next.
pub fn advised(error: &ApiError, advice: &str) -> Error {
    format!("{error}; {advice}").into()
}

/// Returns true if the same request may succeed later.
pub fn is_transient(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS
        || (status.is_server_error() && status != StatusCode::INTERNAL_SERVER_ERROR)
}
