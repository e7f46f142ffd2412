//! The status of a call.

use serde::{Deserialize, Serialize};

/// The status of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Accepted, not dialled yet.
    Queued,
    /// Being dialled.
    Initiated,
    /// Ringing.
    Ringing,
    /// Answered.
    InProgress,
    /// Ended after it was answered.
    Completed,
    /// The line was busy.
    Busy,
    /// The carrier couldn't place the call.
    Failed,
    /// The phone rang until the timeout.
    NoAnswer,
    /// Canceled by the caller before it was answered.
    Canceled,
}

impl Status {
    /// The `CallStatus` in a callback.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Initiated => "initiated",
            Self::Ringing => "ringing",
            Self::InProgress => "in-progress",
            Self::Completed => "completed",
            Self::Busy => "busy",
            Self::Failed => "failed",
            Self::NoAnswer => "no-answer",
            Self::Canceled => "canceled",
        }
    }

    /// The `status` in the REST API, which reports an initiated call as `queued` until it rings.
    #[must_use]
    pub fn as_rest_str(self) -> &'static str {
        if self == Self::Initiated {
            "queued"
        } else {
            self.as_str()
        }
    }

    /// Returns true for a final status.
    #[must_use]
    pub fn has_ended(self) -> bool {
        !matches!(
            self,
            Self::Queued | Self::Initiated | Self::Ringing | Self::InProgress
        )
    }
}
