use std::fmt;

use mongodb::bson::{DateTime, oid::ObjectId};
use serde::{Deserialize, Serialize};

use super::{CallId, CallSid, Language, MachineDetection, Metadata, PhoneNumber, Script, Voice};

/// Where a call stands: Twilio's words.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "kebab-case")]
#[schema(example = "completed")]
pub enum CallStatus {
    /// Stored, or dialling has begun.
    Initiated,
    /// Twilio will dial as soon as its rate allows.
    Queued,
    /// The other side's telephone rings.
    Ringing,
    /// Answered.
    InProgress,
    /// Answered, and ended.
    Completed,
    /// The other side was busy.
    Busy,
    /// Nobody answered.
    NoAnswer,
    /// Ended by us before it was answered.
    Canceled,
    /// Twilio refused it or could not connect it.
    Failed,
}

impl CallStatus {
    /// Every status.
    pub const ALL: [Self; 9] = [
        Self::Initiated,
        Self::Queued,
        Self::Ringing,
        Self::InProgress,
        Self::Completed,
        Self::Busy,
        Self::NoAnswer,
        Self::Canceled,
        Self::Failed,
    ];

    /// The word that is stored, answered, and used by Twilio.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Initiated => "initiated",
            Self::Queued => "queued",
            Self::Ringing => "ringing",
            Self::InProgress => "in-progress",
            Self::Completed => "completed",
            Self::Busy => "busy",
            Self::NoAnswer => "no-answer",
            Self::Canceled => "canceled",
            Self::Failed => "failed",
        }
    }

    /// The status of that word, if there is one.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// The rank of a `failed` that is our own conclusion, because Twilio knows of no such call. It gives way to any word of
    /// Twilio's.
    pub const GIVEN_UP_RANK: i32 = 3;

    /// A status never gives way to one of a lower rank; but for [`CallStatus::GIVEN_UP_RANK`].
    #[must_use]
    pub fn rank(self) -> i32 {
        match self {
            Self::Initiated | Self::Queued => 0,
            Self::Ringing => 1,
            Self::InProgress => 2,
            Self::Completed | Self::Busy | Self::NoAnswer | Self::Canceled | Self::Failed => 4,
        }
    }

    /// Whether the call has ended.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        self.rank() == Self::Completed.rank()
    }
}

/// What we know of our one request to Twilio to dial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(example = "accepted")]
pub enum DialOutcome {
    /// Not yet answered.
    Pending,
    /// Twilio has the call.
    Accepted,
    /// Twilio has not taken the call, and we know it.
    Refused,
    /// The answer was lost: Twilio may or may not have the call. It is never dialled again.
    Unknown,
}

impl DialOutcome {
    /// The word that is stored and answered.
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

/// What the person heard of a call's script. Absent where nothing is known. Only `none` is written today.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// Nothing: an apology was spoken instead.
    None,
    /// A part, at least.
    Started,
    /// All of it.
    Full,
}

impl Delivery {
    /// The word that is stored and answered.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Started => "started",
            Self::Full => "full",
        }
    }
}

/// Who told us of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(example = "twilio")]
pub enum EventSource {
    /// A status callback.
    Twilio,
    /// An answer of Twilio's REST API to a request of ours.
    Api,
    /// Nobody: Twilio knows of no such call, and has been asked.
    Reconcile,
}

impl EventSource {
    /// The word that is stored and answered.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Twilio => "twilio",
            Self::Api => "api",
            Self::Reconcile => "reconcile",
        }
    }
}

/// One entry of a call's timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallEvent {
    /// The status that the call took.
    pub status: CallStatus,
    /// When it did, UTC: the callback's `Timestamp`.
    pub at: DateTime,
    /// Who told us.
    pub source: EventSource,
    /// The callback's `SequenceNumber`, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<i64>,
    /// The callback's `I-Twilio-Idempotency-Token`, the same on each retry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// A call: a document of `calls`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// The database's name of the document: [`CallId::object_id`], but for documents of the earlier service.
    #[serde(rename = "_id")]
    pub id: ObjectId,
    /// The public name.
    pub call_id: CallId,
    /// The `_id` of the user, as 24 hexadecimal digits.
    pub user_id: String,
    /// Twilio's name, absent until Twilio has told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub twilio_sid: Option<CallSid>,
    /// Who is called.
    pub to_number: PhoneNumber,
    /// The spelling of the same line that the day's cap of the number counts, where it is not `to_number`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted_number: Option<PhoneNumber>,
    /// The number that is shown.
    pub from_number: PhoneNumber,
    /// Where the call stands.
    pub status: CallStatus,
    /// [`CallStatus::rank`] of `status`. Documents of the earlier service have none.
    #[serde(default)]
    pub status_rank: i32,
    /// What is spoken.
    pub script: Script,
    /// The voice, where the request named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voice: Option<Voice>,
    /// The language, where the request named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// Whether Twilio listens for an answering machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine_detection: Option<MachineDetection>,
    /// The caller's own notes.
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
    /// Whether the call is recorded.
    #[serde(default)]
    pub recording_enabled: bool,
    /// Twilio's resource of the first completed recording.
    #[serde(default)]
    pub recording_url: Option<String>,
    /// What we know of our request to dial; documents of the earlier service have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dial_outcome: Option<DialOutcome>,
    /// Until when the request that stored the call may still ask Twilio, or wait for its answer, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dial_deadline: Option<DateTime>,
    /// Whether `dial_begun_at` is stored before Twilio is asked. True for calls with an idempotency key; older versions of
    /// this service stored neither field.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub announces_dial: bool,
    /// When the request that stored the call went on to ask Twilio, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dial_begun_at: Option<DateTime>,
    /// The HTTP status that the request to dial was answered with, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_status: Option<i32>,
    /// A hang-up that waits for Twilio's name of the call.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hangup_requested: bool,
    /// Twilio's error code, where the call failed with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<i32>,
    /// Why the call failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// Twilio's HTTP status of a refusal; none where Twilio was not reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_status: Option<i32>,
    /// Length of the call in seconds, from the answer to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<i64>,
    /// `human`, `machine_start`, `fax`, … where machine detection was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_by: Option<String>,
    /// The SIP response that ended the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sip_response_code: Option<i32>,
    /// What the person heard of the script, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
    /// The timeline, by time, then by `SequenceNumber`; at most [`Call::EVENTS_MAX`].
    #[serde(default)]
    pub events: Vec<CallEvent>,
    /// How many more events there were.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub events_dropped: i64,
    /// Hash of the API key's name, the route and the idempotency key: unique.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_scope: Option<String>,
    /// Hash of the request that came with the idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_hash: Option<String>,
    /// The name of the API key that placed the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// When the call was stored, UTC.
    pub created_at: DateTime,
    /// When the document last changed, UTC.
    pub updated_at: DateTime,
}

impl Call {
    /// The most events that a timeline keeps; more are counted in `events_dropped`.
    pub const EVENTS_MAX: usize = 64;

    /// The number whose daily cap the call counts for: one for all spellings of a line.
    #[must_use]
    pub fn counted_number(&self) -> &PhoneNumber {
        self.counted_number.as_ref().unwrap_or(&self.to_number)
    }

    /// Whether Twilio has certainly not been asked to dial the call, and nobody wants it hung up.
    ///
    /// The request that stored the call may still ask, until `dial_deadline`.
    #[must_use]
    pub fn is_undialled(&self) -> bool {
        self.announces_dial
            && self.dial_begun_at.is_none()
            && self.dial_outcome == Some(DialOutcome::Pending)
            && !self.hangup_requested
    }

    /// The timeline in Twilio's order: by `SequenceNumber` where there is one, then by time.
    #[must_use]
    pub fn timeline(&self) -> Vec<&CallEvent> {
        let mut events: Vec<_> = self.events.iter().collect();
        events.sort_by_key(|event| (event.sequence.unwrap_or(i64::MAX), event.at));
        events
    }
}

/// What tells calls apart, and nothing that was said.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("call_id", &self.call_id)
            .field("twilio_sid", &self.twilio_sid)
            .field("to_number", &self.to_number)
            .field("status", &self.status)
            .field("dial_outcome", &self.dial_outcome)
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_zero(count: &i64) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_that_serde_writes() {
        for status in CallStatus::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
            assert_eq!(CallStatus::from_word(status.as_str()), Some(status));
        }
        assert_eq!(CallStatus::from_word("exploded"), None);
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
        ] {
            assert_eq!(serde_json::to_value(source).unwrap(), source.as_str());
        }
    }
}
