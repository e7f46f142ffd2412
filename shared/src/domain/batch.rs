//! A batch: calls with the same words to many recipients.

use std::{fmt, str::FromStr};

use bson::DateTime;
use serde::{Deserialize, Serialize};

use super::{
    BatchId, CallTemplate, InvalidValue, Language, MachineDetection, Metadata, Pace, Priority,
    Retry, Script, Steps, Voice, Voicemail, from_json_string, one_line,
};

/// State of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(example = "running")]
pub enum BatchStatus {
    /// The batch is not started.
    Draft,
    /// Its calls are dialled.
    Running,
    /// Its calls wait until the batch is resumed.
    Paused,
    /// Its waiting calls are being canceled, and none is dialled.
    Canceling,
    /// The batch was canceled, and none of its calls waits.
    Canceled,
    /// All calls have ended.
    Completed,
    /// A later version of this service stored the status.
    #[serde(other)]
    Unknown,
}

impl BatchStatus {
    /// The states in which recipients can be added.
    pub const OPEN: [Self; 3] = [Self::Draft, Self::Running, Self::Paused];

    /// The word for the value, in the database and in responses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Canceling => "canceling",
            Self::Canceled => "canceled",
            Self::Completed => "completed",
            Self::Unknown => "unknown",
        }
    }
}

/// A batch: a document of `batches`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// The document's `_id`: the batch's public id.
    #[serde(rename = "_id")]
    pub id: BatchId,
    /// The client's own name for the batch.
    pub name: BatchName,
    /// The state.
    pub status: BatchStatus,
    /// The `_id` of the user whom the calls are for, as 24 hexadecimal digits.
    pub user_id: String,
    /// The template of the script: [`Batch::own_script`]. A batch with steps has a text that is no template, so that an earlier
    /// version, which knows no steps, adds no recipients.
    pub script: Script,
    /// The steps, whose texts are templates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<Steps>,
    /// The voice, if the request has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voice: Option<Voice>,
    /// The language, if the request has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// Answering machine detection, if it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine_detection: Option<MachineDetection>,
    /// The treatment of answering machines, if the request asks for one. Its message is a template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voicemail: Option<Voicemail>,
    /// The metadata of every call. A recipient's own pairs replace those with the same key.
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
    /// True if the calls are recorded.
    #[serde(default)]
    pub recording_enabled: bool,
    /// True if the recordings are transcribed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub transcribe: bool,
    /// True if the words of each call are erased after its end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sensitive: bool,
    /// The retries of every call, if the client wants any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// The urgency of the calls.
    pub priority: Priority,
    /// Time from which the calls may be dialled, UTC. Absent: from the start of the batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_at: Option<DateTime>,
    /// Time from which the calls are no longer dialled, UTC.
    pub expires_at: DateTime,
    /// The batch's own pace. Absent: only the pace of all dials applies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls_per_second: Option<f64>,
    /// Number of recipients for which a place was reserved: at least as many as are stored.
    #[serde(default)]
    pub reserved: i64,
    /// Until this time, UTC, a request may still store recipients that it has reserved places for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adding_until: Option<DateTime>,
    /// [`Idempotency::scope`](super::Idempotency::scope) of the request that created the batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_scope: Option<String>,
    /// [`Idempotency::request_hash`](super::Idempotency::request_hash) of that request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_hash: Option<String>,
    /// Name of the API key that created the batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// Time of creation, UTC.
    pub created_at: DateTime,
    /// Time of the first start, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<DateTime>,
    /// Time of the last change of the state, UTC.
    pub updated_at: DateTime,
}

impl Batch {
    /// The most recipients.
    pub const RECIPIENTS_MAX: u32 = 100_000;

    /// The client's script. `None`: the batch has steps.
    #[must_use]
    pub fn own_script(&self) -> Option<&Script> {
        Some(&self.script).filter(|_| self.steps.is_none())
    }

    /// Returns the script to store with a request that has this one, or steps.
    pub(crate) fn stored_script(script: Option<Script>) -> Script {
        script.unwrap_or_else(Script::no_template)
    }

    /// Parses the template of the calls.
    ///
    /// # Errors
    ///
    /// If a stored text is not a template of this version.
    pub fn template(&self) -> Result<CallTemplate, InvalidValue> {
        let script = self.own_script().map(|script| script.as_str().parse());
        let template = CallTemplate::of(
            script.transpose()?,
            self.steps.as_ref(),
            self.voicemail.as_ref(),
        );
        template.map_err(|_| InvalidValue::new("is not a template"))
    }

    /// The batch's own pace, if it has one.
    #[must_use]
    pub fn pace(&self) -> Option<Pace> {
        Pace::per_second(self.calls_per_second?).ok()
    }
}

/// Shows the fields that identify the batch, and no text of the client.
impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("id", &self.id)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// A client's own name for a batch: 1 to 200 characters, not blank, without control characters. It is trimmed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BatchName(String);

const NAME_MAX: usize = 200;

impl BatchName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BatchName {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        one_line(text, NAME_MAX).map(Self)
    }
}

/// Shows only the length.
impl fmt::Debug for BatchName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BatchName({} characters)", self.0.chars().count())
    }
}

from_json_string!(BatchName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_equal_those_of_serde() {
        for status in [
            BatchStatus::Draft,
            BatchStatus::Running,
            BatchStatus::Paused,
            BatchStatus::Canceling,
            BatchStatus::Canceled,
            BatchStatus::Completed,
        ] {
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        let later: BatchStatus = serde_json::from_str("\"archived\"").unwrap();
        assert_eq!(later, BatchStatus::Unknown);
    }

    #[test]
    fn name_is_one_line_of_at_most_200_characters() {
        assert_eq!(" June ".parse::<BatchName>().unwrap().as_str(), "June");
        for bad in [String::new(), " ".into(), "a".repeat(201), "a\nb".into()] {
            assert!(bad.parse::<BatchName>().is_err());
        }
    }
}
