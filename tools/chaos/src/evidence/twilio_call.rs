//! Calls at the simulator, and the `call_id` in their URLs.

use outdial::domain::CallStatus;
use serde::Deserialize;
use url::Url;

/// A call at the simulator.
#[derive(Clone, Debug, Deserialize)]
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
    /// Its recordings.
    #[serde(default)]
    pub recordings: Vec<TwilioRecording>,
}

impl TwilioCall {
    /// Returns the `call_id` that the service gave the call.
    pub fn call_id(&self) -> Option<String> {
        call_id_in(self.url.as_deref()?)
    }

    /// Returns whether the call has ended.
    pub fn has_ended(&self) -> bool {
        is_terminal(&self.status)
    }
}

/// A sentence that a called party heard.
#[derive(Clone, Debug, Deserialize)]
pub struct Heard {
    /// When it began, in milliseconds of call time from the answer.
    pub from_ms: u64,
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
    let url = Url::parse(url).ok()?;
    let mut pairs = url.query_pairs();
    pairs.find_map(|(name, value)| (name == "call_id").then(|| value.into_owned()))
}
