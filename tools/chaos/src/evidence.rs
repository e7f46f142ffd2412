//! The evidence of a run as plain data: the simulator's calls, the database's documents, and what clients and watchers saw.

mod queue;

use std::collections::BTreeMap;

use mongodb::bson::{self, DateTime, Document};
use outdial::domain::{CallStatus, Retry};
use serde::Deserialize;
use url::Url;

use crate::moment::Moment;

pub use queue::{BatchHistory, Dial, QueueEvidence, RequestedEnd, RequestedMove};

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
    /// The evidence about the dial queue, in a run that uses it.
    pub queue: Option<QueueEvidence>,
}

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

/// A recording at the simulator.
#[derive(Clone, Debug, Deserialize)]
pub struct TwilioRecording {
    /// Its `RecordingSid`.
    pub sid: String,
    /// Twilio's status.
    pub status: String,
}

/// The fields of a call's document that are compared.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct StoredCall {
    /// The public id.
    pub call_id: String,
    /// The `CallSid`, once it is known.
    #[serde(default)]
    pub twilio_sid: Option<String>,
    /// The call's status.
    pub status: String,
    /// The text to speak.
    #[serde(default)]
    pub script: String,
    /// The part of the script that the person heard, if known.
    #[serde(default)]
    pub delivery: Option<String>,
    /// True if a client hung up before the `CallSid` was known.
    #[serde(default)]
    pub hangup_requested: bool,
    /// The outcome of the dial.
    #[serde(default)]
    pub dial_outcome: Option<String>,
    /// Twilio's URL of the first completed recording.
    #[serde(default)]
    pub recording_url: Option<String>,
    /// The hash of the idempotency key.
    #[serde(default)]
    pub idempotency_scope: Option<String>,
    /// The timeline.
    #[serde(default)]
    pub events: Vec<Event>,
    /// The number of events that didn't fit into the timeline.
    #[serde(default)]
    pub events_dropped: i64,
    /// The fields of the dial queue.
    #[serde(skip)]
    pub queue: QueueFields,
}

/// The fields of a call's document that concern the dial queue.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct QueueFields {
    /// The client's own notes: the key of its order.
    pub metadata: BTreeMap<String, String>,
    /// The `_id` of the user.
    pub user_id: String,
    /// The called number.
    pub to_number: String,
    /// The rank of the status.
    pub status_rank: i32,
    /// The lane, if the call waits or waited.
    pub lane: Option<String>,
    /// The time from which it may be dialled, as requested.
    pub scheduled_at: Option<DateTime>,
    /// The time from which it may be dialled.
    pub due_at: Option<DateTime>,
    /// The time from which it may not be dialled.
    pub expires_at: Option<DateTime>,
    /// The reason why it waits.
    pub waiting_for: Option<String>,
    /// The reason for its end.
    pub status_reason: Option<String>,
    /// The number of the attempt. Absent: 1.
    pub attempt: Option<u32>,
    /// The call of the first attempt. Absent: this call.
    pub first_call_id: Option<String>,
    /// The call of the next attempt.
    pub next_call_id: Option<String>,
    /// The retries.
    pub retry: Option<Retry>,
    /// The batch.
    pub batch_id: Option<String>,
    /// The result of answering machine detection, if it was on.
    pub answered_by: Option<String>,
    /// Twilio's error code.
    pub error_code: Option<i32>,
    /// The HTTP status of the response to the client.
    pub answered_status: Option<i32>,
    /// The time when the call was stored.
    pub created_at: Option<DateTime>,
    /// The time of the last change.
    pub updated_at: Option<DateTime>,
}

impl StoredCall {
    /// Reads a document.
    ///
    /// # Errors
    ///
    /// If a field is missing, or has another type.
    pub fn read(document: Document) -> bson::error::Result<Self> {
        let queue = bson::deserialize_from_document(document.clone())?;
        let call = bson::deserialize_from_document(document)?;
        Ok(Self { queue, ..call })
    }

    /// The number of the attempt, from 1.
    pub fn attempt(&self) -> u32 {
        self.queue.attempt.unwrap_or(1)
    }

    /// Returns whether it waits or waited in the dial queue.
    pub fn has_waited(&self) -> bool {
        self.queue.lane.is_some()
    }

    /// The `call_id` of the first attempt, which names the series.
    pub fn first_call_id(&self) -> &str {
        self.queue.first_call_id.as_deref().unwrap_or(&self.call_id)
    }
}

/// An entry of a call's timeline.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Event {
    /// The callback's `SequenceNumber`.
    #[serde(default)]
    pub sequence: Option<i64>,
}

/// The fields of a recording's document that are compared.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct StoredRecording {
    /// The `RecordingSid`.
    pub twilio_sid: String,
    /// `processing`, `completed`, `absent`, `failed` or `deleted`.
    pub status: String,
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
    /// The `SequenceNumber` of a status callback.
    pub sequence: Option<i64>,
    /// The `RecordingSid` of a recording callback.
    pub recording_sid: Option<String>,
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

/// Counts equal values.
pub fn count<T: Ord>(values: impl IntoIterator<Item = T>) -> BTreeMap<T, usize> {
    let mut counts = BTreeMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    counts
}
