//! The JSON body of an error response.

use serde::Serialize;

/// A field or parameter of the request that is invalid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// Name of the field. Dots join nested names.
    #[schema(example = "to_number")]
    pub field: String,
    /// Problem with the value.
    #[schema(example = "must be a phone number in E.164 format, for example +12125550123")]
    pub message: String,
}

/// An error response: `application/problem+json` (RFC 9457).
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// URI of the error type, which ends with the code.
    #[serde(rename = "type")]
    #[schema(example = "about:blank#validation_failed")]
    pub kind: String,
    /// HTTP status as text.
    #[schema(example = "Unprocessable Entity")]
    pub title: String,
    /// HTTP status code.
    #[schema(example = 422)]
    pub status: u16,
    /// Stable error code for programs.
    #[schema(example = "validation_failed")]
    pub code: String,
    /// Explanation for people: the problem, and how to fix it.
    #[schema(example = "Invalid: to_number.")]
    pub detail: String,
    /// Invalid fields.
    pub errors: Vec<FieldError>,
    /// Twilio's error code, if Twilio rejected the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub twilio_code: Option<i32>,
    /// Twilio's error message, if Twilio rejected the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub twilio_message: Option<String>,
    /// Earliest time at which the same request is allowed, in RFC 3339 format. Present only if the time is the reason for the refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, nullable = false)]
    pub next_allowed_at: Option<String>,
    /// Time of the response, in RFC 3339 format.
    #[schema(format = DateTime, example = "2026-01-02T03:04:05.678Z")]
    pub timestamp: String,
    /// Identifier of the request in the logs.
    #[schema(example = "8476a536-e9f4-11e8-9739-2dfe598c3fcd")]
    pub request_id: String,
}
