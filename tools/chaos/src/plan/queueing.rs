//! How an order uses the dial queue: its user, its times, its retries, and what its client does with it.

use std::time::Duration;

use fastrand::Rng;

use super::Order;
use super::batch::{RetryOrder, retry, span};

/// The area code of numbers for which the calling hours close during the run.
pub(super) const AREA_THAT_CLOSES: &str = "808";

/// How an order uses the dial queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queueing {
    /// The user of the call.
    pub person: Person,
    /// `scheduled_at`, in milliseconds from the first request. May be negative.
    pub scheduled: Option<i64>,
    /// `expires_at`, in milliseconds from `scheduled_at` or the first request, the later one.
    pub expires: Option<i64>,
    /// True if the call waits for the calling hours, also without `scheduled_at`.
    pub waits_for_hours: bool,
    /// `priority`.
    pub priority: &'static str,
    /// `retry`.
    pub retry: Option<RetryOrder>,
    /// Pause after the response until the client moves the call, and the new time in milliseconds from then.
    pub moved: Option<(Duration, i64)>,
    /// When the client cancels the call.
    pub canceled: Option<CancelAt>,
}

/// The user of a call. The calling hours apply in the user's time zone, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Person {
    /// Has no time zone.
    Anywhere,
    /// The hours are open.
    Open,
    /// The hours open during the run.
    Opens,
    /// The hours close during the run.
    Closes,
}

impl Person {
    pub const ALL: [Self; 4] = [Self::Anywhere, Self::Open, Self::Opens, Self::Closes];
}

/// When a client cancels its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelAt {
    /// So long after the response.
    AfterResponse(Duration),
    /// So many milliseconds after `scheduled_at`. May be negative.
    AroundDue(i64),
}

/// Returns how an order uses the dial queue.
pub(super) fn queueing(rng: &mut Rng, order: &Order) -> Queueing {
    let person = match rng.u32(..100) {
        0..50 => Person::Anywhere,
        50..72 => Person::Open,
        72..86 => Person::Opens,
        _ => Person::Closes,
    };
    let scheduled = rng.bool().then(|| match rng.u32(..100) {
        0..15 => -rng.i64(0..3_600_000),
        _ => rng.i64(1_000..30_000),
    });
    let retry = (rng.u32(..3) == 0).then(|| retry(rng));
    let closes = person == Person::Closes || order.to[2..].starts_with(AREA_THAT_CLOSES);
    let soon = scheduled.is_some() && retry.is_none() && rng.u32(..100) < 20;
    let expires = match (soon, closes) {
        (true, _) => Some(rng.i64(500..4_000)),
        // Otherwise it waits until tomorrow.
        (_, true) => Some(rng.i64(60_000..90_000)),
        _ => None,
    };
    let waits = scheduled.is_some() || retry.is_some();
    Queueing {
        person,
        scheduled,
        expires,
        waits_for_hours: rng.bool(),
        priority: ["urgent", "normal", "normal", "bulk"][rng.usize(..4)],
        retry,
        moved: (waits && !soon && rng.u32(..100) < 12)
            .then(|| (span(rng, 0, 8_000), rng.i64(-5_000..20_000))),
        canceled: (waits && rng.u32(..100) < 18).then(|| match scheduled {
            Some(due) if due > 0 && rng.u32(..100) < 70 => {
                CancelAt::AroundDue(rng.i64(-1_000..1_500))
            }
            _ => CancelAt::AfterResponse(span(rng, 0, 15_000)),
        }),
    }
}
