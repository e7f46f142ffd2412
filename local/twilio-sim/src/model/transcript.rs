//! A transcript of a recording, and the service that made it.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An Intelligence service, which transcribes recordings in one language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// `GA…`.
    pub sid: String,
    /// The unique name.
    pub name: String,
    /// The description for people.
    pub friendly_name: String,
    /// The language, which never changes.
    pub language: String,
    /// The URL that hears of each transcript, if there is one.
    pub webhook_url: Option<String>,
    /// When it was created.
    pub created: DateTime<Utc>,
    /// When it last changed.
    pub updated: DateTime<Utc>,
}

/// A transcript.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Transcript {
    /// `GT…`.
    pub sid: String,
    /// The service.
    pub service_sid: String,
    /// The recording.
    pub source_sid: String,
    /// The application's own key.
    pub customer_key: Option<String>,
    /// The language of the service.
    pub language: String,
    /// `Channel`, as the application sent it.
    pub channel: Value,
    /// `MediaStartTime`, as the application sent it.
    pub media_start_time: Option<String>,
    /// `queued`, `in-progress`, `completed` or `failed`.
    pub status: Cow<'static, str>,
    /// When it was created.
    pub created: DateTime<Utc>,
    /// When it last changed.
    pub updated: DateTime<Utc>,
    /// The length of the recording in seconds, once the transcript is complete.
    pub seconds: Option<u32>,
    /// The sentences in the order of their start, once the transcript is complete.
    pub sentences: Vec<Sentence>,
}

/// What one side of a recording said without a pause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sentence {
    /// `GX…`.
    pub sid: String,
    /// The channel, from 1.
    pub channel: u16,
    /// The start, in seconds from the start of the recording.
    pub start: f64,
    /// The end.
    pub end: f64,
    /// The words.
    pub text: String,
}

impl Transcript {
    /// Returns true once it is complete or has failed.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        !matches!(&*self.status, "queued" | "in-progress")
    }
}
