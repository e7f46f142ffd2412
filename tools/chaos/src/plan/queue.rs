//! The part of a plan that uses the dial queue: scheduled calls, retries, batches, and what operators do meanwhile.

use std::time::Duration;

use fastrand::Rng;

use super::batch::{BatchOrder, batch, changing_number, span};
use super::queueing::{AREA_THAT_CLOSES, Person, queueing};
use super::{Order, number, numbers};

/// The area code of numbers for which the calling hours open during the run.
const AREA_THAT_OPENS: &str = "303";

/// The daily caps of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DailyCaps {
    /// `MAX_CALLS_PER_NUMBER_PER_DAY`.
    pub per_number: usize,
    /// `MAX_CALLS_PER_USER_PER_DAY`.
    pub per_user: usize,
}

impl DailyCaps {
    /// The caps for so many calls: some numbers and users have more on the first day.
    pub fn of_run(calls: usize) -> Self {
        Self {
            per_number: 2,
            per_user: (calls / 6).max(5),
        }
    }
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
    /// The daily caps. `None`: no cap is ever reached.
    pub caps: Option<DailyCaps>,
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
            caps: None,
        };
        for order in orders {
            if let Some(number) = plan.special_number(rng)
                && !order.keeps_number()
            {
                order.to = number;
            }
            let mut queueing = queueing(rng, order);
            if plan.blocked_numbers.contains(&order.to) {
                // Most of these calls are due after the block.
                queueing.scheduled = Some(rng.i64(6_000..25_000));
                queueing.expires = (queueing.person == Person::Closes).then_some(60_000);
            }
            // Most calls are answered at once, and need no retry.
            let may_change = !plan.blocked_numbers.contains(&order.to)
                && !order.keeps_number()
                && queueing.expires.is_none();
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

#[cfg(test)]
mod tests {
    use super::super::{Plan, Queueing};
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
