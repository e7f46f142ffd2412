//! Counts of the dial queue's events, for the report.

use std::collections::BTreeMap;

use lambda::Deliveries;
use serde::Serialize;

use crate::counts::listed;
use crate::evidence::{QueueEvidence, StoredCall, count};

/// Counts of the dial queue's events.
#[derive(Debug, Default, Serialize)]
pub struct QueueEvents {
    /// Requests to dial.
    pub dials: usize,
    /// The most of them within a second.
    pub busiest_second: usize,
    /// Documents of calls by attempt.
    pub attempts: BTreeMap<u32, usize>,
    /// Calls that ended without a dial, by status and reason.
    pub undialled: BTreeMap<String, usize>,
    /// Actions of clients and operators, by response.
    pub actions: BTreeMap<String, usize>,
    /// Messages that came late or again, by queue.
    pub deliveries: BTreeMap<String, usize>,
    /// Messages in dead-letter queues, by queue.
    pub dead_letters: BTreeMap<&'static str, u64>,
}

impl QueueEvents {
    /// Counts the evidence.
    pub fn new(
        queue: &QueueEvidence,
        calls: &[StoredCall],
        actions: BTreeMap<String, usize>,
        deliveries: &BTreeMap<&'static str, Deliveries>,
    ) -> Self {
        let undialled = calls.iter().filter(|call| call.dial_outcome.is_none());
        let reason = |call: &StoredCall| call.queue.status_reason.clone().unwrap_or_default();
        let mut delivered = BTreeMap::new();
        for (queue, deliveries) in deliveries {
            let name = queue.trim_end_matches("_QUEUE_URL").to_lowercase();
            for (what, count) in [
                ("handled", deliveries.handled),
                ("late", deliveries.late),
                ("again", deliveries.again),
            ] {
                delivered.insert(format!("{name} {what}"), count);
            }
        }
        Self {
            dials: queue.dials.len(),
            busiest_second: queue.busiest.map_or(0, |(most, _)| most),
            attempts: count(calls.iter().map(StoredCall::attempt)),
            undialled: count(undialled.map(|call| {
                format!("{} {}", call.status, reason(call))
                    .trim()
                    .to_owned()
            })),
            actions,
            deliveries: delivered,
            dead_letters: queue.dead_letters.clone(),
        }
    }

    /// The lines of the table.
    pub fn lines(&self) -> [(&'static str, String); 6] {
        let attempts: Vec<_> = self.attempts.values().map(usize::to_string).collect();
        [
            (
                "dials",
                format!(
                    "{}, at most {} in a second",
                    self.dials, self.busiest_second
                ),
            ),
            ("calls by attempt", attempts.join(", ")),
            ("not dialled", listed(&self.undialled)),
            ("actions", listed(&self.actions)),
            ("messages", listed(&self.deliveries)),
            ("dead letters", listed(&self.dead_letters)),
        ]
    }
}
