//! The leg of a transfer: the call to the other number, as far as it is known.

use bson::DateTime;
use serde::{Deserialize, Serialize};
use utoipa::openapi::{RefOr, schema::Schema};

use super::names::StepId;
use crate::domain::{CallSid, RefusalCode, words};

/// The leg of a transfer. A call has at most one for each step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferLeg {
    /// The step.
    pub step: StepId,
    /// Twilio's id of the leg, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_sid: Option<CallSid>,
    /// How far it came.
    pub status: LegStatus,
    /// [`LegStatus::rank`] of `status`.
    #[serde(default)]
    pub rank: i32,
    /// Whether both parties heard each other. `None`: not known, or not yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connected: Option<bool>,
    /// Seconds from the answer of the other party to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<i64>,
    /// Code of the rule that refused the transfer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Time at which it began, UTC.
    pub at: DateTime,
}

/// How far the leg of a transfer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LegStatus {
    /// A rule refused it, so it was not dialled.
    Refused,
    /// Twilio was told to dial it.
    Dialing,
    /// The other party hears the whisper.
    Answered,
    /// The other party has pressed the key that connects.
    Accepted,
    /// It has ended after an answer.
    Completed,
    /// The line was busy.
    Busy,
    /// Nobody answered.
    NoAnswer,
    /// Twilio could not dial it.
    Failed,
    /// The call ended before an answer.
    Canceled,
    /// A status of a later version.
    #[serde(other)]
    Unknown,
}

impl LegStatus {
    const ALL: [Self; 9] = [
        Self::Refused,
        Self::Dialing,
        Self::Answered,
        Self::Accepted,
        Self::Completed,
        Self::Busy,
        Self::NoAnswer,
        Self::Failed,
        Self::Canceled,
    ];

    /// The word for the status, in the database and in responses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Dialing => "dialing",
            Self::Answered => "answered",
            Self::Accepted => "accepted",
            Self::Completed => "completed",
            Self::Busy => "busy",
            Self::NoAnswer => "no-answer",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::Unknown => "unknown",
        }
    }

    /// Reads a `DialCallStatus`. An unknown one counts as failed.
    #[must_use]
    pub fn of_twilio(word: &str) -> Self {
        match word {
            "completed" | "answered" => Self::Completed,
            "busy" => Self::Busy,
            "no-answer" => Self::NoAnswer,
            "canceled" => Self::Canceled,
            _ => Self::Failed,
        }
    }

    /// The order of the statuses. A leg never goes back to a lower rank. Of equal ones, the first counts.
    #[must_use]
    pub fn rank(self) -> i32 {
        match self {
            Self::Refused | Self::Dialing => 0,
            Self::Answered => 1,
            Self::Accepted => 2,
            Self::Completed
            | Self::Busy
            | Self::NoAnswer
            | Self::Failed
            | Self::Canceled
            | Self::Unknown => 3,
        }
    }
}

impl utoipa::PartialSchema for LegStatus {
    fn schema() -> RefOr<Schema> {
        words::schema(
            "How far the other leg came. `refused`: a rule refused it. `answered`: the other party hears the whisper. `accepted`: it \
             has pressed 1. The others are Twilio's words for the end.",
            Self::ALL.map(Self::as_str),
            "completed",
        )
    }
}

impl utoipa::ToSchema for LegStatus {
    fn name() -> std::borrow::Cow<'static, str> {
        "LegStatus".into()
    }
}

impl TransferLeg {
    /// A leg of this status, from now on.
    #[must_use]
    pub fn new(step: &StepId, status: LegStatus) -> Self {
        Self {
            step: step.clone(),
            call_sid: None,
            rank: status.rank(),
            status,
            connected: None,
            duration_seconds: None,
            reason: None,
            at: DateTime::now(),
        }
    }

    /// A leg that a rule refused.
    #[must_use]
    pub fn refused(step: &StepId, rule: RefusalCode) -> Self {
        Self {
            connected: Some(false),
            reason: Some(rule.as_str().to_owned()),
            ..Self::new(step, LegStatus::Refused)
        }
    }

    /// A leg of this status with this `CallSid`.
    #[must_use]
    pub fn of_call(step: &StepId, status: LegStatus, sid: &CallSid) -> Self {
        Self {
            call_sid: Some(sid.clone()),
            ..Self::new(step, status)
        }
    }

    /// Returns true if both parties heard each other. If Twilio did not report the end, the key that connects tells.
    #[must_use]
    pub fn was_connected(&self) -> bool {
        self.connected.unwrap_or(self.status == LegStatus::Accepted)
    }

    /// Returns true if there is certainly no connection, and none will follow.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.connected == Some(false)
    }
}
