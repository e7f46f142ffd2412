//! What everybody knows once a run is over, as plain data: the simulator, the database, the clients and those who watched.

use std::collections::BTreeMap;

use serde::Deserialize;
use url::Url;

/// All of it.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// The calls that the simulator has accepted: the truth.
    pub dialled: Vec<Dialled>,
    /// The documents of `calls`.
    pub records: Vec<Record>,
    /// The documents of `recordings`.
    pub recordings: Vec<RecordingRecord>,
    /// The webhooks that the simulator has sent, one entry for each attempt.
    pub webhooks: Vec<Webhook>,
    /// Statuses that were seen to go back.
    pub went_back: Vec<WentBack>,
    /// What the clients were told, one entry for each key.
    pub keys: Vec<KeyStory>,
    /// Messages in the dead-letter queue.
    pub dead_letters: u64,
    /// Messages that wait in the queue still.
    pub queued: u64,
}

/// A call as the simulator has it.
#[derive(Clone, Debug, Deserialize)]
pub struct Dialled {
    /// Its `CallSid`.
    pub sid: String,
    /// The number.
    pub to: String,
    /// How it ended.
    pub status: String,
    /// Where instructions were asked for; it names our call.
    pub url: Option<String>,
    /// What ended it after it was answered: `instructions`, `error`, `update`, `callee` or `time_limit`.
    #[serde(default)]
    pub ended_by: Option<String>,
    /// What was spoken to its end, sentence by sentence.
    #[serde(default)]
    pub spoken: Vec<String>,
    /// What was cut off, sentence by sentence.
    #[serde(default)]
    pub interrupted: Vec<String>,
    /// Its recordings.
    #[serde(default)]
    pub recordings: Vec<Recorded>,
}

impl Dialled {
    /// The name that the service gave the call when it dialled.
    pub fn call_id(&self) -> Option<String> {
        call_id_in(self.url.as_deref()?)
    }

    /// Whether nothing will happen to it any more.
    pub fn has_ended(&self) -> bool {
        is_an_end(&self.status)
    }
}

/// A recording as the simulator has it.
#[derive(Clone, Debug, Deserialize)]
pub struct Recorded {
    /// Its `RecordingSid`.
    pub sid: String,
    /// Twilio's word.
    pub status: String,
}

/// A document of `calls`, as much of it as matters here.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Record {
    /// The public name.
    pub call_id: String,
    /// Twilio's name.
    #[serde(default)]
    pub twilio_sid: Option<String>,
    /// Where the call stands.
    pub status: String,
    /// What is to be spoken.
    #[serde(default)]
    pub script: String,
    /// What the person heard of it, if that is known.
    #[serde(default)]
    pub delivery: Option<String>,
    /// Whether a client wanted the call to end before Twilio had named it.
    #[serde(default)]
    pub hangup_requested: bool,
    /// What is known of the dial.
    #[serde(default)]
    pub dial_outcome: Option<String>,
    /// Twilio's resource of the first completed recording.
    #[serde(default)]
    pub recording_url: Option<String>,
    /// The key's hash.
    #[serde(default)]
    pub idempotency_scope: Option<String>,
    /// The timeline.
    #[serde(default)]
    pub events: Vec<Event>,
    /// How many more events there were.
    #[serde(default)]
    pub events_dropped: i64,
}

/// An entry of a call's timeline.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Event {
    /// The callback's `SequenceNumber`.
    #[serde(default)]
    pub sequence: Option<i64>,
}

/// A document of `recordings`, as much of it as matters here.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct RecordingRecord {
    /// The `RecordingSid`.
    pub twilio_sid: String,
    /// processing, completed, absent, failed or deleted.
    pub status: String,
}

/// One attempt of the simulator to deliver a webhook.
#[derive(Clone, Debug, Default)]
pub struct Webhook {
    /// The call.
    pub call_sid: String,
    /// The `call_id` in its URL.
    pub call_id: Option<String>,
    /// `voice`, `status` or `recording`.
    pub kind: String,
    /// The status that it tells.
    pub event: String,
    /// The answer's HTTP status; none where there was no answer.
    pub answer: Option<u16>,
    /// `SequenceNumber` of a status callback.
    pub sequence: Option<i64>,
    /// `RecordingSid` of a recording callback.
    pub recording_sid: Option<String>,
}

/// A status that went back.
#[derive(Clone, Debug)]
pub struct WentBack {
    /// The call.
    pub call_id: String,
    /// What it was.
    pub from: String,
    /// What it was next.
    pub to: String,
}

/// What came of the requests under one key.
#[derive(Clone, Debug, Default)]
pub struct KeyStory {
    /// The key.
    pub key: String,
    /// The number that was to be called.
    pub to: String,
    /// The answers that end a client's tries, in the order in which they came.
    pub answers: Vec<Answer>,
    /// How many clients have given up without one.
    pub gave_up: usize,
}

/// A final answer.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Its HTTP status.
    pub status: u16,
    /// The problem's code.
    pub code: Option<String>,
    /// The call.
    pub call_id: Option<String>,
}

/// The words with which a call has ended.
pub fn is_an_end(status: &str) -> bool {
    ["completed", "busy", "no-answer", "canceled", "failed"].contains(&status)
}

/// The `call_id` in a webhook's URL.
pub fn call_id_in(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let mut pairs = url.query_pairs();
    pairs.find_map(|(name, value)| (name == "call_id").then(|| value.into_owned()))
}

/// How many there are of each.
pub fn count<T: Ord>(things: impl IntoIterator<Item = T>) -> BTreeMap<T, usize> {
    let mut counts = BTreeMap::new();
    for thing in things {
        *counts.entry(thing).or_default() += 1;
    }
    counts
}
