//! The words for a call: its status, the outcome of its dial, what the person heard, and the source of an event.
//!
//! A word that a later version stored reads as `unknown`, so old and new functions can run side by side.

use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, schema::Schema},
};

use super::words;

/// Status of a call: `scheduled` and `expired` are ours, the other words are Twilio's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallStatus {
    /// The call waits in the dial queue.
    Scheduled,
    /// The call is stored, or Twilio has begun to dial.
    Initiated,
    /// Twilio will dial when its rate limit allows.
    Queued,
    /// The phone rings.
    Ringing,
    /// The call was answered and goes on.
    InProgress,
    /// The call was answered and has ended.
    Completed,
    /// The line was busy.
    Busy,
    /// Nobody answered.
    NoAnswer,
    /// We ended the call before anybody answered.
    Canceled,
    /// Twilio refused the call or could not connect it.
    Failed,
    /// The call waited until its `expires_at`, and was not dialled.
    Expired,
    /// A later version of this service stored the status.
    #[serde(other)]
    Unknown,
}

impl CallStatus {
    /// Every status that this version writes.
    pub const ALL: [Self; 11] = [
        Self::Scheduled,
        Self::Initiated,
        Self::Queued,
        Self::Ringing,
        Self::InProgress,
        Self::Completed,
        Self::Busy,
        Self::NoAnswer,
        Self::Canceled,
        Self::Failed,
        Self::Expired,
    ];

    /// The statuses of a call that was dialled, or is about to be, and has not ended.
    pub const ACTIVE: [Self; 4] = [
        Self::Initiated,
        Self::Queued,
        Self::Ringing,
        Self::InProgress,
    ];

    /// The statuses after which a person or a machine has answered.
    pub const ANSWERS: [Self; 2] = [Self::InProgress, Self::Completed];

    /// The word for the status, in the database, in responses and at Twilio.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Initiated => "initiated",
            Self::Queued => "queued",
            Self::Ringing => "ringing",
            Self::InProgress => "in-progress",
            Self::Completed => "completed",
            Self::Busy => "busy",
            Self::NoAnswer => "no-answer",
            Self::Canceled => "canceled",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Unknown => "unknown",
        }
    }

    /// Returns the status with this word, or `None`.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// Returns the status that Twilio means by this word, or `None`: some statuses are ours alone.
    #[must_use]
    pub fn of_twilio(word: &str) -> Option<Self> {
        Self::from_word(word).filter(|status| !matches!(status, Self::Scheduled | Self::Expired))
    }

    /// The rank of a `failed` that we concluded ourselves, because Twilio knows of no such call. Any status from Twilio replaces
    /// it.
    pub const GIVEN_UP_RANK: i32 = 3;

    /// The rank of every ended call.
    pub const ENDED_RANK: i32 = 4;

    /// The rank: a status never replaces one with a higher rank. See also [`CallStatus::GIVEN_UP_RANK`].
    #[must_use]
    pub fn rank(self) -> i32 {
        match self {
            Self::Scheduled => -1,
            Self::Initiated | Self::Queued | Self::Unknown => 0,
            Self::Ringing => 1,
            Self::InProgress => 2,
            Self::Completed
            | Self::Busy
            | Self::NoAnswer
            | Self::Canceled
            | Self::Failed
            | Self::Expired => Self::ENDED_RANK,
        }
    }

    /// Returns true if a person or a machine has answered.
    #[must_use]
    pub fn is_answer(self) -> bool {
        Self::ANSWERS.contains(&self)
    }

    /// Returns true if the call has ended.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        self.rank() == Self::ENDED_RANK
    }
}

impl PartialSchema for CallStatus {
    fn schema() -> RefOr<Schema> {
        let description =
            "Status of a call: `scheduled` and `expired` are ours, the other words are Twilio's.";
        words::schema(description, Self::ALL.map(Self::as_str), "completed")
    }
}

impl ToSchema for CallStatus {}

/// Outcome of our one request to Twilio to dial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(example = "accepted")]
pub enum DialOutcome {
    /// Twilio has not responded yet.
    Pending,
    /// Twilio has accepted the call.
    Accepted,
    /// Twilio has not accepted the call.
    Refused,
    /// Twilio's response was lost: Twilio may or may not have the call. The call is never dialled again.
    Unknown,
}

impl DialOutcome {
    /// The word for the value, in the database and in responses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }
}

/// How much of the script or the steps the person heard; absent if unknown. A script has only `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// Nothing: Twilio spoke an apology instead.
    None,
    /// At least a part.
    Started,
    /// All of it.
    Full,
}

impl Delivery {
    /// The word for the value, in the database and in responses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Started => "started",
            Self::Full => "full",
        }
    }
}

/// Source of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(example = "twilio")]
pub enum EventSource {
    /// A status callback.
    Twilio,
    /// A response from the REST API.
    Api,
    /// Our own conclusion, because Twilio's REST API knows of no such call.
    Reconcile,
    /// The dial queue, for a call that was not dialled.
    Queue,
    /// A later version of this service stored the source.
    #[serde(other)]
    Unknown,
}

impl EventSource {
    /// The word for the value, in the database and in responses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Twilio => "twilio",
            Self::Api => "api",
            Self::Reconcile => "reconcile",
            Self::Queue => "queue",
            Self::Unknown => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_equal_those_of_serde() {
        for status in CallStatus::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
            assert_eq!(CallStatus::from_word(status.as_str()), Some(status));
        }
        assert_eq!(CallStatus::from_word("exploded"), None);
        for ours in [CallStatus::Scheduled, CallStatus::Expired] {
            assert_eq!(CallStatus::of_twilio(ours.as_str()), None);
        }
        assert_eq!(CallStatus::of_twilio("busy"), Some(CallStatus::Busy));
        for outcome in [
            DialOutcome::Pending,
            DialOutcome::Accepted,
            DialOutcome::Refused,
            DialOutcome::Unknown,
        ] {
            assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.as_str());
        }
        for delivery in [Delivery::None, Delivery::Started, Delivery::Full] {
            assert_eq!(serde_json::to_value(delivery).unwrap(), delivery.as_str());
        }
        for source in [
            EventSource::Twilio,
            EventSource::Api,
            EventSource::Reconcile,
            EventSource::Queue,
        ] {
            assert_eq!(serde_json::to_value(source).unwrap(), source.as_str());
        }
    }

    #[test]
    fn word_of_a_later_version_reads_as_unknown() {
        let status: CallStatus = serde_json::from_str("\"exploded\"").unwrap();
        let source: EventSource = serde_json::from_str("\"carrier\"").unwrap();
        assert_eq!(
            (status, source),
            (CallStatus::Unknown, EventSource::Unknown)
        );
    }

    #[test]
    fn each_status_is_scheduled_active_or_terminal() {
        let mut statuses = CallStatus::ALL.to_vec();
        statuses.retain(|status| !status.is_terminal());
        let open = [CallStatus::Scheduled]
            .into_iter()
            .chain(CallStatus::ACTIVE);
        assert_eq!(statuses, open.collect::<Vec<_>>());
    }
}
