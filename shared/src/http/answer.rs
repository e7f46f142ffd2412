use std::collections::BTreeMap;

use axum::response::{IntoResponse, Response};
use chrono::{DateTime as Instant, SecondsFormat, Utc};
use http::header;
use mongodb::bson::DateTime;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{
    BlockedNumber, Call, CallEvent, CallStatus, Delivery, DialOutcome, EventSource,
    MachineDetection, Recording, RecordingStatus, User,
};

/// A time as it is answered: RFC 3339, UTC, milliseconds, `Z`.
#[must_use]
pub fn rfc3339(at: DateTime) -> String {
    Instant::from_timestamp_millis(at.timestamp_millis())
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A TwiML document as an answer to Twilio.
#[must_use]
pub fn twiml(document: String) -> Response {
    let media = [(header::CONTENT_TYPE, "text/xml; charset=utf-8")];
    (media, document).into_response()
}

pub(super) fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A user as it is answered.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserBody {
    /// 24 hexadecimal digits.
    #[schema(example = "65f0a1b2c3d4e5f601234567")]
    pub id: String,
    /// The person's name.
    #[schema(example = "Ada Lovelace")]
    pub name: String,
    /// The person's address.
    #[schema(example = "ada@example.com")]
    pub email: String,
    /// E.164.
    #[schema(example = "+12125550123")]
    pub phone_number: String,
    /// The IANA name of a time zone whose clocks must allow a call to the person; null if the zones of the number called, or the default one, decide.
    #[schema(example = "America/New_York")]
    pub time_zone: Option<String>,
    /// The name of the API key that created the user.
    #[schema(example = "backend")]
    pub created_by: Option<String>,
    /// RFC 3339.
    #[schema(format = DateTime, example = "2026-01-02T03:04:05.678Z")]
    pub created_at: String,
    /// RFC 3339.
    #[schema(format = DateTime, example = "2026-01-02T03:04:05.678Z")]
    pub updated_at: String,
}

impl From<User> for UserBody {
    fn from(user: User) -> Self {
        Self {
            id: user.user_id().to_string(),
            name: user.name.as_str().to_owned(),
            email: user.email.as_str().to_owned(),
            phone_number: user.phone_number.as_str().to_owned(),
            time_zone: user.time_zone.map(|zone| zone.as_str().to_owned()),
            created_by: user.created_by,
            created_at: rfc3339(user.created_at),
            updated_at: rfc3339(user.updated_at),
        }
    }
}

/// A page of users, newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = UserList)]
pub struct UserList {
    /// The users of the page.
    pub users: Vec<UserBody>,
    /// How many users there are; absent where the page was asked for by `cursor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 1)]
    pub total: Option<u64>,
    /// The number of the page, from 1; absent where the page was asked for by `cursor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 1)]
    pub page: Option<u32>,
    /// How many users a page holds.
    #[schema(example = 20)]
    pub page_size: u32,
    /// What to send as `cursor` for the next page; null on the last one.
    pub next_cursor: Option<String>,
}

/// A call as it is answered.
#[derive(Serialize, ToSchema)]
#[schema(as = Call)]
pub struct CallBody {
    /// A UUID.
    #[schema(format = Uuid, example = "1b4e28ba-2fa1-41d2-883f-0016d3cca427")]
    pub call_id: String,
    /// The user's `id`.
    #[schema(example = "65f0a1b2c3d4e5f601234567")]
    pub user_id: String,
    /// Twilio's name of the call; null until Twilio has told it.
    #[schema(example = "CA0123456789abcdef0123456789abcdef")]
    pub twilio_sid: Option<String>,
    /// E.164.
    #[schema(example = "+12125550123")]
    pub to_number: String,
    /// E.164.
    #[schema(example = "+12125550100")]
    pub from_number: String,
    /// Where the call stands.
    pub status: CallStatus,
    /// What is known of the request to dial.
    pub dial_outcome: Option<DialOutcome>,
    /// What is spoken.
    #[schema(example = "Hello! Your order is ready.")]
    pub script: String,
    /// The voice, where the request named one.
    #[schema(example = "Polly.Joanna-Neural")]
    pub voice: Option<String>,
    /// The language, where the request named one.
    #[schema(example = "en-US")]
    pub language: Option<String>,
    /// The machine detection that was asked for.
    pub machine_detection: Option<MachineDetection>,
    /// The caller's own notes.
    #[schema(example = json!({"order": "A-17"}))]
    pub metadata: BTreeMap<String, String>,
    /// Whether the call is recorded.
    #[schema(example = true)]
    pub recording_enabled: bool,
    /// Twilio's resource of the first completed recording. It needs Twilio's credentials: see `/recordings/{recording_id}/media`.
    #[schema(
        example = "https://api.twilio.com/2010-04-01/Accounts/AC0123456789abcdef0123456789abcdef/Recordings/RE0123456789abcdef0123456789abcdef"
    )]
    pub recording_url: Option<String>,
    /// Whether a hang-up waits for Twilio's name of the call.
    #[schema(example = false)]
    pub hangup_requested: bool,
    /// From the answer to the end, in seconds.
    #[schema(example = 17)]
    pub duration_seconds: Option<i64>,
    /// `human`, `machine_start`, `fax`, …
    #[schema(example = "human")]
    pub answered_by: Option<String>,
    /// The SIP response that ended the call.
    #[schema(example = 200)]
    pub sip_response_code: Option<i32>,
    /// What the person heard of the script. `none`: an apology was spoken instead. Null: nothing is known.
    pub delivery: Option<Delivery>,
    /// Twilio's error code, where the call failed with one.
    pub error_code: Option<i32>,
    /// Why the call failed.
    pub error_message: Option<String>,
    /// The timeline.
    #[schema(example = json!([
        {"status": "initiated", "at": "2026-01-02T03:04:06.000Z", "source": "twilio"},
        {"status": "ringing", "at": "2026-01-02T03:04:07.000Z", "source": "twilio"},
        {"status": "in-progress", "at": "2026-01-02T03:04:12.000Z", "source": "twilio"},
        {"status": "completed", "at": "2026-01-02T03:04:29.000Z", "source": "twilio"},
    ]))]
    pub events: Vec<EventBody>,
    /// How many events the timeline does not hold, because there were more than 64.
    #[schema(example = 0)]
    pub events_dropped: i64,
    /// The name of the API key that placed the call.
    #[schema(example = "backend")]
    pub created_by: Option<String>,
    /// RFC 3339.
    #[schema(format = DateTime, example = "2026-01-02T03:04:05.678Z")]
    pub created_at: String,
    /// RFC 3339.
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
    /// The status that the call took.
    pub status: CallStatus,
    /// When it did, RFC 3339.
    #[schema(format = DateTime, example = "2026-01-02T03:04:29.000Z")]
    pub at: String,
    /// Who told us.
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

/// A page of calls, newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = CallList)]
pub struct CallList {
    /// The calls of the page.
    pub calls: Vec<CallBody>,
    /// How many calls there are; absent where the page was asked for by `cursor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 1)]
    pub total: Option<u64>,
    /// The number of the page, from 1; absent where the page was asked for by `cursor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 1)]
    pub page: Option<u32>,
    /// How many calls a page holds.
    #[schema(example = 20)]
    pub page_size: u32,
    /// What to send as `cursor` for the next page; null on the last one.
    pub next_cursor: Option<String>,
}

/// A page of everybody's calls, newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = CallPage)]
pub struct CallPage {
    /// The calls of the page.
    pub calls: Vec<CallBody>,
    /// How many calls a page holds.
    #[schema(example = 20)]
    pub page_size: u32,
    /// What to send as `cursor` for the next page; null on the last one.
    pub next_cursor: Option<String>,
}

/// A recording as it is answered.
#[derive(Serialize, ToSchema)]
#[schema(as = Recording)]
pub struct RecordingBody {
    /// 24 hexadecimal digits.
    #[schema(example = "65f0a1b2c3d4e5f601234567")]
    pub id: String,
    /// The `call_id` of the call.
    #[schema(example = "1b4e28ba-2fa1-41d2-883f-0016d3cca427")]
    pub call_id: Option<String>,
    /// Twilio's name of the recording.
    #[schema(example = "RE0123456789abcdef0123456789abcdef")]
    pub twilio_sid: String,
    /// Twilio's resource of the recording. It needs Twilio's credentials: see `/recordings/{recording_id}/media`.
    #[schema(
        example = "https://api.twilio.com/2010-04-01/Accounts/AC0123456789abcdef0123456789abcdef/Recordings/RE0123456789abcdef0123456789abcdef"
    )]
    pub recording_url: Option<String>,
    /// Twilio's word: in-progress, completed, absent, failed, …
    #[schema(example = "completed")]
    pub recording_status: String,
    /// What has become of it.
    pub status: RecordingStatus,
    /// Length in seconds.
    #[schema(example = 17)]
    pub duration_seconds: Option<i64>,
    /// 1 or 2.
    #[schema(example = 1)]
    pub channels: Option<i32>,
    /// Twilio's code where there is no audio: 16101 too short, 16102 silent.
    pub error_code: Option<i32>,
    /// When the recording began, RFC 3339.
    #[schema(format = DateTime, example = "2026-01-02T03:04:12.000Z")]
    pub started_at: Option<String>,
    /// RFC 3339.
    #[schema(format = DateTime, example = "2026-01-02T03:04:31.250Z")]
    pub created_at: String,
    /// RFC 3339.
    #[schema(format = DateTime, example = "2026-01-02T03:04:31.250Z")]
    pub updated_at: Option<String>,
}

impl From<Recording> for RecordingBody {
    fn from(recording: Recording) -> Self {
        Self {
            id: recording.recording_id().to_string(),
            call_id: recording.call_uuid.map(|id| id.to_string()),
            twilio_sid: recording.twilio_sid.to_string(),
            recording_url: recording.recording_url,
            recording_status: recording.recording_status,
            status: recording.status,
            duration_seconds: recording.duration_seconds,
            channels: recording.channels,
            error_code: recording.error_code,
            started_at: recording.started_at.map(rfc3339),
            created_at: rfc3339(recording.created_at),
            updated_at: recording.updated_at.map(rfc3339),
        }
    }
}

/// The recordings of a call, oldest first.
#[derive(Serialize, ToSchema)]
#[schema(as = RecordingList)]
pub struct RecordingList {
    /// The recordings.
    pub recordings: Vec<RecordingBody>,
}

/// Where the audio of a recording is.
#[derive(Serialize, ToSchema)]
#[schema(as = Media)]
pub struct MediaBody {
    /// It needs no key.
    #[schema(
        example = "https://media.example.com/media?recording_sid=RE0123456789abcdef0123456789abcdef&expires=1767323345&signature=Xm9vYmFyYmF6cXV4Xm9vYmFyYmF6cXV4Xm9vYmFyYmY"
    )]
    pub url: String,
    /// Until when the URL is good, RFC 3339.
    #[schema(format = DateTime, example = "2026-01-02T03:09:05.000Z")]
    pub expires_at: String,
}

/// A blocked number as it is answered.
#[derive(Serialize, ToSchema)]
#[schema(as = BlockedNumber)]
pub struct BlockedNumberBody {
    /// E.164.
    #[schema(example = "+12125550123")]
    pub phone_number: String,
    /// Why it is not called, where that was told.
    #[schema(example = "asked not to be called again")]
    pub reason: Option<String>,
    /// The name of the API key that blocked it.
    #[schema(example = "backend")]
    pub created_by: Option<String>,
    /// RFC 3339.
    #[schema(format = DateTime, example = "2026-01-02T03:04:05.678Z")]
    pub created_at: String,
}

impl From<BlockedNumber> for BlockedNumberBody {
    fn from(blocked: BlockedNumber) -> Self {
        Self {
            phone_number: blocked.number.as_str().to_owned(),
            reason: blocked.reason.map(|reason| reason.as_str().to_owned()),
            created_by: blocked.created_by,
            created_at: rfc3339(blocked.created_at),
        }
    }
}

/// A page of blocked numbers, newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = BlockedNumberList)]
pub struct BlockedNumberList {
    /// The blocked numbers of the page.
    pub blocked_numbers: Vec<BlockedNumberBody>,
    /// How many there are; absent where the page was asked for by `cursor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 1)]
    pub total: Option<u64>,
    /// The number of the page, from 1; absent where the page was asked for by `cursor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 1)]
    pub page: Option<u32>,
    /// How many a page holds.
    #[schema(example = 20)]
    pub page_size: u32,
    /// What to send as `cursor` for the next page; null on the last one.
    pub next_cursor: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_milliseconds_and_a_z() {
        assert_eq!(
            rfc3339(DateTime::from_millis(0)),
            "1970-01-01T00:00:00.000Z"
        );
        assert_eq!(
            rfc3339(DateTime::from_millis(1_790_000_000_120)),
            "2026-09-21T14:13:20.120Z"
        );
    }
}
