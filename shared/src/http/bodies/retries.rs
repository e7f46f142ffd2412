//! The response body of a call's retries.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{Retry, RetryReason, rfc3339};

/// The retries of a call.
#[derive(Serialize, ToSchema)]
#[schema(as = Retries)]
pub struct RetryBody {
    /// Maximum number of attempts, the first included.
    #[schema(example = 3)]
    pub max_attempts: u32,
    /// Ends after which the call is tried again.
    #[schema(example = json!(["busy", "no-answer"]))]
    pub on: Vec<RetryReason>,
    /// Seconds between the end of an attempt and the next one. The last delay repeats.
    #[schema(example = json!([300, 3600]))]
    pub delays_seconds: Vec<u32>,
    /// Time from which no attempt begins, in RFC 3339 format.
    #[schema(format = DateTime, example = "2026-12-01T23:00:00.000Z")]
    pub expires_at: String,
}

impl From<Retry> for RetryBody {
    fn from(retry: Retry) -> Self {
        Self {
            max_attempts: retry.max_attempts,
            on: retry.on,
            delays_seconds: retry.delays_seconds,
            expires_at: rfc3339(retry.expires_at),
        }
    }
}
