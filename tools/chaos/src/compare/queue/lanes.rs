//! Checks the pace of all dials, and that urgent calls don't wait behind bulk ones.

use std::collections::HashMap;
use std::time::Duration;

use super::Queue;
use crate::evidence::{Dial, StoredCall};
use crate::moment::{Moment, Span, rfc3339};
use crate::violation::{Kind, Violation};

/// The longest wait of an urgent call behind bulk ones: two seconds, and the longest delay of a message in this run.
const URGENT_WAIT: Duration = Duration::from_secs(8);

/// Returns the violations of the pace and of the lanes.
pub(super) fn violations(queue: &Queue<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    if let Some((most, at)) = queue.seen.busiest
        && most > queue.seen.busiest_allowed
    {
        let expected = format!("at most {} dials in a second", queue.seen.busiest_allowed);
        let seen = format!("{most} from {}", rfc3339(at));
        found.push(Violation::new(Kind::PaceExceeded, expected, seen));
    }
    let mut dials: HashMap<&str, Vec<&Dial>> = HashMap::new();
    for dial in &queue.seen.dials {
        dials.entry(dial.call_id.as_str()).or_default().push(dial);
    }
    for (call_id, dials) in &dials {
        if let ([dial], Some(record)) = (&dials[..], queue.records.get(call_id)) {
            found.extend(urgent(queue, dial, record));
        }
    }
    found
}

/// Checks an urgent call that was dialled once: no bulk call was dialled while it waited for long. A wait in which something
/// failed, or that was moved, does not count.
fn urgent(queue: &Queue<'_>, dial: &Dial, record: &StoredCall) -> Option<Violation> {
    if record.queue.lane.as_deref() != Some("urgent") || record.attempt() > 1 {
        return None;
    }
    let due_at = due_at(queue, record)?;
    let waited = Span {
        from: due_at,
        until: dial.at,
    };
    let is_disturbed = queue
        .seen
        .disturbed
        .iter()
        .any(|span| span.overlaps(waited));
    let late = waited.after(URGENT_WAIT);
    if is_disturbed || late.from >= late.until {
        return None;
    }
    let bulk = queue.seen.dials.iter().filter(|other| {
        let other_record = queue.records.get(other.call_id.as_str());
        let lane = other_record.and_then(|record| record.queue.lane.as_deref());
        late.contains(other.at) && lane.is_some_and(|lane| lane.starts_with("bulk"))
    });
    let count = bulk.count();
    (count > 0).then(|| {
        let found = format!("dialled at {} after {count} bulk calls", rfc3339(dial.at));
        Violation::new(
            Kind::UrgentWaited,
            format!("due at {}", rfc3339(due_at)),
            found,
        )
        .of_call(Some(record.call_id.clone()))
    })
}

/// When an urgent call could be dialled: its time had come, it was stored, and the hours were open. `None` if it was moved.
fn due_at(queue: &Queue<'_>, record: &StoredCall) -> Option<Moment> {
    let fields = &record.queue;
    if queue
        .seen
        .moves
        .iter()
        .any(|one| one.call_id == record.call_id)
    {
        return None;
    }
    let created_at = fields.created_at?.timestamp_millis();
    let due_at = fields.due_at?.timestamp_millis();
    Some(due_at.max(created_at))
}
