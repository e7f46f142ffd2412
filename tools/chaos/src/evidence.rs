//! The evidence of a run as plain data: the simulator's calls, the database's documents, and what clients and watchers saw.

mod queue;
mod sent;
mod stored_call;
mod twilio_call;
mod webhook;

use std::collections::{BTreeMap, BTreeSet};

use crate::moment::{Moment, Span};

pub use queue::{BatchHistory, Dial, QueueEvidence, RequestedEnd, RequestedMove};
pub use sent::Sent;
pub use stored_call::{StoredCall, StoredRecording};
pub use twilio_call::{TwilioCall, call_id_in, is_terminal};
pub use webhook::{Keys, Webhook, parameter};

#[cfg(test)]
pub use stored_call::{Event, QueueFields};
#[cfg(test)]
pub use twilio_call::{Heard, Machine, Recorded, TwilioRecording};

/// The evidence of a run.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// The calls that the simulator has accepted. They are the truth.
    pub twilio_calls: Vec<TwilioCall>,
    /// The calls to the other parties of transfers.
    pub legs: Vec<TwilioCall>,
    /// The documents of `calls`.
    pub stored_calls: Vec<StoredCall>,
    /// The documents of `recordings`.
    pub stored_recordings: Vec<StoredRecording>,
    /// The webhooks that the simulator has sent; each attempt is an entry.
    pub webhooks: Vec<Webhook>,
    /// The keys that were pressed in each call, also those that no request reports.
    pub pressed: BTreeMap<String, String>,
    /// The calls whose results of machine detection the simulator dropped or delayed.
    pub late_verdicts: BTreeSet<String>,
    /// The calls of which an update by the service failed.
    pub failed_updates: BTreeSet<String>,
    /// The numbers on the block list, and when each was put there.
    pub blocked: BTreeMap<String, Moment>,
    /// When the database failed.
    pub outages: Vec<Span>,
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
