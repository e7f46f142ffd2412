use mongodb::bson::{DateTime, oid::ObjectId};
use serde::{Deserialize, Serialize};

use super::{CallId, RecordingId, RecordingSid};

/// What has become of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(example = "completed")]
pub enum RecordingStatus {
    /// The call is being recorded, or the audio is being prepared.
    Processing,
    /// The audio can be fetched.
    Completed,
    /// Twilio could not make it.
    Failed,
    /// There is none: the call was too short, or silent.
    Absent,
    /// It was deleted at the caller's wish; the document stays, so that a late callback does not bring it back.
    Deleted,
}

impl RecordingStatus {
    /// The seed's word for Twilio's `RecordingStatus`; what Twilio may add later counts as processing.
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

    /// The word that is stored, and that the API shows.
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

    /// A later callback changes a recording only to a higher rank: callbacks come in any order.
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
    /// The database's name of the document; outside it is [`RecordingId`].
    #[serde(rename = "_id")]
    pub id: ObjectId,
    /// The `_id` of the call, as 24 hexadecimal digits.
    pub call_id: String,
    /// The public name of the call. Documents of the earlier service have none until the indexes are made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_uuid: Option<CallId>,
    /// Twilio's name: unique.
    pub twilio_sid: RecordingSid,
    /// Twilio's resource of the recording; needs Twilio's credentials.
    pub recording_url: Option<String>,
    /// Twilio's word: in-progress, completed, absent, failed, …
    pub recording_status: String,
    /// What has become of it.
    pub status: RecordingStatus,
    /// Length in seconds.
    #[serde(default)]
    pub duration_seconds: Option<i64>,
    /// 1 or 2.
    #[serde(default)]
    pub channels: Option<i32>,
    /// Twilio's code where there is no audio: 16101 too short, 16102 silent.
    #[serde(default)]
    pub error_code: Option<i32>,
    /// When the recording began, UTC.
    #[serde(default)]
    pub started_at: Option<DateTime>,
    /// When we first heard of it, UTC.
    pub created_at: DateTime,
    /// When the document last changed, UTC. The earlier service kept none.
    #[serde(default)]
    pub updated_at: Option<DateTime>,
}

impl Recording {
    /// The public name.
    #[must_use]
    pub fn recording_id(&self) -> RecordingId {
        self.id.into()
    }
}
