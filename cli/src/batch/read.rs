//! A batch in the API's responses, and its text.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use outdial::domain::CallStatus;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::error::Result;

/// The fields of a batch that the command uses.
#[derive(Debug, Clone, Deserialize)]
pub struct Batch {
    #[serde(rename = "batch_id")]
    pub id: String,
    pub name: String,
    /// The state: a later version of the service may have others.
    pub status: String,
    pub expires_at: String,
    pub created_at: String,
    pub started_at: Option<DateTime<Utc>>,
    pub updated_at: DateTime<Utc>,
    /// Absent in lists and in responses to changes.
    pub progress: Option<Progress>,
}

/// How far a batch has come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    pub recipients: u64,
    pub attempts: u64,
    /// Numbers of recipients by the status of their last call.
    pub by_status: BTreeMap<String, u64>,
    /// Numbers of recipients by the result of their last call. Earlier versions of the service have none.
    #[serde(default)]
    pub by_result: BTreeMap<String, u64>,
    pub eta: Option<String>,
}

impl Progress {
    /// Number of recipients whose last call has ended.
    pub fn ended(&self) -> u64 {
        let is_ended =
            |word: &str| CallStatus::from_word(word).is_some_and(CallStatus::is_terminal);
        let ended = self.by_status.iter().filter(|(word, _)| is_ended(word));
        ended.map(|(_, count)| count).sum()
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of {} recipients ended",
            self.ended(),
            self.recipients
        )?;
        for (status, count) in &self.by_status {
            write!(f, ", {count} {status}")?;
        }
        if let Some(eta) = &self.eta {
            write!(f, ", last dial about {eta}")?;
        }
        for (place, (result, count)) in self.by_result.iter().enumerate() {
            let before = if place == 0 { "; results: " } else { ", " };
            write!(f, "{before}{count} {result}")?;
        }
        Ok(())
    }
}

impl Batch {
    /// Reads a response.
    ///
    /// # Errors
    ///
    /// If it is not a batch.
    pub fn of(document: &Value) -> Result<Self> {
        let batch = Self::deserialize(document);
        batch.map_err(|_| {
            "the API's response is not a batch: check that the URL is the API's origin".into()
        })
    }

    /// Returns true if the batch was canceled or is completed.
    pub fn has_ended(&self) -> bool {
        matches!(self.status.as_str(), "completed" | "canceled")
    }
}

impl fmt::Display for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            id,
            name,
            status,
            created_at,
            expires_at,
            progress,
            ..
        } = self;
        write!(
            f,
            "{id}  {status}  created {created_at}, expires {expires_at}  {name}"
        )?;
        match progress {
            Some(progress) => write!(f, "\n{progress}; {} attempts", progress.attempts),
            None => Ok(()),
        }
    }
}

/// A response: its text, or its JSON as the API sent it.
pub struct Shown {
    pub batch: Batch,
    pub document: Value,
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.batch.fmt(f)
    }
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.document.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ended_recipients_are_counted_by_the_words_of_statuses() {
        let progress: Progress = serde_json::from_value(json!({
            "recipients": 12, "attempts": 14, "eta": null,
            "by_status": { "scheduled": 3, "ringing": 1, "completed": 4, "no-answer": 2, "expired": 1, "of_later": 1 },
        }))
        .unwrap();
        assert_eq!(progress.ended(), 7);
        assert!(
            progress
                .to_string()
                .starts_with("7 of 12 recipients ended, "),
            "{progress}"
        );
    }

    #[test]
    fn results_follow_the_statuses() {
        let progress: Progress = serde_json::from_value(json!({
            "recipients": 3, "attempts": 3, "eta": null, "by_status": { "completed": 3 },
            "by_result": { "confirmed": 2, "hung_up": 1 }, "other_results": 0,
        }))
        .unwrap();
        assert_eq!(
            progress.to_string(),
            "3 of 3 recipients ended, 3 completed; results: 2 confirmed, 1 hung_up"
        );
    }

    #[test]
    fn response_that_is_no_batch_is_refused() {
        assert!(Batch::of(&json!({ "users": [] })).is_err());
    }
}
