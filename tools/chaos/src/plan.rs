//! The plan of a run, which follows from the seed alone: the calls, the repeated requests, and the database faults.

mod batch;
mod listening;
mod queue;
mod queueing;

use std::time::Duration;

use fastrand::Rng;

pub use batch::{BatchOrder, RetryOrder};
pub use listening::{Listening, callees};
pub use queue::{DailyCaps, QueuePlan};
pub use queueing::{CancelAt, Person, Queueing};

/// Numbers with a special behaviour in the simulator: busy, not answered, failed, a short conversation, silence, a long
/// queue, absent recordings, and long ringing.
const SPECIAL: [&str; 8] = [
    "+12125550101",
    "+12125550102",
    "+12125550103",
    "+12125550105",
    "+12125550108",
    "+12125550109",
    "+12125550110",
    "+12125550112",
];

const AREA_CODES: [&str; 6] = ["206", "212", "312", "415", "512", "617"];

const WORDS: [&str; 12] = [
    "hello", "this", "is", "a", "call", "about", "your", "order", "today", "thank", "you",
    "goodbye",
];

/// Number of concurrent requests to one of the keys.
const STAMPEDE: usize = 50;

/// The plan of a run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The random seed.
    pub seed: u64,
    /// The calls, in the order in which they are placed.
    pub orders: Vec<Order>,
    /// Numbers that get several calls, and whose dials lose many responses.
    pub shared_numbers: Vec<String>,
    /// The same, and no callback of these calls arrives.
    pub mute_numbers: Vec<String>,
    /// After how many orders each outage of the database begins, ascending.
    pub outages: Vec<usize>,
    /// After how many orders the connections to the database are cut, ascending.
    pub cuts: Vec<usize>,
    /// The plan for the dial queue, if the run uses it.
    pub queue: Option<QueuePlan>,
}

/// A call that a client places under its own key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The position in the plan.
    pub index: usize,
    /// The `Idempotency-Key`.
    pub key: String,
    /// The number to call.
    pub to: String,
    /// The text to speak.
    pub script: String,
    /// True if the call is recorded.
    pub recorded: bool,
    /// Number of concurrent requests that the client sends.
    pub at_once: usize,
    /// Pause after the response until the client repeats the request.
    pub again_after: Option<Duration>,
    /// Pause after the response until the client hangs up.
    pub hang_up_after: Option<Duration>,
    /// What the call asks, if it listens. Then it has other fields instead of the text.
    pub listening: Option<Listening>,
    /// True if it calls, or transfers to, the number of a person who opts out in another call.
    pub may_be_blocked: bool,
    /// How the call uses the dial queue, in a run that does.
    pub queueing: Option<Queueing>,
}

impl Plan {
    /// Creates a plan. Equal arguments give equal plans.
    pub fn new(seed: u64, calls: usize, outages: usize, cuts: usize) -> Self {
        let mut rng = Rng::with_seed(seed);
        let mut plan = Self {
            seed,
            orders: Vec::with_capacity(calls),
            shared_numbers: numbers(&mut rng, (calls / 40).max(2)),
            mute_numbers: numbers(&mut rng, (calls / 60).max(2)),
            outages: moments(&mut rng, outages, calls),
            cuts: moments(&mut rng, cuts, calls),
            queue: None,
        };
        for index in 0..calls {
            let to = plan.number(&mut rng);
            plan.orders.push(order(&mut rng, seed, index, to));
        }
        // Numbers of its own: the other orders stay those of the seed.
        listening::listen(&mut Rng::with_seed(seed.rotate_left(32)), &mut plan.orders);
        // One client floods its key.
        if let Some(order) = plan.orders.get_mut(calls / 2) {
            order.at_once = STAMPEDE;
        }
        plan
    }

    /// Lets no call listen: functions of an earlier version may not know steps. So nobody opts out.
    pub fn without_listening(mut self) -> Self {
        for order in &mut self.orders {
            order.listening = None;
            order.may_be_blocked = false;
        }
        self
    }

    /// Lets the run use the dial queue. The rest of the plan stays.
    pub fn with_queue(mut self) -> Self {
        // Its own numbers: the other ones stay those of the seed.
        let mut rng = Rng::with_seed(!self.seed);
        self.queue = Some(QueuePlan::new(&mut rng, self.seed, &mut self.orders));
        self
    }

    /// Gives a run that uses the dial queue daily caps. Many calls then wait for the next day.
    pub fn with_daily_caps(mut self) -> Self {
        if let Some(queue) = &mut self.queue {
            queue.caps = Some(DailyCaps::of_run(self.orders.len()));
        }
        self
    }

    /// The daily caps, if the run has some.
    pub fn caps(&self) -> Option<DailyCaps> {
        self.queue.as_ref()?.caps
    }

    fn number(&self, rng: &mut Rng) -> String {
        let one_of =
            |rng: &mut Rng, numbers: &[String]| numbers[rng.usize(..numbers.len())].clone();
        match rng.u32(..100) {
            0..10 => SPECIAL[rng.usize(..SPECIAL.len())].to_owned(),
            10..24 => one_of(rng, &self.shared_numbers),
            24..36 => one_of(rng, &self.mute_numbers),
            _ => number(rng),
        }
    }
}

impl Order {
    /// Returns whether its number must stay: who has it matters.
    pub fn keeps_number(&self) -> bool {
        let listening = self.listening.as_ref();
        self.may_be_blocked || listening.is_some_and(|it| it.keeps_number)
    }

    /// The most calls that it may lead to.
    pub fn max_attempts(&self) -> usize {
        let queueing = self.queueing.as_ref();
        let retry = queueing.and_then(|queueing| queueing.retry.as_ref());
        retry.map_or(1, |retry| retry.max_attempts as usize)
    }

    /// Codes of the refusals that its client may get, apart from Twilio's and those of daily caps.
    pub fn refusals(&self) -> Vec<&'static str> {
        let Some(queueing) = &self.queueing else {
            return Vec::from_iter(self.may_be_blocked.then_some("number_blocked"));
        };
        let mut codes = vec![
            "number_blocked",
            "outside_calling_hours",
            "no_calling_hours",
        ];
        // The database may be down until the call has expired.
        codes.extend(queueing.expires.map(|_| "validation_failed"));
        codes
    }
}

fn order(rng: &mut Rng, seed: u64, index: usize, to: String) -> Order {
    let milliseconds = |rng: &mut Rng, from, to| Duration::from_millis(rng.u64(from..to));
    Order {
        index,
        key: format!("chaos-{seed}-{index}"),
        to,
        script: words(rng),
        recorded: rng.u32(..100) < 80,
        at_once: if rng.u32(..100) < 15 {
            rng.usize(2..5)
        } else {
            1
        },
        again_after: (rng.u32(..100) < 15).then(|| milliseconds(rng, 0, 6_000)),
        hang_up_after: (rng.u32(..100) < 10).then(|| milliseconds(rng, 0, 500)),
        listening: None,
        may_be_blocked: false,
        queueing: None,
    }
}

/// Returns a random text.
fn words(rng: &mut Rng) -> String {
    let words = (0..rng.usize(2..14)).map(|_| WORDS[rng.usize(..WORDS.len())]);
    words.collect::<Vec<_>>().join(" ")
}

fn numbers(rng: &mut Rng, count: usize) -> Vec<String> {
    (0..count).map(|_| number(rng)).collect()
}

/// Returns a number that the simulator answers normally. Special numbers have the exchange 555, which it never has.
fn number(rng: &mut Rng) -> String {
    let area = AREA_CODES[rng.usize(..AREA_CODES.len())];
    format!("+1{area}{}{:04}", rng.u32(220..400), rng.u32(..10_000))
}

/// Returns moments in the middle of the run, one in each of `count` equal parts.
fn moments(rng: &mut Rng, count: usize, calls: usize) -> Vec<usize> {
    let (first, last) = (calls / 4, calls * 9 / 10);
    let part = (last - first) / count.max(1);
    (0..count)
        .map(|nth| first + nth * part + rng.usize(..part.max(1)))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn plan_follows_from_the_seed() {
        let [one, same, other] = [7, 7, 8].map(|seed| Plan::new(seed, 200, 2, 6));
        assert_eq!(one.orders, same.orders);
        assert_eq!((&one.outages, &one.cuts), (&same.outages, &same.cuts));
        assert_ne!(one.orders, other.orders);
    }

    #[test]
    fn keys_are_unique_and_some_numbers_are_shared() {
        let plan = Plan::new(1, 500, 2, 6);
        let keys: HashSet<_> = plan.orders.iter().map(|order| &order.key).collect();
        assert_eq!(keys.len(), 500);
        let to = |numbers: &[String]| {
            let orders = plan.orders.iter();
            orders.filter(|order| numbers.contains(&order.to)).count()
        };
        assert!(to(&plan.shared_numbers) > 2 * plan.shared_numbers.len());
        assert!(to(&plan.mute_numbers) > 2 * plan.mute_numbers.len());
    }

    #[test]
    fn database_faults_are_spread_over_the_run() {
        for seed in 0..20 {
            let plan = Plan::new(seed, 500, 2, 6);
            assert!(plan.outages[0] >= 125 && plan.outages[0] < 287, "{plan:?}");
            assert!(plan.outages[1] >= 287 && plan.outages[1] < 450, "{plan:?}");
            assert!(plan.cuts.is_sorted() && plan.cuts.len() == 6);
        }
        assert_eq!(Plan::new(1, 5, 1, 0).outages.len(), 1);
    }
}
