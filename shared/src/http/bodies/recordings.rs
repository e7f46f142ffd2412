//! Response bodies of recordings.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{Recording, RecordingStatus, rfc3339};

/// A recording of a call.
#[derive(Serialize, ToSchema)]
#[schema(as = Recording)]
pub struct RecordingBody {
    /// Unique identifier: 24 hexadecimal digits.
    #[schema(example = "65f0a1b2c3d4e5f601234567")]
    pub id: String,
    /// The `call_id` of the call.
    #[schema(example = "1b4e28ba-2fa1-41d2-883f-0016d3cca427")]
    pub call_id: Option<String>,
    /// Twilio's `RecordingSid`.
    #[schema(example = "RE0123456789abcdef0123456789abcdef")]
    pub twilio_sid: String,
    /// Twilio's URL of the recording. It needs Twilio's credentials; `/recordings/{recording_id}/media` returns one that doesn't.
    #[schema(
        example = "https://api.twilio.com/2010-04-01/Accounts/AC0123456789abcdef0123456789abcdef/Recordings/RE0123456789abcdef0123456789abcdef"
    )]
    pub recording_url: Option<String>,
    /// Twilio's `RecordingStatus`: in-progress, completed, absent, failed, …
    #[schema(example = "completed")]
    pub recording_status: String,
    /// Status of the recording.
    pub status: RecordingStatus,
    /// Length in seconds.
    #[schema(example = 17)]
    pub duration_seconds: Option<i64>,
    /// Number of channels: 1 or 2.
    #[schema(example = 1)]
    pub channels: Option<i32>,
    /// Twilio's error code if there is no audio: 16101 too short, 16102 silent.
    pub error_code: Option<i32>,
    /// Start of the recording, in RFC 3339 format.
    #[schema(format = DateTime, example = "2026-01-02T03:04:12.000Z")]
    pub started_at: Option<String>,
    /// Time of creation, in RFC 3339 format.
    #[schema(format = DateTime, example = "2026-01-02T03:04:31.250Z")]
    pub created_at: String,
    /// Time of the last change, in RFC 3339 format.
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
    /// Recordings of the call.
    pub recordings: Vec<RecordingBody>,
}

/// The signed URL of a recording's audio.
#[derive(Serialize, ToSchema)]
#[schema(as = Media)]
pub struct MediaBody {
    /// URL of the audio. It needs no API key.
    #[schema(
        example = "https://media.example.com/media?recording_sid=RE0123456789abcdef0123456789abcdef&expires=1767323345&signature=Xm9vYmFyYmF6cXV4Xm9vYmFyYmF6cXV4Xm9vYmFyYmY"
    )]
    pub url: String,
    /// Expiry of the URL, in RFC 3339 format.
    #[schema(format = DateTime, example = "2026-01-02T03:09:05.000Z")]
    pub expires_at: String,
}
