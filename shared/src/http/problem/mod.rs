//! Error responses: their parts, and how they become responses.

mod body;
mod conversions;
mod kinds;

use std::fmt;

use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use http::{HeaderValue, StatusCode, header};

pub use body::{FieldError, ProblemBody};

use crate::domain::{TwilioRefusal, with_milliseconds};

/// An error response.
///
/// Its body is a [`ProblemBody`] (RFC 9457), which [`with_common_layers`](super::with_common_layers) writes. The cause of a
/// 5xx is logged and never sent.
#[derive(Clone)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    errors: Vec<FieldError>,
    retry_after_seconds: Option<u32>,
    next_allowed_at: Option<DateTime<Utc>>,
    authenticate: bool,
    twilio: Option<TwilioRefusal>,
    cause: Option<String>,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after_seconds: None,
            next_allowed_at: None,
            authenticate: false,
            twilio: None,
            cause: None,
        }
    }

    /// With a `Retry-After` header.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// With the earliest time at which the same request is allowed.
    #[must_use]
    pub fn allowed_from(mut self, next: DateTime<Utc>) -> Self {
        let wait = (next - Utc::now()).num_seconds().saturating_add(1).max(1);
        self.next_allowed_at = Some(next);
        self.retry_after(u32::try_from(wait).unwrap_or(u32::MAX))
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The cause for the log.
    pub(in crate::http) fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// Twilio's error code, if Twilio refused.
    pub(in crate::http) fn twilio_code(&self) -> Option<i32> {
        self.twilio.as_ref()?.code
    }

    /// The stable error code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The body of the response to the request with this id.
    pub(in crate::http) fn into_body(self, request_id: String) -> ProblemBody {
        let (twilio_code, twilio_message) = match self.twilio {
            Some(TwilioRefusal {
                http_status: Some(_),
                code,
                message,
            }) => (code, Some(message)),
            _ => (None, None),
        };
        ProblemBody {
            kind: format!("about:blank#{}", self.code),
            title: self
                .status
                .canonical_reason()
                .unwrap_or_default()
                .to_owned(),
            status: self.status.as_u16(),
            code: self.code.to_owned(),
            detail: self.detail,
            errors: self.errors,
            twilio_code,
            twilio_message,
            next_allowed_at: self.next_allowed_at.map(with_milliseconds),
            timestamp: with_milliseconds(Utc::now()),
            request_id,
        }
    }
}

/// Omits what may hold personal data: detail, fields and Twilio's message.
impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Problem")
            .field("status", &self.status)
            .field("code", &self.code)
            .field("cause", &self.cause)
            .finish_non_exhaustive()
    }
}

/// The response without its body, which [`with_common_layers`](super::with_common_layers) writes.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.authenticate {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"outdial\""),
            );
        }
        response.extensions_mut().insert(self);
        response
    }
}
