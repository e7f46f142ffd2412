//! The words of the dial queue: urgency, lanes, what a call waits for, and retries.

use std::fmt;

use bson::DateTime;
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, schema::Schema},
};

use super::{BatchId, InvalidValue, from_json_string, words};

/// Urgency of a call among those that wait for a permit to dial.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[schema(example = "normal")]
pub enum Priority {
    /// Before all others.
    Urgent,
    /// The default.
    #[default]
    Normal,
    /// After all others: the default of batches.
    Bulk,
}

impl Priority {
    /// The word for the value, in the database, in requests and in responses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Urgent => "urgent",
            Self::Normal => "normal",
            Self::Bulk => "bulk",
        }
    }

    /// The rank: the lowest is dialled first.
    #[must_use]
    pub fn rank(self) -> i32 {
        match self {
            Self::Urgent => 0,
            Self::Normal => 1,
            Self::Bulk => 2,
        }
    }

    /// Returns true for the default.
    #[must_use]
    pub fn is_normal(&self) -> bool {
        *self == Self::Normal
    }
}

impl std::str::FromStr for Priority {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        [Self::Urgent, Self::Normal, Self::Bulk]
            .into_iter()
            .find(|priority| priority.as_str() == text)
            .ok_or_else(|| InvalidValue::new("must be urgent, normal or bulk"))
    }
}

from_json_string!(Priority);

/// A queue of scheduled calls, ordered by time: `urgent`, `normal`, `bulk`, or `bulk:` and the batch's id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lane(String);

impl Lane {
    /// The lane of calls with this priority. A batch has a lane of its own.
    #[must_use]
    pub fn of(priority: Priority, batch: Option<BatchId>) -> Self {
        Self(match batch {
            Some(batch) => format!("bulk:{batch}"),
            None => priority.as_str().to_owned(),
        })
    }

    /// The lane as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a scheduled call waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(example = "scheduled_time")]
pub enum WaitingFor {
    /// Its `scheduled_at`.
    ScheduledTime,
    /// The delay of a retry.
    RetryDelay,
    /// A permit to dial: `DIALS_PER_SECOND`.
    Permit,
    /// The calling hours.
    CallingHours,
    /// The user's daily cap, which resets at midnight UTC.
    UserDailyCap,
    /// The number's daily cap, which resets at midnight UTC.
    NumberDailyCap,
    /// The daily cap of all calls, which resets at midnight UTC.
    DailyCap,
    /// An operator who switches dialling on.
    DialingOff,
    /// Its turn in its batch, which may not be started, or may be paused.
    Batch,
    /// Twilio, which did not take the call yet.
    Twilio,
    /// A later version of this service stored the word.
    #[serde(other)]
    Unknown,
}

impl WaitingFor {
    /// The word for the value, in the database and in responses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ScheduledTime => "scheduled_time",
            Self::RetryDelay => "retry_delay",
            Self::Permit => "permit",
            Self::CallingHours => "calling_hours",
            Self::UserDailyCap => "user_daily_cap",
            Self::NumberDailyCap => "number_daily_cap",
            Self::DailyCap => "daily_cap",
            Self::DialingOff => "dialing_off",
            Self::Batch => "batch",
            Self::Twilio => "twilio",
            Self::Unknown => "unknown",
        }
    }
}

/// The end of a call after which it is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RetryReason {
    /// The line was busy.
    Busy,
    /// Nobody answered.
    NoAnswer,
    /// The call could not be connected.
    Failed,
    /// A machine answered. Needs answering machine detection.
    Voicemail,
    /// The person did not answer the last ask.
    #[serde(rename = "no_input")]
    NoInput,
    /// A later version of this service stored the word.
    #[serde(other)]
    Unknown,
}

impl RetryReason {
    /// Every reason that a request may name.
    pub const ALL: [Self; 5] = [
        Self::Busy,
        Self::NoAnswer,
        Self::Failed,
        Self::Voicemail,
        Self::NoInput,
    ];

    /// The word for the value, in the database, in requests and in responses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::NoAnswer => "no-answer",
            Self::Failed => "failed",
            Self::Voicemail => "voicemail",
            Self::NoInput => "no_input",
            Self::Unknown => "unknown",
        }
    }
}

impl PartialSchema for RetryReason {
    fn schema() -> RefOr<Schema> {
        let description = "The end of a call after which it is tried again.";
        words::schema(description, Self::ALL.map(Self::as_str), "busy")
    }
}

impl ToSchema for RetryReason {}

impl std::str::FromStr for RetryReason {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        Self::ALL
            .into_iter()
            .find(|reason| reason.as_str() == text)
            .ok_or_else(|| {
                InvalidValue::new("must be busy, no-answer, failed, voicemail or no_input")
            })
    }
}

from_json_string!(RetryReason);

/// The retries of a call, as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// Maximum number of attempts, the first included.
    pub max_attempts: u32,
    /// The ends after which the call is tried again.
    pub on: Vec<RetryReason>,
    /// Seconds between the end of an attempt and the next one. The last delay repeats.
    pub delays_seconds: Vec<u32>,
    /// Time at which the last attempt may begin, UTC.
    pub expires_at: DateTime,
}

impl Retry {
    /// Seconds between the end of this attempt, counted from 1, and the next one. `None` if there is no next one.
    #[must_use]
    pub fn delay_after(&self, attempt: u32) -> Option<u32> {
        if attempt >= self.max_attempts {
            return None;
        }
        let at = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
        self.delays_seconds
            .get(at)
            .or(self.delays_seconds.last())
            .copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_delay_repeats_until_the_budget_is_used_up() {
        let retry = Retry {
            max_attempts: 4,
            on: vec![RetryReason::Busy],
            delays_seconds: vec![300, 3_600],
            expires_at: DateTime::MAX,
        };
        let delays: Vec<_> = (1..=5).map(|attempt| retry.delay_after(attempt)).collect();
        assert_eq!(delays, [Some(300), Some(3_600), Some(3_600), None, None]);
    }

    #[test]
    fn batch_has_a_lane_of_its_own() {
        let batch = BatchId::generate();
        assert_eq!(Lane::of(Priority::Urgent, None).as_str(), "urgent");
        assert_eq!(
            Lane::of(Priority::Bulk, Some(batch)).as_str(),
            format!("bulk:{batch}")
        );
    }

    #[test]
    fn words_equal_those_of_serde() {
        for reason in RetryReason::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
        }
        for priority in [Priority::Urgent, Priority::Normal, Priority::Bulk] {
            assert_eq!(serde_json::to_value(priority).unwrap(), priority.as_str());
        }
        for waiting in [
            WaitingFor::ScheduledTime,
            WaitingFor::RetryDelay,
            WaitingFor::Permit,
            WaitingFor::CallingHours,
            WaitingFor::UserDailyCap,
            WaitingFor::NumberDailyCap,
            WaitingFor::DailyCap,
            WaitingFor::DialingOff,
            WaitingFor::Batch,
            WaitingFor::Twilio,
        ] {
            assert_eq!(serde_json::to_value(waiting).unwrap(), waiting.as_str());
        }
    }
}
