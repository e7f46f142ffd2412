use mongodb::bson::DateTime;

use super::{CallSid, CallStatus, EventSource, RecordingSid, RecordingStatus};

/// What a status callback, or an answer of Twilio's REST API, tells of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusUpdate {
    /// Twilio's name of the call.
    pub call_sid: CallSid,
    /// The status that the call took.
    pub status: CallStatus,
    /// When it did, UTC.
    pub at: DateTime,
    /// Who told us.
    pub source: EventSource,
    /// The callback's `SequenceNumber`, from 0.
    pub sequence: Option<i64>,
    /// The callback's `I-Twilio-Idempotency-Token`.
    pub token: Option<String>,
    /// Length of the call in seconds.
    pub duration_seconds: Option<i64>,
    /// human, machine_start, fax, …
    pub answered_by: Option<String>,
    /// The SIP response that ended the call.
    pub sip_response_code: Option<i32>,
    /// Twilio's error code.
    pub error_code: Option<i32>,
    /// Twilio's words for it.
    pub error_message: Option<String>,
}

/// What a recording callback tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingUpdate {
    /// Twilio's name of the call.
    pub call_sid: CallSid,
    /// Twilio's name of the recording.
    pub recording_sid: RecordingSid,
    /// Twilio's resource of the recording.
    pub recording_url: Option<String>,
    /// Twilio's word.
    pub recording_status: String,
    /// Ours for it.
    pub status: RecordingStatus,
    /// Length in seconds.
    pub duration_seconds: Option<i64>,
    /// 1 or 2.
    pub channels: Option<i32>,
    /// Twilio's code where there is no audio.
    pub error_code: Option<i32>,
    /// When the recording began, UTC.
    pub started_at: Option<DateTime>,
}

/// How our one request to dial ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DialResult {
    /// Twilio has the call, under this name.
    Accepted(CallSid),
    /// Twilio has not taken it, and we know it.
    Refused(Refusal),
    /// The answer was lost; nobody knows yet.
    Unknown,
}

/// Why Twilio did not take a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// Twilio's HTTP status; none where Twilio could not be reached.
    pub http_status: Option<u16>,
    /// Twilio's error code.
    pub code: Option<i32>,
    /// Twilio's words, or ours where it was not reached.
    pub message: String,
}
