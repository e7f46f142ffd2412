use std::fmt;

use axum::response::{IntoResponse, Response};
use chrono::{DateTime, SecondsFormat, Utc};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::{
    dao::{DaoError, DuplicateKey},
    domain::Refusal,
    twilio::TwilioError,
};

/// A refusal: what is answered instead of the thing that was asked for.
///
/// The answer is an RFC 9457 document, [`ProblemBody`], made by [`with_common_layers`](super::with_common_layers), which knows the request.
/// What a 5xx was caused by goes to the log alone.
#[derive(Clone)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    errors: Vec<FieldError>,
    retry_after_seconds: Option<u32>,
    next_allowed_at: Option<DateTime<Utc>>,
    authenticate: bool,
    twilio: Option<Refusal>,
    cause: Option<String>,
}

/// One field of the request that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// Its name; nested names are joined by dots.
    #[schema(example = "to_number")]
    pub field: String,
    /// What is wrong with it.
    #[schema(example = "must be a telephone number in E.164 form, such as +12125550123")]
    pub message: String,
}

/// A refusal as it is answered: `application/problem+json` (RFC 9457).
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// Where the code is described.
    #[serde(rename = "type")]
    #[schema(example = "about:blank#validation_failed")]
    pub kind: String,
    /// The HTTP status in words.
    #[schema(example = "Unprocessable Entity")]
    pub title: String,
    /// The HTTP status.
    #[schema(example = 422)]
    pub status: u16,
    /// A stable word for programs.
    #[schema(example = "validation_failed")]
    pub code: String,
    /// What was wrong and what to do, for people.
    #[schema(example = "Refused because of: to_number.")]
    pub detail: String,
    /// The fields at fault.
    pub errors: Vec<FieldError>,
    /// Twilio's error code, where Twilio refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub twilio_code: Option<i32>,
    /// Twilio's words, where Twilio refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub twilio_message: Option<String>,
    /// From when on it would be allowed, where only the time is at fault: RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, nullable = false)]
    pub next_allowed_at: Option<String>,
    /// When, RFC 3339.
    #[schema(format = DateTime, example = "2026-01-02T03:04:05.678Z")]
    pub timestamp: String,
    /// Names the request in the logs.
    #[schema(example = "8476a536-e9f4-11e8-9739-2dfe598c3fcd")]
    pub request_id: String,
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

    /// 400: the body is no JSON object.
    #[must_use]
    pub fn malformed_json(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed_json", detail)
    }

    /// 400: the form of a webhook is not what Twilio sends.
    #[must_use]
    pub fn malformed_form(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed_form", detail)
    }

    /// 400: what has come is no request.
    #[must_use]
    pub fn malformed_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed_request", detail)
    }

    /// 401: no key, or an unknown one.
    #[must_use]
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self {
            authenticate: true,
            ..Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
        }
    }

    /// 403: known, and not allowed.
    #[must_use]
    pub fn forbidden(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, detail)
    }

    /// 404: there is no such thing.
    #[must_use]
    pub fn not_found(thing: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            format!("There is no such {thing}."),
        )
    }

    /// 405: the path knows other methods.
    #[must_use]
    pub fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "This path does not take the method; the Allow header lists those that it takes.",
        )
    }

    /// 409: the state of things stands against it.
    #[must_use]
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// 413: the body is too long.
    #[must_use]
    pub fn payload_too_large(limit_bytes: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "payload_too_large",
            format!("The body must have at most {limit_bytes} bytes."),
        )
    }

    /// 415: the body is of another type.
    #[must_use]
    pub fn unsupported_media_type(expected: &str) -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            format!("The body must be sent as {expected}, and say so in the Content-Type header."),
        )
    }

    /// 416: the range lies outside the body.
    #[must_use]
    pub fn range_not_satisfiable() -> Self {
        Self::new(
            StatusCode::RANGE_NOT_SATISFIABLE,
            "range_not_satisfiable",
            "The range lies outside the audio; Content-Range says how long it is.",
        )
    }

    /// 422: fields at fault, all of them.
    #[must_use]
    pub fn invalid_fields(errors: Vec<FieldError>) -> Self {
        let names: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
        let detail = format!("Refused because of: {}.", names.join(", "));
        Self {
            errors,
            ..Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "validation_failed",
                detail,
            )
        }
    }

    /// 422: one field that breaks a rule, which is named by `code`.
    #[must_use]
    pub fn rule(code: &'static str, field: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            errors: vec![FieldError {
                field: field.to_owned(),
                message: message.clone(),
            }],
            ..Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                code,
                format!("{field} {message}."),
            )
        }
    }

    /// 429: a cap is reached; it opens again after so many seconds.
    #[must_use]
    pub fn too_many(
        code: &'static str,
        detail: impl Into<String>,
        retry_after_seconds: u32,
    ) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, code, detail).retry_after(retry_after_seconds)
    }

    /// 502: Twilio did not take it. Its code and words are told.
    #[must_use]
    pub fn twilio_refused(refusal: Refusal) -> Self {
        let (code, detail) = match refusal.http_status {
            Some(_) => (
                "twilio_refused",
                format!("Twilio refused: {}", refusal.message),
            ),
            None => ("twilio_unreachable", refusal.message.clone()),
        };
        Self {
            twilio: Some(refusal),
            ..Self::new(StatusCode::BAD_GATEWAY, code, detail)
        }
    }

    /// 422: Twilio refused the number that the client wants called. The answer has Twilio's code and words.
    #[must_use]
    pub fn number_refused(refusal: Refusal) -> Self {
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            errors: vec![FieldError {
                field: "to_number".to_owned(),
                message: format!("was refused by Twilio: {}", refusal.message),
            }],
            ..Self::twilio_refused(refusal)
        }
    }

    /// 503: something that this needs is away for now.
    #[must_use]
    pub fn unavailable(detail: impl Into<String>, cause: impl fmt::Display) -> Self {
        Self {
            cause: Some(cause.to_string()),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
        }
        .retry_after(5)
    }

    /// 503: an operator has switched it off. Why is for the log alone.
    #[must_use]
    pub fn switched_off(
        code: &'static str,
        detail: impl Into<String>,
        cause: impl fmt::Display,
    ) -> Self {
        Self {
            cause: Some(cause.to_string()),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail)
        }
        .retry_after(60)
    }

    /// 500: our fault.
    #[must_use]
    pub fn internal(cause: impl fmt::Display) -> Self {
        Self {
            cause: Some(cause.to_string()),
            ..Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "Something went wrong on our side. The request_id tells us which request it was.",
            )
        }
    }

    /// Says when to try again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// Says that only the time is at fault, and from when on it is not.
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

    /// What the log says of a 5xx, where there is more to say than the answer does.
    pub(super) fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// Twilio's error code, where Twilio refused.
    pub(super) fn twilio_code(&self) -> Option<i32> {
        self.twilio.as_ref()?.code
    }

    /// The stable word.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    pub(super) fn into_body(self, request_id: String) -> ProblemBody {
        let (twilio_code, twilio_message) = match self.twilio {
            Some(Refusal {
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
            next_allowed_at: self
                .next_allowed_at
                .map(|at| at.to_rfc3339_opts(SecondsFormat::Millis, true)),
            timestamp: super::answer::now(),
            request_id,
        }
    }
}

/// Nothing of what is told to the caller alone.
impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Problem")
            .field("status", &self.status)
            .field("code", &self.code)
            .field("cause", &self.cause)
            .finish_non_exhaustive()
    }
}

/// The answer without its body, which [`with_common_layers`](super::with_common_layers) writes.
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

impl From<DaoError> for Problem {
    fn from(error: DaoError) -> Self {
        match &error {
            DaoError::Unavailable(_) | DaoError::LoginRefused(_) => Self::unavailable(
                "The database cannot be reached. If this was to change something, it may or may not have been \
                 changed: repeat it with the same Idempotency-Key.",
                error,
            ),
            DaoError::Duplicate(DuplicateKey::Email) => Self::conflict(
                "email_taken",
                "Another user has this e-mail address (case makes no difference).",
            ),
            DaoError::Duplicate(_) | DaoError::Internal(_) => Self::internal(error),
        }
    }
}

impl From<TwilioError> for Problem {
    fn from(error: TwilioError) -> Self {
        match error {
            TwilioError::Refused(refusal) => Self::twilio_refused(refusal),
            TwilioError::Unavailable(_) | TwilioError::Unusable(_) => Self {
                cause: Some(error.to_string()),
                ..Self::new(
                    StatusCode::BAD_GATEWAY,
                    "twilio_unreachable",
                    "Twilio did not answer as it should. Try again.",
                )
            },
        }
    }
}
