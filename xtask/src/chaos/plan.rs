//! What a seed decides before anything runs: who calls whom, who repeats what, and when the database goes away.

use std::time::Duration;

use fastrand::Rng;

/// Numbers that the simulator treats in a way of their own: busy, never answered, failed, a short talk, silence, long
/// queued, recordings that come out absent, and a long ringing.
const PECULIAR: [&str; 8] = [
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

/// So many requests of one key at the same moment.
const STAMPEDE: usize = 50;

/// One run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where all of it comes from.
    pub seed: u64,
    /// The calls, in the order in which they are placed.
    pub orders: Vec<Order>,
    /// Numbers that several calls go to, with many a lost answer among them.
    pub shared_numbers: Vec<String>,
    /// The same, and no callback of these calls ever arrives.
    pub mute_numbers: Vec<String>,
    /// After how many of the orders the database is stopped, in order.
    pub outages: Vec<usize>,
    /// After how many of the orders its connections are cut, in order.
    pub cuts: Vec<usize>,
}

/// One call that a client wants, under one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Its place in the plan.
    pub index: usize,
    /// The `Idempotency-Key`.
    pub key: String,
    /// Who is called.
    pub to: String,
    /// What is spoken.
    pub script: String,
    /// Whether the call is recorded.
    pub recorded: bool,
    /// How many requests are sent at the same moment.
    pub at_once: usize,
    /// How long after the answer the request is repeated.
    pub again_after: Option<Duration>,
    /// How long after the answer the call is hung up.
    pub hang_up_after: Option<Duration>,
}

impl Plan {
    /// The same for the same arguments.
    pub fn new(seed: u64, calls: usize, outages: usize, cuts: usize) -> Self {
        let mut rng = Rng::with_seed(seed);
        let mut plan = Self {
            seed,
            orders: Vec::with_capacity(calls),
            shared_numbers: numbers(&mut rng, (calls / 40).max(2)),
            mute_numbers: numbers(&mut rng, (calls / 60).max(2)),
            outages: moments(&mut rng, outages, calls),
            cuts: moments(&mut rng, cuts, calls),
        };
        for index in 0..calls {
            let to = plan.number(&mut rng);
            plan.orders.push(order(&mut rng, seed, index, to));
        }
        // A client that has lost its head.
        if let Some(order) = plan.orders.get_mut(calls / 2) {
            order.at_once = STAMPEDE;
        }
        plan
    }

    fn number(&self, rng: &mut Rng) -> String {
        let one_of =
            |rng: &mut Rng, numbers: &[String]| numbers[rng.usize(..numbers.len())].clone();
        match rng.u32(..100) {
            0..10 => PECULIAR[rng.usize(..PECULIAR.len())].to_owned(),
            10..24 => one_of(rng, &self.shared_numbers),
            24..32 => one_of(rng, &self.mute_numbers),
            _ => number(rng),
        }
    }
}

fn order(rng: &mut Rng, seed: u64, index: usize, to: String) -> Order {
    let milliseconds = |rng: &mut Rng, from, to| Duration::from_millis(rng.u64(from..to));
    Order {
        index,
        key: format!("chaos-{seed}-{index}"),
        to,
        script: (0..rng.usize(2..14))
            .map(|_| WORDS[rng.usize(..WORDS.len())])
            .collect::<Vec<_>>()
            .join(" "),
        recorded: rng.u32(..100) < 80,
        at_once: if rng.u32(..100) < 15 {
            rng.usize(2..5)
        } else {
            1
        },
        again_after: (rng.u32(..100) < 15).then(|| milliseconds(rng, 0, 6_000)),
        hang_up_after: (rng.u32(..100) < 10).then(|| milliseconds(rng, 0, 500)),
    }
}

fn numbers(rng: &mut Rng, count: usize) -> Vec<String> {
    (0..count).map(|_| number(rng)).collect()
}

/// A number that somebody answers; it is in nobody's plan of peculiar ones, whose exchange is 555.
fn number(rng: &mut Rng) -> String {
    let area = AREA_CODES[rng.usize(..AREA_CODES.len())];
    format!("+1{area}{}{:04}", rng.u32(220..400), rng.u32(..10_000))
}

/// Spread over the middle of the run: one in each of as many equal parts.
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
    fn the_same_seed_makes_the_same_plan_and_another_seed_another_one() {
        let [one, same, other] = [7, 7, 8].map(|seed| Plan::new(seed, 200, 2, 6));
        assert_eq!(one.orders, same.orders);
        assert_eq!((&one.outages, &one.cuts), (&same.outages, &same.cuts));
        assert_ne!(one.orders, other.orders);
    }

    #[test]
    fn every_order_has_a_key_of_its_own_and_some_share_their_numbers() {
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
    fn what_befalls_the_database_is_spread_over_the_run() {
        for seed in 0..20 {
            let plan = Plan::new(seed, 500, 2, 6);
            assert!(plan.outages[0] >= 125 && plan.outages[0] < 287, "{plan:?}");
            assert!(plan.outages[1] >= 287 && plan.outages[1] < 450, "{plan:?}");
            assert!(plan.cuts.is_sorted() && plan.cuts.len() == 6);
        }
        assert_eq!(Plan::new(1, 5, 1, 0).outages.len(), 1);
    }
}
