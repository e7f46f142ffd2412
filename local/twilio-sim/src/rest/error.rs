//! Errors in Twilio's format.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use serde_json::json;

/// An error response: `{code, message, more_info, status}`.
#[derive(Clone, Debug)]
pub struct RestError {
    /// The HTTP status.
    pub status: StatusCode,
    /// Twilio's error code.
    pub code: u32,
    /// The message.
    pub message: String,
}

/// A response extension with Twilio's error code.
#[derive(Clone, Copy, Debug)]
pub(super) struct ErrorCode(pub(super) u32);

impl RestError {
    /// An error with the status that Twilio sends with this code: 400 unless another one is known.
    pub fn with_usual_status(code: u32, message: impl Into<String>) -> Self {
        let status = match code {
            20003 => StatusCode::UNAUTHORIZED,
            20403 => StatusCode::FORBIDDEN,
            20404 => StatusCode::NOT_FOUND,
            20429 => StatusCode::TOO_MANY_REQUESTS,
            20500 => StatusCode::INTERNAL_SERVER_ERROR,
            20503 => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        };
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    /// 400 with this error code.
    pub fn bad(code: u32, message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code,
            message: message.into(),
        }
    }

    /// 404, 20404.
    #[must_use]
    pub fn not_found(path: &str) -> Self {
        let message = format!("The requested resource {path} was not found");
        Self {
            status: StatusCode::NOT_FOUND,
            code: 20404,
            message,
        }
    }

    /// 401, 20003.
    #[must_use]
    pub fn unauthenticated() -> Self {
        Self {
            status: StatusCode::UNAUTHORIZED,
            code: 20003,
            message: "Authenticate".to_owned(),
        }
    }

    /// 409, 20009: the call has not ended, so it can't be deleted.
    #[must_use]
    pub fn not_complete() -> Self {
        Self {
            status: StatusCode::CONFLICT,
            code: 20009,
            message: "Cannot delete this resource before it is complete".to_owned(),
        }
    }

    /// 405, 20004.
    #[must_use]
    pub fn method_not_allowed() -> Self {
        Self {
            status: StatusCode::METHOD_NOT_ALLOWED,
            code: 20004,
            message: "Method not allowed".to_owned(),
        }
    }

    /// 429, 20429: the request had no effect and can be retried.
    #[must_use]
    pub fn too_many_requests() -> Self {
        Self {
            status: StatusCode::TOO_MANY_REQUESTS,
            code: 20429,
            message: "Too Many Requests".to_owned(),
        }
    }
}

impl IntoResponse for RestError {
    fn into_response(self) -> Response {
        let body = json!({
            "code": self.code,
            "message": self.message,
            "more_info": format!("https://www.twilio.com/docs/errors/{}", self.code),
            "status": self.status.as_u16(),
        });
        let mut response = (
            self.status,
            [(CONTENT_TYPE, "application/json")],
            body.to_string(),
        )
            .into_response();
        response.extensions_mut().insert(ErrorCode(self.code));
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = http::HeaderValue::from_static("Basic realm=\"Twilio API\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
