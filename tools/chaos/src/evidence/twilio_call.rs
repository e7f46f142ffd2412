//! Calls at the simulator, and the `call_id` in their URLs.

use outdial::domain::CallStatus;
use serde::Deserialize;

use super::parameter;
use crate::moment::{Moment, parse};

/// A call at the simulator.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct TwilioCall {
    /// Its `CallSid`.
    pub sid: String,
    /// The called number.
    pub to: String,
    /// Its status.
    pub status: String,
    /// The URL of its TwiML, which contains our `call_id`.
    pub url: Option<String>,
    /// The end of the answered call: `instructions`, `error`, `update`, `callee` or `time_limit`.
    #[serde(default)]
    pub ended_by: Option<String>,
    /// The sentences that were spoken completely.
    #[serde(default)]
    pub spoken: Vec<String>,
    /// The sentences that were cut off.
    #[serde(default)]
    pub interrupted: Vec<String>,
    /// The sentences, in the order in which the called party heard them.
    #[serde(default)]
    pub heard: Vec<Heard>,
    /// When it was accepted.
    #[serde(default)]
    pub created: String,
    /// The call that dialled it, if it is the leg of a transfer.
    #[serde(default)]
    pub parent_call_sid: Option<String>,
    /// The result of machine detection.
    #[serde(default)]
    pub answered_by: Option<String>,
    /// The machine that has answered.
    #[serde(default)]
    pub machine: Option<Machine>,
    /// When the service gave it other instructions, in milliseconds of call time from the answer.
    #[serde(default)]
    pub redirected_ms: Vec<u64>,
    /// The seconds for which the leg of a transfer was connected.
    #[serde(default)]
    pub bridged_seconds: Option<u64>,
    /// Its recordings.
    #[serde(default)]
    pub recordings: Vec<TwilioRecording>,
}

impl TwilioCall {
    /// Returns the `call_id` that the service gave the call.
    pub fn call_id(&self) -> Option<String> {
        call_id_in(self.url.as_deref()?)
    }

    /// When it was accepted.
    pub fn created(&self) -> Option<Moment> {
        parse(&self.created)
    }

    /// The step of the transfer whose leg it is.
    pub fn transfer_step(&self) -> Option<String> {
        parameter(self.url.as_deref()?, "step")
    }

    /// Returns whether somebody answered.
    pub fn was_answered(&self) -> bool {
        self.status == "completed"
    }

    /// Returns whether machine detection has found a machine or a fax, rightly or not.
    pub fn is_machine_by_verdict(&self) -> bool {
        let answered_by = self.answered_by.as_deref().unwrap_or_default();
        answered_by.starts_with("machine_") || answered_by == "fax"
    }

    /// Returns whether any part of the text was heard.
    pub fn has_heard(&self, text: &str) -> bool {
        self.spoken
            .iter()
            .chain(&self.interrupted)
            .any(|it| it == text)
    }

    /// Returns whether the call has ended.
    pub fn has_ended(&self) -> bool {
        is_terminal(&self.status)
    }
}

/// A sentence that a called party heard.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Heard {
    /// The sentence.
    #[serde(default)]
    pub text: String,
    /// When it began, in milliseconds of call time from the answer.
    pub from_ms: u64,
    /// True if it was spoken to its end.
    #[serde(default)]
    pub whole: bool,
}

/// An answering machine.
#[derive(Clone, Debug, Deserialize)]
pub struct Machine {
    /// What it has recorded after its greeting.
    pub recorded: Vec<Recorded>,
}

/// A sentence that a machine has recorded.
#[derive(Clone, Debug, Deserialize)]
pub struct Recorded {
    /// The sentence.
    pub text: String,
    /// True if it was recorded from its beginning to its end.
    pub whole: bool,
}

/// A recording at the simulator.
#[derive(Clone, Debug, Deserialize)]
pub struct TwilioRecording {
    /// Its `RecordingSid`.
    pub sid: String,
    /// Twilio's status.
    pub status: String,
}

/// Returns whether a status ends the call.
pub fn is_terminal(status: &str) -> bool {
    CallStatus::from_word(status).is_some_and(CallStatus::is_terminal)
}

/// Returns the `call_id` in a webhook's URL.
pub fn call_id_in(url: &str) -> Option<String> {
    parameter(url, "call_id")
}
