//! Checks the dial queue: when calls were dialled, retries, forgotten calls, the pace, lanes and batches.

mod batches;
mod caps;
mod dials;
mod ends;
mod lanes;
mod leases;
mod results;
mod retries;

use std::collections::HashMap;

use crate::evidence::{Evidence, QueueEvidence, StoredCall, TwilioCall};
use crate::violation::Violation;

/// The evidence, with its calls by their ids.
struct Queue<'a> {
    evidence: &'a Evidence,
    seen: &'a QueueEvidence,
    records: HashMap<&'a str, &'a StoredCall>,
    twilio_calls: HashMap<String, &'a TwilioCall>,
}

impl<'a> Queue<'a> {
    fn new(evidence: &'a Evidence, seen: &'a QueueEvidence) -> Self {
        let records = evidence.stored_calls.iter();
        let calls = evidence.twilio_calls.iter();
        Self {
            evidence,
            seen,
            records: records
                .map(|record| (record.call_id.as_str(), record))
                .collect(),
            twilio_calls: calls
                .filter_map(|call| Some((call.call_id()?, call)))
                .collect(),
        }
    }

    /// The records of each series of attempts, by the first one's `call_id`, sorted by attempt.
    fn series(&self) -> HashMap<&'a str, Vec<&'a StoredCall>> {
        let mut series: HashMap<&str, Vec<&StoredCall>> = HashMap::new();
        for record in &self.evidence.stored_calls {
            series
                .entry(record.first_call_id())
                .or_default()
                .push(record);
        }
        for attempts in series.values_mut() {
            attempts.sort_by_key(|record| record.attempt());
        }
        series
    }
}

/// Returns the violations that concern the dial queue. None in a run without it.
pub fn violations(evidence: &Evidence) -> Vec<Violation> {
    let Some(queue) = &evidence.queue else {
        return Vec::new();
    };
    let queue = Queue::new(evidence, queue);
    let mut found = dials::violations(&queue);
    found.extend(caps::violations(&queue));
    found.extend(leases::violations(&queue));
    found.extend(retries::violations(&queue));
    found.extend(ends::violations(&queue));
    found.extend(lanes::violations(&queue));
    found.extend(batches::violations(&queue));
    found.extend(results::violations(&queue));
    found
}
