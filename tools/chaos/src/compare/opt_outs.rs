//! Checks opt-outs: one that was acknowledged is on the block list, and the number is not dialled again.
//!
//! An opt-out is acknowledged when the call ends after its key, without an apology. No request that comes later may call the number,
//! and the dial queue stops within the two seconds for which it trusts the block list that it has read. If the database is unavailable, the queue takes the opt-out, and it counts from when it is on the block list.

use std::collections::{BTreeMap, HashMap};

use super::listening::{self, ListeningCall};
use crate::evidence::{Evidence, Webhook};
use crate::moment::{Moment, rfc3339};
use crate::violation::{Kind, Violation};

/// The time for which a dial from the queue trusts the block list that it has read.
const GRACE: Moment = 2_000;

/// The value of `retry` in the URL of the last request: only after it, the queue takes an opt-out.
const LAST_RETRY: &str = "3";

/// Returns the violations that concern opt-outs.
pub fn violations(evidence: &Evidence) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut in_force: BTreeMap<&str, Moment> = BTreeMap::new();
    for listening in listening::calls(evidence) {
        let Some(opt_out) = acknowledged(&listening) else {
            continue;
        };
        let number = listening.call.to.as_str();
        let Some(&blocked_at) = evidence.blocked.get(number) else {
            let expected = "the number on the block list";
            found.push(listening.violation(Kind::OptOutLost, expected, "it is not"));
            continue;
        };
        let is_queued = opt_out.parameter("retry").as_deref() == Some(LAST_RETRY);
        let since = if is_queued {
            opt_out.at.max(blocked_at)
        } else {
            opt_out.at
        };
        let first = in_force.entry(number).or_insert(since);
        *first = since.min(*first);
    }
    let records = evidence.stored_calls.iter();
    let records: HashMap<_, _> = records.map(|it| (it.call_id.as_str(), it)).collect();
    for call in &evidence.twilio_calls {
        let (Some(since), Some(dialled_at)) = (in_force.get(call.to.as_str()), call.created())
        else {
            continue;
        };
        let record = call.call_id().and_then(|id| records.get(id.as_str()));
        let is_late = match record {
            // A request reads the block list once, after it has arrived, and may dial some seconds later.
            Some(record) if !record.has_waited() => {
                let arrived_at = record.queue.created_at;
                arrived_at.is_some_and(|at| at.timestamp_millis() > *since)
            }
            _ => dialled_at > since + GRACE,
        };
        if is_late {
            let expected = format!("no dial after the opt-out at {}", rfc3339(*since));
            let seen = format!("dialled at {}", rfc3339(dialled_at));
            let violation = Violation::new(Kind::DialledAfterOptOut, expected, seen);
            found.push(
                violation
                    .of_call(call.call_id())
                    .of_sid(Some(call.sid.clone())),
            );
        }
    }
    found
}

/// The request with the key after which the call has ended, if it has.
fn acknowledged<'a>(listening: &ListeningCall<'a>) -> Option<&'a Webhook> {
    let last = *listening.requests.last()?;
    // The request may have come twice.
    let mut same = listening.requests.iter().filter(|it| it.url == last.url);
    let is_acknowledged = last.opts_out
        && last.answer == Some(200)
        && listening.ended_by_instructions()
        && !listening.has_apologized();
    same.find(|it| it.answer == Some(200))
        .copied()
        .filter(|_| is_acknowledged)
}
