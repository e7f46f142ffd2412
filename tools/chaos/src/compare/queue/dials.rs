//! Checks the moment of each request to dial: at that moment, everything must have allowed the call.

use std::time::Duration;

use super::Queue;
use crate::evidence::{Dial, RequestedMove, StoredCall};
use crate::moment::{Moment, millis, rfc3339};
use crate::violation::{Kind, Violation};

/// A call is dialled within this time after the switch, the batch and the block list were read.
const GRACE: Duration = Duration::from_secs(2);

/// Returns the violations of all dials.
pub(super) fn violations(queue: &Queue<'_>) -> Vec<Violation> {
    let dials = queue.seen.dials.iter();
    let known = dials.filter_map(|dial| Some((dial, *queue.records.get(dial.call_id.as_str())?)));
    known
        .flat_map(|(dial, record)| {
            let found = [
                canceled(queue, dial, record),
                expired(dial, record),
                early(queue, dial, record),
                closed(queue, dial, record),
                switched_off(queue, dial, record),
                blocked(queue, dial, record),
            ];
            found.into_iter().flatten().map(|(kind, expected)| {
                Violation::new(kind, expected, format!("dialled at {}", rfc3339(dial.at)))
                    .of_call(Some(record.call_id.clone()))
                    .of_sid(dial.call_sid.clone())
            })
        })
        .collect()
}

type Found = Option<(Kind, String)>;

/// A confirmed cancellation ends the whole series, a hang-up the later attempts. The cancellation of a batch has grace, like a pause.
fn canceled(queue: &Queue<'_>, dial: &Dial, record: &StoredCall) -> Found {
    let by_client = queue.seen.ends.iter().filter(|end| {
        let named = queue.records.get(end.call_id.as_str());
        named.is_some_and(|named| {
            named.first_call_id() == record.first_call_id()
                && (end.is_canceled || record.attempt() > named.attempt())
        })
    });
    let with_batch = batch_of(queue, record).and_then(|batch| batch.canceled);
    let end = by_client
        .map(|end| end.at)
        .chain(with_batch.map(|at| at + millis(GRACE)))
        .filter(|at| dial.at > *at)
        .min()?;
    let expected = format!("no dial after the end was confirmed, {}", rfc3339(end));
    Some((Kind::DialledAfterCancel, expected))
}

fn batch_of<'a>(
    queue: &'a Queue<'_>,
    record: &StoredCall,
) -> Option<&'a crate::evidence::BatchHistory> {
    let id = record.queue.batch_id.as_ref()?;
    let batches = queue.seen.batches.iter();
    batches
        .into_iter()
        .find(|batch| batch.batch_id.as_ref() == Some(id))
}

fn expired(dial: &Dial, record: &StoredCall) -> Found {
    // A call that never waited may have been stored with `expires_at` too.
    let expires_at = record.queue.expires_at?.timestamp_millis();
    (dial.at >= expires_at).then(|| {
        (
            Kind::DialledExpired,
            format!("before {}", rfc3339(expires_at)),
        )
    })
}

/// A call is dialled from `scheduled_at` on, as the client has last set it; a retry, after its delay.
fn early(queue: &Queue<'_>, dial: &Dial, record: &StoredCall) -> Found {
    let not_before = match record.attempt() {
        1 => scheduled_at(queue, dial, record)?,
        attempt => {
            let retry = record.queue.retry.as_ref()?;
            let seconds = retry.delay_after(attempt - 1)?;
            let previous = previous_dial(queue, record)?;
            previous + millis(Duration::from_secs(seconds.into()))
        }
    };
    (dial.at < not_before).then(|| {
        (
            Kind::DialledEarly,
            format!("not before {}", rfc3339(not_before)),
        )
    })
}

fn scheduled_at(queue: &Queue<'_>, dial: &Dial, record: &StoredCall) -> Option<Moment> {
    let moves = || {
        queue
            .seen
            .moves
            .iter()
            .filter(|one| one.call_id == record.call_id)
    };
    if moves().any(|one| one.at.is_none()) {
        // The database knows whether it was moved.
        return record
            .queue
            .scheduled_at
            .map(mongodb::bson::DateTime::timestamp_millis);
    }
    let moved = |one: &&RequestedMove| one.at.is_some_and(|at| at < dial.at);
    let stored = || {
        record
            .queue
            .scheduled_at
            .map(mongodb::bson::DateTime::timestamp_millis)
    };
    // The last one that was answered before the dial. Without one, the document still has the first time, or that of a later move.
    match moves().filter(moved).max_by_key(|one| one.at) {
        Some(last) => Some(last.scheduled_at),
        None if moves().next().is_some() => None,
        None => stored(),
    }
}

/// The last dial of the attempt before this one.
fn previous_dial(queue: &Queue<'_>, record: &StoredCall) -> Option<Moment> {
    let dials = queue.seen.dials.iter().filter(|dial| {
        let of = queue.records.get(dial.call_id.as_str());
        of.is_some_and(|of| {
            of.first_call_id() == record.first_call_id() && of.attempt() + 1 == record.attempt()
        })
    });
    dials.map(|dial| dial.at).max()
}

fn closed(queue: &Queue<'_>, dial: &Dial, record: &StoredCall) -> Found {
    let user = queue.seen.users.get(&record.queue.user_id);
    let user = user.and_then(Option::as_deref);
    let zones = dial.zones.iter().map(String::as_str);
    let zones: Vec<_> = zones.chain(user).collect();
    let kind = Kind::DialledOutsideHours;
    match queue.seen.hours.allow(zones.iter().copied(), dial.at) {
        Some(true) => None,
        Some(false) => Some((
            kind,
            format!("only within the hours of {}", zones.join(", ")),
        )),
        None => Some((kind, format!("zones of the plan, not {}", zones.join(", ")))),
    }
}

fn switched_off(queue: &Queue<'_>, dial: &Dial, record: &StoredCall) -> Found {
    let paused = batch_of(queue, record).and_then(|batch| batch.paused);
    let spans = queue.seen.switched_off.iter().copied().chain(paused);
    let span = spans
        .map(|span| span.after(GRACE))
        .find(|span| span.contains(dial.at))?;
    let expected = format!(
        "no dial from {} until {}",
        rfc3339(span.from),
        rfc3339(span.until)
    );
    Some((Kind::DialledWhilePaused, expected))
}

fn blocked(queue: &Queue<'_>, dial: &Dial, record: &StoredCall) -> Found {
    let at = *queue.seen.blocked.get(&record.queue.to_number)? + millis(GRACE);
    (dial.at >= at).then(|| {
        let expected = format!("no dial from {}: the number is blocked", rfc3339(at));
        (Kind::DialledBlocked, expected)
    })
}
