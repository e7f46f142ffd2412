//! A recording.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::wav::{Sound, Wav};

/// A recording.
#[derive(Debug, Serialize, Deserialize)]
pub struct Recording {
    /// `RE…`.
    pub sid: String,
    /// The recorded call.
    pub call_sid: String,
    /// `in-progress`, `paused`, `processing`, `completed` or `absent`.
    pub status: Cow<'static, str>,
    /// When it was created.
    pub created: DateTime<Utc>,
    /// When it last changed.
    pub updated: DateTime<Utc>,
    /// When recording began.
    pub started: DateTime<Utc>,
    /// The length in whole seconds, once recording has ended.
    pub seconds: Option<u32>,
    /// 1 or 2.
    pub channels: u16,
    /// `OutboundAPI`, `RecordVerb` or `StartCallRecordingAPI`.
    pub source: Cow<'static, str>,
    /// `both`, `inbound` or `outbound`.
    pub track: String,
    /// Why it is absent: 16101 if too short, 16102 if silent.
    pub error_code: Option<u32>,
    /// The recorded sounds.
    pub sounds: Vec<Sound>,
}

impl Recording {
    /// Returns true until it is stopped.
    #[must_use]
    pub fn is_running(&self) -> bool {
        matches!(&*self.status, "in-progress" | "paused")
    }

    /// Sets the final status of a stopped recording: `completed`, or `absent` if it has an error code.
    pub fn finish(&mut self) {
        let is_absent = self.error_code.is_some();
        self.status = if is_absent { "absent" } else { "completed" }.into();
    }

    /// Ends a recording that an earlier run left unfinished; returns whether it was unfinished.
    ///
    /// A recording that was still running becomes `absent`.
    pub fn end_interrupted(&mut self) -> bool {
        match &*self.status {
            "processing" => self.finish(),
            "in-progress" | "paused" => self.status = "absent".into(),
            _ => return false,
        }
        true
    }

    /// Returns the audio of a completed recording, or `None`.
    #[must_use]
    pub fn audio(&self) -> Option<Wav> {
        (self.status == "completed").then(|| Wav {
            channels: self.channels,
            seconds: self.seconds.unwrap_or_default(),
            sounds: self.sounds.clone(),
        })
    }
}
