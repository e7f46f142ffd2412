//! Commands from the REST API to a call in progress.

use std::time::Duration;

use tokio::sync::oneshot;

use super::TwimlSource;

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
}
