//! Recordings.

use bson::{DateTime, oid::ObjectId};
use serde::{Deserialize, Serialize};

use super::{CallId, RecordingId, RecordingSid};

/// The status of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(example = "completed")]
pub enum RecordingStatus {
    /// The call is being recorded, or the audio is being prepared.
    Processing,
    /// The audio can be fetched.
    Completed,
    /// Twilio could not record the call.
    Failed,
    /// There is no audio, because the call was too short or silent.
    Absent,
    /// A client deleted it. The document stays, so that a late callback does not restore it.
    Deleted,
}

impl RecordingStatus {
    /// Our status for Twilio's `RecordingStatus`. An unknown one counts as processing.
    #[must_use]
    pub fn from_twilio(word: &str) -> Self {
        match word {
            "completed" => Self::Completed,
            "failed" => Self::Failed,
            "absent" => Self::Absent,
            "deleted" => Self::Deleted,
            _ => Self::Processing,
        }
    }

    /// The status as stored and as shown by the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Absent => "absent",
            Self::Deleted => "deleted",
        }
    }

    /// A callback changes the status only to a higher rank, because callbacks arrive in any order.
    #[must_use]
    pub fn rank(self) -> i32 {
        match self {
            Self::Processing => 0,
            Self::Absent | Self::Failed => 1,
            Self::Completed => 2,
            Self::Deleted => 3,
        }
    }
}

/// A recording of a call: a document of `recordings`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// The document's id: [`RecordingId`] outside the database.
    #[serde(rename = "_id")]
    pub id: ObjectId,
    /// The `_id` of the call, as 24 hexadecimal digits.
    pub call_id: String,
    /// The `call_id` of the call. Documents of the earlier service lack it until the indexes are created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_uuid: Option<CallId>,
    /// Twilio's id. Unique.
    pub twilio_sid: RecordingSid,
    /// Twilio's URL of the recording, which needs Twilio's credentials.
    pub recording_url: Option<String>,
    /// Twilio's `RecordingStatus`: in-progress, completed, absent, failed, …
    pub recording_status: String,
    /// Our status for it.
    pub status: RecordingStatus,
    /// Length in seconds.
    #[serde(default)]
    pub duration_seconds: Option<i64>,
    /// Number of channels: 1 or 2.
    #[serde(default)]
    pub channels: Option<i32>,
    /// Twilio's error code if there is no audio: 16101 too short, 16102 silent.
    #[serde(default)]
    pub error_code: Option<i32>,
    /// Start of the recording, UTC.
    #[serde(default)]
    pub started_at: Option<DateTime>,
    /// When the first callback or response named it, UTC.
    pub created_at: DateTime,
    /// When the document last changed, UTC. Documents of the earlier service lack it.
    #[serde(default)]
    pub updated_at: Option<DateTime>,
}

impl Recording {
    /// The recording's id.
    #[must_use]
    pub fn recording_id(&self) -> RecordingId {
        self.id.into()
    }
}
