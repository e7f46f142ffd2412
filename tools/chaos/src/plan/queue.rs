//! The part of a plan that uses the dial queue: scheduled calls, retries, batches, and what operators do meanwhile.

use std::time::Duration;

use fastrand::Rng;

use super::{AREA_CODES, Order, number, numbers};

/// The area code of numbers for which the calling hours open during the run, and of those for which they close.
const AREA_THAT_OPENS: &str = "303";
const AREA_THAT_CLOSES: &str = "808";

/// Recipients of a batch for each hundred calls.
const RECIPIENTS_PER_HUNDRED_CALLS: usize = 20;

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

/// The retries of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryOrder {
    pub max_attempts: u32,
    pub delays_seconds: Vec<u32>,
    /// True if the answer of a machine is retried, too.
    pub after_voicemail: bool,
}

/// A batch, and what its client does with it.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchOrder {
    /// The idempotency key of its creation.
    pub key: String,
    /// The called numbers.
    pub recipients: Vec<String>,
    pub retry: Option<RetryOrder>,
    /// `calls_per_second`.
    pub pace: Option<f64>,
    /// Time from the start until the client pauses or cancels it.
    pub until_change: Duration,
    /// Length of the pause. `None`: the client cancels it.
    pub paused_for: Option<Duration>,
}

/// The plan for the dial queue, apart from the orders.
#[derive(Clone, Debug, PartialEq)]
pub struct QueuePlan {
    pub batches: Vec<BatchOrder>,
    /// Numbers that are blocked during the run.
    pub blocked_numbers: Vec<String>,
    /// Time from the start of the run until these numbers are blocked.
    pub blocked_after: Duration,
    /// Time until dialling is switched off, and for how long.
    pub switched_off: (Duration, Duration),
    /// Time until Twilio refuses connections, and for how long.
    pub refusing_connections: (Duration, Duration),
    /// Time until Twilio refuses the account, and for how long.
    pub refusing_account: (Duration, Duration),
}

impl QueuePlan {
    /// Makes half of the orders scheduled, a third retried, and plans the rest.
    pub fn new(rng: &mut Rng, seed: u64, orders: &mut [Order]) -> Self {
        let plan = Self {
            batches: (0..2)
                .map(|nth| batch(rng, seed, nth, orders.len()))
                .collect(),
            blocked_numbers: numbers(rng, 2),
            blocked_after: span(rng, 2_000, 8_000),
            switched_off: (span(rng, 12_000, 18_000), span(rng, 4_000, 7_000)),
            refusing_connections: (span(rng, 20_000, 24_000), Duration::from_secs(3)),
            refusing_account: (span(rng, 28_000, 34_000), Duration::from_secs(2)),
        };
        for order in orders {
            if let Some(number) = plan.special_number(rng) {
                order.to = number;
            }
            let mut queueing = queueing(rng, order);
            if plan.blocked_numbers.contains(&order.to) {
                // Most of these calls are due after the block.
                queueing.scheduled = Some(rng.i64(6_000..25_000));
                queueing.expires = (queueing.person == Person::Closes).then_some(60_000);
            }
            // Most calls are answered at once, and need no retry.
            let may_change =
                !plan.blocked_numbers.contains(&order.to) && queueing.expires.is_none();
            if queueing.retry.is_some() && may_change && rng.u32(..100) < 60 {
                order.to = changing_number(rng);
            }
            order.queueing = Some(queueing);
        }
        plan
    }

    /// A number that is blocked, or whose hours open or close during the run.
    fn special_number(&self, rng: &mut Rng) -> Option<String> {
        let area = |rng: &mut Rng, area: &str| Some(format!("+1{area}{}", &number(rng)[5..]));
        match rng.u32(..100) {
            0..6 => Some(self.blocked_numbers[rng.usize(..self.blocked_numbers.len())].clone()),
            6..11 => area(rng, AREA_THAT_OPENS),
            11..16 => area(rng, AREA_THAT_CLOSES),
            _ => None,
        }
    }
}

/// Returns a number that is busy for its first calls, and so on.
fn changing_number(rng: &mut Rng) -> String {
    let area = AREA_CODES[rng.usize(..AREA_CODES.len())];
    format!("+1{area}55501{}{}", rng.u32(5..9), rng.u32(1..4))
}

fn queueing(rng: &mut Rng, order: &Order) -> Queueing {
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

fn retry(rng: &mut Rng) -> RetryOrder {
    RetryOrder {
        max_attempts: rng.u32(2..5),
        delays_seconds: (0..rng.usize(1..3)).map(|_| rng.u32(1..5)).collect(),
        after_voicemail: rng.bool(),
    }
}

/// The first batch is paused for a while, the second one canceled.
fn batch(rng: &mut Rng, seed: u64, nth: usize, calls: usize) -> BatchOrder {
    let count = (calls * RECIPIENTS_PER_HUNDRED_CALLS / 100).max(4);
    let mut recipients: Vec<_> = (0..count)
        .map(|_| match rng.u32(..4) {
            0 => changing_number(rng),
            _ => number(rng),
        })
        .collect();
    // A number is one recipient.
    recipients.sort_unstable();
    recipients.dedup();
    BatchOrder {
        key: format!("chaos-{seed}-batch-{nth}"),
        recipients,
        retry: rng.bool().then(|| retry(rng)),
        pace: rng.bool().then_some(1.5),
        until_change: if nth == 0 {
            span(rng, 1_500, 6_000)
        } else {
            span(rng, 4_000, 15_000)
        },
        paused_for: (nth == 0).then(|| span(rng, 4_000, 8_000)),
    }
}

fn span(rng: &mut Rng, from_ms: u64, until_ms: u64) -> Duration {
    Duration::from_millis(rng.u64(from_ms..until_ms))
}

#[cfg(test)]
mod tests {
    use super::super::Plan;
    use super::*;

    #[test]
    fn half_of_the_calls_are_scheduled_and_a_third_have_retries() {
        let plan = Plan::new(3, 600, 1, 2).with_queue();
        let share = |has: &dyn Fn(&Queueing) -> bool| {
            let all = plan
                .orders
                .iter()
                .filter_map(|order| order.queueing.as_ref());
            all.filter(|queueing| has(queueing)).count()
        };
        assert!((250..350).contains(&share(&|one| one.scheduled.is_some())));
        assert!((150..250).contains(&share(&|one| one.retry.is_some())));
        assert!(share(&|one| one.canceled.is_some()) > 30);
        assert!(share(&|one| one.moved.is_some()) > 20);
        let queue = plan.queue.as_ref().unwrap();
        let pauses: Vec<_> = queue
            .batches
            .iter()
            .map(|one| one.paused_for.is_some())
            .collect();
        assert_eq!(pauses, [true, false]);
    }

    #[test]
    fn queue_does_not_change_the_other_orders_and_follows_from_the_seed() {
        let [plain, one, same] = [0, 1, 2].map(|nth| {
            let plan = Plan::new(9, 50, 1, 2);
            if nth == 0 { plan } else { plan.with_queue() }
        });
        assert_eq!((&one.orders, &one.queue), (&same.orders, &same.queue));
        assert!(plain.queue.is_none() && plain.orders.iter().all(|one| one.queueing.is_none()));
        assert_eq!(plain.outages, one.outages);
        for (plain, queued) in plain.orders.iter().zip(&one.orders) {
            assert_eq!((&plain.key, &plain.script), (&queued.key, &queued.script));
        }
    }

    #[test]
    fn call_that_may_never_be_allowed_expires() {
        let plan = Plan::new(4, 400, 1, 2).with_queue();
        for order in &plan.orders {
            let queueing = order.queueing.as_ref().unwrap();
            let closes = queueing.person == Person::Closes || order.to.starts_with("+1808");
            assert!(!closes || queueing.expires.is_some(), "{order:?}");
        }
    }
}
