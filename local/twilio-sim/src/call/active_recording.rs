//! A recording in progress, before its sounds are in the store.

use std::time::Duration;

use crate::model::RecordingOptions;
use crate::wav::Sound;

/// A recording in progress.
#[derive(Debug)]
pub(super) struct ActiveRecording {
    pub(super) sid: String,
    pub(super) options: RecordingOptions,
    /// The age of the call when recording began.
    pub(super) began: Duration,
    pub(super) sounds: Vec<Sound>,
}
