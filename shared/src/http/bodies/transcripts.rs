//! Response body of a transcript.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{Recording, Sentence, Speaker, Transcript, TranscriptStatus, rfc3339};

/// The transcript of a recording.
#[derive(Serialize, ToSchema)]
#[schema(as = Transcript)]
pub struct TranscriptBody {
    /// The `id` of the recording.
    #[schema(example = "65f0a1b2c3d4e5f601234567")]
    pub recording_id: String,
    /// Status of the transcript.
    pub status: TranscriptStatus,
    /// Language of the call, which the recording was transcribed in.
    #[schema(example = "en-US")]
    pub language: Option<String>,
    /// Why there is no transcript: Twilio's status, or `refused`, `no_service`, `not_found` or `timeout`.
    #[schema(example = json!(null))]
    pub reason: Option<String>,
    /// What was said, in Twilio's order. Empty until the status is `completed`.
    pub sentences: Vec<SentenceBody>,
    /// True if Twilio has more sentences than are stored.
    #[schema(example = false)]
    pub truncated: bool,
    /// Time of the last change, in RFC 3339 format.
    #[schema(format = DateTime, example = "2026-01-02T03:05:31.250Z")]
    pub updated_at: String,
}

/// A sentence of a transcript.
#[derive(Serialize, ToSchema)]
#[schema(as = Sentence)]
pub struct SentenceBody {
    /// Who says it.
    pub speaker: Speaker,
    /// The words.
    #[schema(example = "Yes, that works for me.")]
    pub text: String,
    /// Start, in milliseconds from the start of the recording.
    #[schema(example = 4200)]
    pub start_ms: Option<i64>,
    /// End, in milliseconds from the start of the recording.
    #[schema(example = 5750)]
    pub end_ms: Option<i64>,
    /// How certain Twilio is of the words, from 0 to 1.
    #[schema(minimum = 0, maximum = 1, example = 0.92)]
    pub confidence: Option<f64>,
}

impl TranscriptBody {
    /// The transcript of a recording for which Twilio has not been asked yet.
    #[must_use]
    pub fn pending(recording: &Recording) -> Self {
        Self {
            recording_id: recording.recording_id().to_string(),
            status: TranscriptStatus::Pending,
            language: None,
            reason: None,
            sentences: Vec::new(),
            truncated: false,
            updated_at: rfc3339(recording.updated_at.unwrap_or(recording.created_at)),
        }
    }
}

impl From<Transcript> for TranscriptBody {
    fn from(transcript: Transcript) -> Self {
        Self {
            recording_id: transcript.recording_id().to_string(),
            status: transcript.status,
            language: transcript.language,
            reason: transcript.reason,
            sentences: transcript.sentences.into_iter().map(Into::into).collect(),
            truncated: transcript.truncated,
            updated_at: rfc3339(transcript.updated_at),
        }
    }
}

impl From<Sentence> for SentenceBody {
    fn from(sentence: Sentence) -> Self {
        Self {
            speaker: sentence.speaker,
            text: sentence.text,
            start_ms: sentence.start_ms,
            end_ms: sentence.end_ms,
            confidence: sentence.confidence,
        }
    }
}
