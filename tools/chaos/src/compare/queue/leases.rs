//! Checks that a claim leases its calls: while the message of one is under way, no other claim sends the same call.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Queue;
use crate::evidence::Sent;
use crate::moment::{millis, rfc3339};
use crate::violation::{Kind, Violation};

/// Time for which a claim holds its calls.
const LEASE: Duration = Duration::from_mins(1);

/// Returns the messages that were sent although an earlier one of the same call had not reached `dial`.
///
/// A change of a call ends its lease. So a call that a client moved does not count.
pub(super) fn violations(queue: &Queue<'_>) -> Vec<Violation> {
    let mut by_call: BTreeMap<&str, Vec<&Sent>> = BTreeMap::new();
    for sent in &queue.seen.sent {
        by_call.entry(&sent.call_id).or_default().push(sent);
    }
    for moved in &queue.seen.moves {
        by_call.remove(moved.call_id.as_str());
    }
    let mut found = Vec::new();
    for (call_id, mut messages) in by_call {
        messages.sort_by_key(|sent| sent.at);
        found.extend(messages.windows(2).filter_map(|pair| {
            let [first, second] = pair else { return None };
            let is_leased = second.at < first.received_at.min(first.at + millis(LEASE));
            // The SDK may send a message twice, if it lost the response.
            (is_leased && first.lease_id != second.lease_id).then(|| {
                let expected = format!("one message until {}", rfc3339(first.received_at));
                let seen = format!("sent at {} and {}", rfc3339(first.at), rfc3339(second.at));
                Violation::new(Kind::SentWhileLeased, expected, seen)
                    .of_call(Some(call_id.to_owned()))
            })
        }));
    }
    found
}
