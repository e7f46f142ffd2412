//! The evidence of a run as plain data: the simulator's calls, the database's documents, and what clients and watchers saw.

mod queue;
mod sent;
mod stored_call;
mod twilio_call;

use std::collections::BTreeMap;

use url::Url;

use crate::moment::Moment;

pub use queue::{BatchHistory, Dial, QueueEvidence, RequestedEnd, RequestedMove};
pub use sent::Sent;
pub use stored_call::{StoredCall, StoredRecording};
pub use twilio_call::{TwilioCall, call_id_in, is_terminal};

#[cfg(test)]
pub use stored_call::{Event, QueueFields};
#[cfg(test)]
pub use twilio_call::{Heard, TwilioRecording};

/// The evidence of a run.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// The calls that the simulator has accepted. They are the truth.
    pub twilio_calls: Vec<TwilioCall>,
    /// The documents of `calls`.
    pub stored_calls: Vec<StoredCall>,
    /// The documents of `recordings`.
    pub stored_recordings: Vec<StoredRecording>,
    /// The webhooks that the simulator has sent; each attempt is an entry.
    pub webhooks: Vec<Webhook>,
    /// Changes to an earlier status.
    pub went_back: Vec<WentBack>,
    /// The responses to clients; each idempotency key is an entry.
    pub keys: Vec<KeyHistory>,
    /// Messages in the dead-letter queue.
    pub dead_letters: u64,
    /// Messages left in the queue.
    pub queued: u64,
    /// The places in the source at which functions panicked.
    pub panics: Vec<String>,
    /// The evidence about the dial queue, in a run that uses it.
    pub queue: Option<QueueEvidence>,
}

/// One attempt to deliver a webhook.
#[derive(Clone, Debug, Default)]
pub struct Webhook {
    /// The call's `CallSid`.
    pub call_sid: String,
    /// The `call_id` in its URL.
    pub call_id: Option<String>,
    /// `voice`, `status` or `recording`.
    pub kind: String,
    /// The status that it reports.
    pub event: String,
    /// The HTTP status of the response, or `None` without a response.
    pub answer: Option<u16>,
    /// Its URL.
    pub url: String,
    /// How long it took, in milliseconds.
    pub elapsed_ms: u64,
    /// The `SequenceNumber` of a status callback.
    pub sequence: Option<i64>,
    /// The `RecordingSid` of a recording callback.
    pub recording_sid: Option<String>,
    /// The keys of a voice request.
    pub keys: Option<Keys>,
}

/// The keys that a person pressed, as a voice request reports them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// The ask.
    pub step: String,
    /// Number of the try, from 1.
    pub nth: u32,
    /// The keys.
    pub digits: String,
}

impl Keys {
    /// Reads them from the URL and the form's `Digits`. `None`: the request reports no keys of an ask.
    pub fn read(url: &str, digits: Option<&str>) -> Option<Self> {
        let url = Url::parse(url).ok()?;
        let find = |name: &str| {
            let mut pairs = url.query_pairs();
            pairs.find_map(|(key, value)| (key == name).then(|| value.into_owned()))
        };
        // A redirect of the request carries them in its URL.
        let digits = digits.map(str::to_owned).or_else(|| find("pressed"))?;
        Some(Self {
            step: find("step")?,
            nth: find("try")?.parse().ok()?,
            digits: Some(digits).filter(|digits| !digits.is_empty())?,
        })
    }
}

/// A change of a status to an earlier one.
#[derive(Clone, Debug)]
pub struct WentBack {
    /// The call.
    pub call_id: String,
    /// The old status.
    pub from: String,
    /// The new status.
    pub to: String,
    /// When the old status was seen last.
    pub last_seen: Moment,
}

/// The responses under one idempotency key.
#[derive(Clone, Debug, Default)]
pub struct KeyHistory {
    /// The key.
    pub key: String,
    /// The number to call.
    pub to: String,
    /// The final responses, in the order of arrival.
    pub answers: Vec<Response>,
    /// Number of clients that gave up without a final response.
    pub gave_up: usize,
    /// The most calls that the key may lead to, with retries. 0 counts as 1.
    pub attempts: usize,
    /// Codes of refusals that a client may get.
    pub refusals: Vec<&'static str>,
}

/// A response to a request to place a call.
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The error code.
    pub code: Option<String>,
    /// The call's id.
    pub call_id: Option<String>,
}

impl Response {
    /// Returns whether a daily cap refused the call.
    pub fn is_daily_cap(&self) -> bool {
        let caps = ["user_daily_cap", "number_daily_cap"];
        let code = self.code.as_deref();
        self.status == 429 && code.is_some_and(|code| caps.contains(&code))
    }
}

/// Counts equal values.
pub fn count<T: Ord>(values: impl IntoIterator<Item = T>) -> BTreeMap<T, usize> {
    let mut counts = BTreeMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    counts
}
