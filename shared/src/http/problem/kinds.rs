//! The kinds of error responses, by status.

use std::fmt;

use http::StatusCode;

use super::{FieldError, Problem};
use crate::domain::TwilioRefusal;

impl Problem {
    /// 400: the body is not a JSON object.
    #[must_use]
    pub fn malformed_json(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed_json", detail)
    }

    /// 400: the form of a webhook is invalid.
    #[must_use]
    pub fn malformed_form(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed_form", detail)
    }

    /// 400: the gateway's event is not a valid HTTP request.
    #[must_use]
    pub fn malformed_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed_request", detail)
    }

    /// 401: the API key is missing or unknown.
    #[must_use]
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self {
            authenticate: true,
            ..Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
        }
    }

    /// 403: the caller lacks a permission, or a signature is invalid.
    #[must_use]
    pub fn forbidden(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, detail)
    }

    /// 404: no such `thing` exists.
    #[must_use]
    pub fn not_found(thing: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            format!("No such {thing} exists."),
        )
    }

    /// 404: the recording has no transcript, and none is made.
    #[must_use]
    pub fn no_transcript() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "no_transcript",
            "The recording has no transcript, because its call was placed without `transcribe`.",
        )
    }

    /// 405: the path has other methods.
    #[must_use]
    pub fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "This path does not support the method. The Allow header lists the methods that it supports.",
        )
    }

    /// 409: the current state does not allow the request.
    #[must_use]
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// 413: the body is too large.
    #[must_use]
    pub fn payload_too_large(limit_bytes: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "payload_too_large",
            format!("The body must not exceed {limit_bytes} bytes."),
        )
    }

    /// 415: the body has the wrong media type.
    #[must_use]
    pub fn unsupported_media_type(expected: &str) -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            format!("The Content-Type header must be {expected}."),
        )
    }

    /// 416: the range lies outside the audio.
    #[must_use]
    pub fn range_not_satisfiable() -> Self {
        Self::new(
            StatusCode::RANGE_NOT_SATISFIABLE,
            "range_not_satisfiable",
            "The range lies outside the audio. The Content-Range header has the length of the audio.",
        )
    }

    /// 422: all invalid fields of the request.
    #[must_use]
    pub fn invalid_fields(errors: Vec<FieldError>) -> Self {
        let count = errors.len();
        Self::first_invalid_fields(errors, count)
    }

    /// 422: the first invalid fields of the request, which has `count` faults.
    #[must_use]
    pub fn first_invalid_fields(errors: Vec<FieldError>, count: usize) -> Self {
        let names: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
        let more = match count.saturating_sub(errors.len()) {
            0 => String::new(),
            more => format!(", and {more} more faults"),
        };
        let detail = format!("Invalid: {}{more}.", names.join(", "));
        Self {
            errors,
            ..Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "validation_failed",
                detail,
            )
        }
    }

    /// 422: a field breaks the rule that `code` names.
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

    /// 422: the request as a whole breaks the rule that `code` names.
    #[must_use]
    pub fn unprocessable(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
    }

    /// 429: a daily cap is reached. It resets in `retry_after_seconds`.
    #[must_use]
    pub fn too_many(
        code: &'static str,
        detail: impl Into<String>,
        retry_after_seconds: u32,
    ) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, code, detail).retry_after(retry_after_seconds)
    }

    /// 502: Twilio refused or could not be reached. The response has Twilio's code and message.
    #[must_use]
    pub fn twilio_refused(refusal: TwilioRefusal) -> Self {
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

    /// 502: Twilio did not return a usable response.
    pub(super) fn twilio_unreachable(cause: &impl fmt::Display) -> Self {
        Self {
            cause: Some(cause.to_string()),
            ..Self::new(
                StatusCode::BAD_GATEWAY,
                "twilio_unreachable",
                "Twilio did not return a usable response. Try again.",
            )
        }
    }

    /// 422: Twilio refused the called number. The response has Twilio's code and message.
    #[must_use]
    pub fn number_refused(refusal: TwilioRefusal) -> Self {
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            errors: vec![FieldError {
                field: "to_number".to_owned(),
                message: format!("was refused by Twilio: {}", refusal.message),
            }],
            ..Self::twilio_refused(refusal)
        }
    }

    /// 503: a dependency is unavailable for now.
    #[must_use]
    pub fn unavailable(detail: impl Into<String>, cause: impl fmt::Display) -> Self {
        Self {
            cause: Some(cause.to_string()),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
        }
        .retry_after(5)
    }

    /// 503: an operator has switched it off. The reason (`cause`) is only logged.
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

    /// 500: an internal error.
    #[must_use]
    pub fn internal(cause: impl fmt::Display) -> Self {
        Self {
            cause: Some(cause.to_string()),
            ..Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "An internal error occurred. Please report the request_id.",
            )
        }
    }
}
