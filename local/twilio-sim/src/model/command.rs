//! Commands from the REST API to a call in progress.

use std::time::Duration;

use tokio::sync::oneshot;

use super::{RecordingOptions, TwimlSource};

/// An update of a call, sent from the REST API to the task that plays the call.
#[derive(Debug)]
pub struct Command {
    /// The change.
    pub update: Update,
    /// Receives `()` when the change has been applied.
    pub done: oneshot::Sender<()>,
}

/// A change to a call in progress.
#[derive(Debug)]
pub enum Update {
    /// Hang up if the call has not been answered.
    Cancel,
    /// Hang up.
    Complete,
    /// Continue with other instructions.
    Redirect(TwimlSource),
    /// Replace the time limit.
    TimeLimit(Duration),
    /// Hang up, because the call that dialled this leg has ended.
    OtherLegEnded,
    /// The call that dialled this leg ends by itself when the leg has this age.
    OtherLegEndsAt(Duration),
    /// Record the call from now on.
    StartRecording {
        /// The SID of the new recording.
        sid: String,
        /// How to record.
        options: RecordingOptions,
    },
    /// Change a recording in progress.
    ChangeRecording {
        /// The recording.
        sid: String,
        /// The change.
        change: RecordingChange,
    },
}

/// A change to a recording in progress.
#[derive(Clone, Copy, Debug)]
pub enum RecordingChange {
    /// Pause it.
    Pause {
        /// Leave the pause out, instead of recording silence.
        skip: bool,
    },
    /// Go on after a pause.
    Resume,
    /// End it.
    Stop,
}
