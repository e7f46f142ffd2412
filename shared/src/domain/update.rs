//! Updates of calls and recordings, as Twilio reports them.

use std::fmt;

use bson::DateTime;

use super::{CallSid, CallStatus, EventSource, RecordingSid, RecordingStatus, TwilioRefusal};

/// The state of a call. Source: a status callback or a response from Twilio's REST API.
#[derive(Clone, PartialEq, Eq)]
pub struct StatusUpdate {
    /// Twilio's `CallSid`.
    pub call_sid: CallSid,
    /// The status that the call entered.
    pub status: CallStatus,
    /// When the call entered it, UTC.
    pub at: DateTime,
    /// The source of the information.
    pub source: EventSource,
    /// The callback's `SequenceNumber`, from 0.
    pub sequence: Option<i64>,
    /// The callback's `I-Twilio-Idempotency-Token`.
    pub token: Option<String>,
    /// Length of the call in seconds.
    pub duration_seconds: Option<i64>,
    /// `human`, `machine_start`, `fax`, …
    pub answered_by: Option<String>,
    /// The SIP response that ended the call.
    pub sip_response_code: Option<i32>,
    /// Twilio's error code.
    pub error_code: Option<i32>,
    /// Twilio's error message.
    pub error_message: Option<String>,
}

/// Omits Twilio's error message, which may contain a phone number.
impl fmt::Debug for StatusUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatusUpdate")
            .field("call_sid", &self.call_sid)
            .field("status", &self.status)
            .field("at", &self.at)
            .field("source", &self.source)
            .field("sequence", &self.sequence)
            .field("error_code", &self.error_code)
            .finish_non_exhaustive()
    }
}

/// The state of a recording. Source: a recording callback or a response from Twilio's REST API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingUpdate {
    /// Twilio's `CallSid`.
    pub call_sid: CallSid,
    /// Twilio's `RecordingSid`.
    pub recording_sid: RecordingSid,
    /// Twilio's URL of the recording.
    pub recording_url: Option<String>,
    /// Twilio's `RecordingStatus`, verbatim.
    pub recording_status: String,
    /// Our status for it.
    pub status: RecordingStatus,
    /// Length in seconds.
    pub duration_seconds: Option<i64>,
    /// 1 or 2.
    pub channels: Option<i32>,
    /// Twilio's error code if there is no audio.
    pub error_code: Option<i32>,
    /// Start of the recording, UTC.
    pub started_at: Option<DateTime>,
}

/// The result of our one request to Twilio to dial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DialResult {
    /// Twilio accepted the call.
    Accepted {
        /// Twilio's `CallSid`.
        sid: CallSid,
        /// The status in Twilio's response, in practice `queued`. `None` if it has no known status.
        status: Option<CallStatus>,
    },
    /// Twilio refused the call.
    Refused(TwilioRefusal),
    /// The request did not reach Twilio, or Twilio answered 429. The same request may succeed later.
    NotTaken(TwilioRefusal),
    /// The response was lost. The text says why. Twilio may or may not have the call.
    Unknown(String),
}
