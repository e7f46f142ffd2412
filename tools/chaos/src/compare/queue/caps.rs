//! Checks the daily caps: the calls of each UTC day to a number and of a user, by the clock of Twilio.

use std::collections::BTreeMap;
use std::time::Duration;

use mongodb::bson;

use super::Queue;
use crate::evidence::{Dial, StoredCall};
use crate::moment::{DAY, Moment, day, millis, rfc3339};
use crate::violation::{Kind, Violation};

/// Time between the count of a call and its dial. A call that was counted just before midnight belongs to that day: one of the
/// queue for two seconds, and one that is dialled at once for as long as its request takes.
const GRACE: Duration = Duration::from_secs(2);
const GRACE_OF_REQUEST: Duration = Duration::from_secs(30);

/// The reasons for waiting until the next day.
const CAPS: [&str; 2] = ["user_daily_cap", "number_daily_cap"];

/// Returns the dials that a daily cap forbids. None in a run without caps.
pub(super) fn violations(queue: &Queue<'_>) -> Vec<Violation> {
    let Some(caps) = queue.seen.caps else {
        return Vec::new();
    };
    let mut counts: BTreeMap<(&str, i64), usize> = BTreeMap::new();
    let mut found = Vec::new();
    let mut dials: Vec<_> = queue.seen.dials.iter().collect();
    dials.sort_by_key(|dial| dial.at);
    for dial in dials {
        // Twilio did not take the others.
        let (Some(sid), Some(record)) = (
            &dial.call_sid,
            queue.records.get(dial.call_id.as_str()).copied(),
        ) else {
            continue;
        };
        let day = counted_day(dial, record);
        let fields = &record.queue;
        let of_number = ("number", &fields.to_number, caps.per_number);
        let of_user = ("user", &fields.user_id, caps.per_user);
        // The calls of a batch do not count for its user.
        let of_user = fields.batch_id.is_none().then_some(of_user);
        for (what, owner, cap) in [Some(of_number), of_user].into_iter().flatten() {
            let count = counts.entry((owner, day)).or_default();
            *count += 1;
            if *count > cap {
                let expected = format!(
                    "at most {cap} calls of its {what} on {}",
                    rfc3339(day * DAY)
                );
                let seen = format!("number {count}, dialled at {}", rfc3339(dial.at));
                found.push(
                    Violation::new(Kind::DialledOverCap, expected, seen)
                        .of_call(Some(record.call_id.clone()))
                        .of_sid(Some(sid.clone())),
                );
            }
        }
    }
    found
}

/// The UTC day of a dial. It is the day before if the call was counted then, shortly before the dial.
fn counted_day(dial: &Dial, record: &StoredCall) -> i64 {
    let fields = &record.queue;
    let (counted, grace) = match &fields.counted_on {
        Some(date) => (
            bson::DateTime::parse_rfc3339_str(format!("{date}T00:00:00Z")).ok(),
            GRACE,
        ),
        None if record.has_waited() => (None, GRACE),
        None => (fields.created_at, GRACE_OF_REQUEST),
    };
    let by_clock = day(dial.at);
    let was_just_counted = dial.at - by_clock * DAY < millis(grace);
    match counted.map(|at| day(at.timestamp_millis())) {
        Some(counted) if was_just_counted && counted + 1 == by_clock => counted,
        _ => by_clock,
    }
}

/// Returns whether a call waits for the next day, or for its end if that comes first, because a cap is used up.
pub(super) fn waits_for_next_day(queue: &Queue<'_>, record: &StoredCall) -> bool {
    let fields = &record.queue;
    let reason = fields.waiting_for.as_deref().unwrap_or_default();
    let next_day: Moment = (day(queue.seen.at) + 1) * DAY;
    let time = |at: Option<bson::DateTime>| at.map(bson::DateTime::timestamp_millis);
    let due_at = time(fields.due_at);
    let waits = due_at.is_some_and(|at| at >= next_day)
        || due_at > Some(queue.seen.at) && due_at == time(fields.expires_at);
    queue.seen.caps.is_some() && CAPS.contains(&reason) && waits
}
