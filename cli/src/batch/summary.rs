//! The summary of a batch that has ended: its recipients, each counted once.

use std::fmt;

use outdial::domain::CallStatus;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::api::Api;
use super::read::Batch;
use super::results::{self, Page};
use crate::error::Result;

/// The outcomes of the recipients. They add up to `recipients`.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    pub batch_id: String,
    pub name: String,
    pub status: String,
    pub recipients: u64,
    /// A person answered an attempt.
    pub reached: u64,
    /// A machine answered the last attempt.
    pub voicemail: u64,
    pub busy: u64,
    pub no_answer: u64,
    pub failed: u64,
    pub expired: u64,
    pub canceled: u64,
    /// The last attempt has not ended, or it is not known who answered.
    pub unknown: u64,
    /// Attempts that were dialled.
    pub attempts: u64,
    /// Seconds from the first start to the end.
    pub duration_seconds: Option<i64>,
}

/// The fields of a result that the summary counts.
#[derive(Deserialize)]
struct Row {
    status: String,
    attempts: u64,
    reached: Option<bool>,
}

impl Summary {
    /// Reads all results of a batch.
    ///
    /// # Errors
    ///
    /// If the API refuses, or does not respond.
    pub async fn read(api: &Api, batch: &Batch) -> Result<Self> {
        let duration = batch.started_at.map(|start| batch.updated_at - start);
        let mut summary = Self {
            batch_id: batch.id.clone(),
            name: batch.name.clone(),
            status: batch.status.clone(),
            duration_seconds: duration.map(|duration| duration.num_seconds()),
            ..Self::default()
        };
        let mut cursor = None;
        loop {
            let path = results::path(&batch.id, cursor.as_deref());
            let page: Page = api.json(api.request(Method::GET, &path)).await?;
            page.results.iter().for_each(|result| summary.count(result));
            match page.next_cursor {
                Some(next) => cursor = Some(next),
                None => return Ok(summary),
            }
        }
    }

    fn count(&mut self, result: &Value) {
        self.recipients += 1;
        let Ok(result) = Row::deserialize(result) else {
            self.unknown += 1;
            return;
        };
        self.attempts += result.attempts;
        let status = CallStatus::from_word(&result.status).unwrap_or(CallStatus::Unknown);
        let counter = match (result.reached, status) {
            (Some(true), _) => &mut self.reached,
            // A machine answered.
            (Some(false), CallStatus::Completed) => &mut self.voicemail,
            (_, CallStatus::Busy) => &mut self.busy,
            (_, CallStatus::NoAnswer) => &mut self.no_answer,
            (_, CallStatus::Failed) => &mut self.failed,
            (_, CallStatus::Expired) => &mut self.expired,
            (_, CallStatus::Canceled) => &mut self.canceled,
            _ => &mut self.unknown,
        };
        *counter += 1;
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}: {} recipients, {} reached, {} voicemail, {} busy, {} no answer, {} failed, {} expired, {} canceled",
            self.batch_id,
            self.status,
            self.recipients,
            self.reached,
            self.voicemail,
            self.busy,
            self.no_answer,
            self.failed,
            self.expired,
            self.canceled,
        )?;
        if self.unknown > 0 {
            write!(f, ", {} unknown", self.unknown)?;
        }
        write!(f, "; {} attempts", self.attempts)?;
        match self.duration_seconds {
            Some(seconds) => write!(f, " in {} min {} s", seconds / 60, seconds % 60),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_recipient_is_counted_once() {
        let mut summary = Summary::default();
        for (status, reached) in [
            ("completed", Some(true)),
            ("busy", Some(true)),
            ("completed", Some(false)),
            ("completed", None),
            ("busy", Some(false)),
            ("no-answer", Some(false)),
            ("failed", Some(false)),
            ("expired", Some(false)),
            ("canceled", None),
            ("of_later", None),
        ] {
            summary.count(&json!({ "status": status, "reached": reached, "attempts": 2 }));
        }
        summary.count(&json!("odd"));
        let wanted = Summary {
            recipients: 11,
            reached: 2,
            voicemail: 1,
            busy: 1,
            no_answer: 1,
            failed: 1,
            expired: 1,
            canceled: 1,
            unknown: 3,
            attempts: 20,
            ..Summary::default()
        };
        assert_eq!(summary, wanted);
    }
}
