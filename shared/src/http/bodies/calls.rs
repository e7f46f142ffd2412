//! Response bodies of calls.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{
    Call, CallEvent, CallStatus, Delivery, DialOutcome, EventSource, MachineDetection, rfc3339,
};

/// An outbound call.
#[derive(Serialize, ToSchema)]
#[schema(as = Call)]
pub struct CallBody {
    /// Unique identifier: a UUID.
    #[schema(format = Uuid, example = "1b4e28ba-2fa1-41d2-883f-0016d3cca427")]
    pub call_id: String,
    /// The `id` of the user.
    #[schema(example = "65f0a1b2c3d4e5f601234567")]
    pub user_id: String,
    /// Twilio's `CallSid`. Null until Twilio has reported it.
    #[schema(example = "CA0123456789abcdef0123456789abcdef")]
    pub twilio_sid: Option<String>,
    /// Called number, in E.164 format.
    #[schema(example = "+12125550123")]
    pub to_number: String,
    /// Caller ID, in E.164 format.
    #[schema(example = "+12125550100")]
    pub from_number: String,
    /// Status of the call.
    pub status: CallStatus,
    /// Outcome of the request to Twilio to dial.
    pub dial_outcome: Option<DialOutcome>,
    /// Text that is spoken.
    #[schema(example = "Hello! Your order is ready.")]
    pub script: String,
    /// Voice from the request, or null.
    #[schema(example = "Polly.Joanna-Neural")]
    pub voice: Option<String>,
    /// Language from the request, or null.
    #[schema(example = "en-US")]
    pub language: Option<String>,
    /// Answering machine detection from the request, or null.
    pub machine_detection: Option<MachineDetection>,
    /// The client's own key-value pairs.
    #[schema(example = json!({"order": "A-17"}))]
    pub metadata: BTreeMap<String, String>,
    /// Whether the call is recorded.
    #[schema(example = true)]
    pub recording_enabled: bool,
    /// Twilio's URL of the first completed recording. It needs Twilio's credentials; `/recordings/{recording_id}/media` returns one that doesn't.
    #[schema(
        example = "https://api.twilio.com/2010-04-01/Accounts/AC0123456789abcdef0123456789abcdef/Recordings/RE0123456789abcdef0123456789abcdef"
    )]
    pub recording_url: Option<String>,
    /// Whether a hang-up is pending because Twilio has not reported the `CallSid` yet.
    #[schema(example = false)]
    pub hangup_requested: bool,
    /// Seconds from answer to end.
    #[schema(example = 17)]
    pub duration_seconds: Option<i64>,
    /// Result of answering machine detection: `human`, `machine_start`, `fax`, …
    #[schema(example = "human")]
    pub answered_by: Option<String>,
    /// SIP response code that ended the call.
    #[schema(example = 200)]
    pub sip_response_code: Option<i32>,
    /// How much of the script the person heard. `none`: an apology instead. Null: unknown.
    pub delivery: Option<Delivery>,
    /// Twilio's error code, if the call failed with one.
    pub error_code: Option<i32>,
    /// Why the call failed.
    pub error_message: Option<String>,
    /// Timeline of the call.
    #[schema(example = json!([
        {"status": "initiated", "at": "2026-01-02T03:04:06.000Z", "source": "twilio"},
        {"status": "ringing", "at": "2026-01-02T03:04:07.000Z", "source": "twilio"},
        {"status": "in-progress", "at": "2026-01-02T03:04:12.000Z", "source": "twilio"},
        {"status": "completed", "at": "2026-01-02T03:04:29.000Z", "source": "twilio"},
    ]))]
    pub events: Vec<EventBody>,
    /// Number of events that the timeline omits. It has at most 64.
    #[schema(example = 0)]
    pub events_dropped: i64,
    /// Name of the API key that placed the call.
    #[schema(example = "backend")]
    pub created_by: Option<String>,
    /// Time of creation, in RFC 3339 format.
    #[schema(format = DateTime, example = "2026-01-02T03:04:05.678Z")]
    pub created_at: String,
    /// Time of the last change, in RFC 3339 format.
    #[schema(format = DateTime, example = "2026-01-02T03:04:31.250Z")]
    pub updated_at: String,
}

impl From<Call> for CallBody {
    fn from(call: Call) -> Self {
        Self {
            events: call.timeline().into_iter().map(EventBody::from).collect(),
            call_id: call.call_id.to_string(),
            user_id: call.user_id,
            twilio_sid: call.twilio_sid.map(|sid| sid.to_string()),
            to_number: call.to_number.as_str().to_owned(),
            from_number: call.from_number.as_str().to_owned(),
            status: call.status,
            dial_outcome: call.dial_outcome,
            script: call.script.as_str().to_owned(),
            voice: call.voice.map(|voice| voice.as_str().to_owned()),
            language: call.language.map(|language| language.as_str().to_owned()),
            machine_detection: call.machine_detection,
            metadata: call.metadata.into_entries(),
            recording_enabled: call.recording_enabled,
            recording_url: call.recording_url,
            hangup_requested: call.hangup_requested,
            duration_seconds: call.duration_seconds,
            answered_by: call.answered_by,
            sip_response_code: call.sip_response_code,
            delivery: call.delivery,
            error_code: call.error_code,
            error_message: call.error_message,
            events_dropped: call.events_dropped,
            created_by: call.created_by,
            created_at: rfc3339(call.created_at),
            updated_at: rfc3339(call.updated_at),
        }
    }
}

/// One entry of a call's timeline.
#[derive(Serialize, ToSchema)]
#[schema(as = Event)]
pub struct EventBody {
    /// Status that the call entered.
    pub status: CallStatus,
    /// Time of the change, in RFC 3339 format.
    #[schema(format = DateTime, example = "2026-01-02T03:04:29.000Z")]
    pub at: String,
    /// Source of the information.
    pub source: EventSource,
}

impl From<&CallEvent> for EventBody {
    fn from(event: &CallEvent) -> Self {
        Self {
            status: event.status,
            at: rfc3339(event.at),
            source: event.source,
        }
    }
}

/// A page of a user's calls, newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = CallList)]
pub struct CallList {
    /// Calls on this page.
    pub calls: Vec<CallBody>,
    /// Number of calls on all pages. Absent if the request had a `cursor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 1)]
    pub total: Option<u64>,
    /// The page's number, from 1. Absent if the request had a `cursor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 1)]
    pub page: Option<u32>,
    /// Maximum number of calls on a page.
    #[schema(example = 20)]
    pub page_size: u32,
    /// The `cursor` of the next page. Null on the last page.
    pub next_cursor: Option<String>,
}

/// A page of the calls of all users, newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = CallPage)]
pub struct CallPage {
    /// Calls on this page.
    pub calls: Vec<CallBody>,
    /// Maximum number of calls on a page.
    #[schema(example = 20)]
    pub page_size: u32,
    /// The `cursor` of the next page. Null on the last page.
    pub next_cursor: Option<String>,
}
