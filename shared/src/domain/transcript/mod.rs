//! Transcripts of recordings: the stored document, and the services that make them.

mod services;
mod speakers;

use std::fmt;

use bson::{DateTime, oid::ObjectId};
use serde::{Deserialize, Serialize};

pub use self::{services::TranscriptionServices, speakers::speakers};
use super::{CallId, RecordingId, RecordingSid, TranscriptSid};

/// The status of a transcript.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(example = "completed")]
pub enum TranscriptStatus {
    /// Twilio has not made it yet.
    Pending,
    /// It is stored.
    Completed,
    /// There is none.
    Failed,
    /// The recording was deleted. The document stays, so that no transcript is made later.
    Deleted,
}

impl TranscriptStatus {
    /// The status as stored and as shown by the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Deleted => "deleted",
        }
    }
}

/// Who says a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(example = "callee")]
pub enum Speaker {
    /// The called party.
    Callee,
    /// The call's own words.
    Outdial,
    /// Not known: Twilio does not say whose channel it is, and the words don't tell either.
    Unknown,
}

/// A sentence as Twilio reports it.
#[derive(Clone, PartialEq)]
pub struct HeardSentence {
    /// The channel of the recording, from 1.
    pub channel: i64,
    /// The words.
    pub text: String,
    /// Start in milliseconds from the start of the recording, if known.
    pub start_ms: Option<i64>,
    /// End in milliseconds from the start of the recording, if known.
    pub end_ms: Option<i64>,
    /// From 0 to 1, if known.
    pub confidence: Option<f64>,
}

/// Without the words.
impl fmt::Debug for HeardSentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeardSentence")
            .field("channel", &self.channel)
            .field("start_ms", &self.start_ms)
            .finish_non_exhaustive()
    }
}

/// A sentence of a stored transcript.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Sentence {
    /// Who says it.
    pub speaker: Speaker,
    /// The words.
    pub text: String,
    /// Start in milliseconds from the start of the recording, if known.
    #[serde(default)]
    pub start_ms: Option<i64>,
    /// End in milliseconds from the start of the recording, if known.
    #[serde(default)]
    pub end_ms: Option<i64>,
    /// From 0 to 1, if known.
    #[serde(default)]
    pub confidence: Option<f64>,
}

/// Without the words.
impl fmt::Debug for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sentence")
            .field("speaker", &self.speaker)
            .field("start_ms", &self.start_ms)
            .finish_non_exhaustive()
    }
}

/// The transcript of a recording: a document of `transcripts`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Transcript {
    /// The `_id` of the recording.
    #[serde(rename = "_id")]
    pub id: ObjectId,
    /// The `_id` of the call, as 24 hexadecimal digits.
    #[serde(default)]
    pub call_id: String,
    /// The `call_id` of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_uuid: Option<CallId>,
    /// Twilio's id of the recording.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording_sid: Option<RecordingSid>,
    /// Twilio's id of the transcript, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub twilio_sid: Option<TranscriptSid>,
    /// The language of the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The status.
    pub status: TranscriptStatus,
    /// When Twilio was last asked for it, UTC. Without a `twilio_sid`, the response may have been lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<DateTime>,
    /// Why there is none: a word of ours, or Twilio's status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The sentences in Twilio's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sentences: Vec<Sentence>,
    /// True if Twilio has more sentences than are stored.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    /// When it was wanted first, UTC.
    pub created_at: DateTime,
    /// When the document last changed, UTC.
    pub updated_at: DateTime,
}

impl Transcript {
    /// The most sentences that are stored. Four hours of talk have fewer.
    pub const SENTENCES_MAX: usize = 10_000;
    /// The most bytes of text that are stored, so that the response of the API stays below 6 MB. Four hours of talk have a quarter.
    pub const TEXT_MAX_BYTES: usize = 1_048_576;

    /// The id of the recording.
    #[must_use]
    pub fn recording_id(&self) -> RecordingId {
        self.id.into()
    }
}

/// Without the words.
impl fmt::Debug for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transcript")
            .field("id", &self.id)
            .field("twilio_sid", &self.twilio_sid)
            .field("status", &self.status)
            .field("asked_at", &self.asked_at)
            .field("sentences", &self.sentences.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_written_as_serde_writes_them() {
        for status in [
            TranscriptStatus::Pending,
            TranscriptStatus::Completed,
            TranscriptStatus::Failed,
            TranscriptStatus::Deleted,
        ] {
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
    }
}
