//! A seeded plan of which messages of a queue arrive late, and which arrive again after they were handled.

use std::time::Duration;

use fastrand::Rng;

use crate::kills::nth_rng;

/// Decides by a seed which batches of messages a function gets late or twice. SQS allows both.
#[derive(Clone, Copy, Debug)]
pub struct Redeliveries {
    /// Random seed.
    pub seed: u64,
    /// The share of batches that arrive late, 0 to 1.
    pub late: f64,
    /// The share of batches that arrive again after they were handled, 0 to 1.
    pub again: f64,
    /// The share of batches that arrive twice at once, 0 to 1.
    pub twice: f64,
    /// The longest delay.
    pub latest: Duration,
}

/// The fate of one batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fate {
    /// It arrives this long after it was read from the queue.
    pub late: Option<Duration>,
    /// It arrives again this long after it was handled.
    pub again: Option<Duration>,
    /// It arrives twice at once.
    pub twice: bool,
}

impl Redeliveries {
    /// Decides the fate of the `nth` batch of a queue.
    pub(crate) fn decide(&self, queue: &str, nth: u64) -> Fate {
        let mut rng = nth_rng(self.seed, queue, nth);
        let delay = |rng: &mut Rng, share: f64| {
            let (is_chosen, part) = (rng.f64() < share, rng.f64());
            is_chosen.then(|| self.latest.mul_f64(part))
        };
        Fate {
            late: delay(&mut rng, self.late),
            again: delay(&mut rng, self.again),
            twice: rng.f64() < self.twice,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seed_decides_which_batches_arrive_late_or_again() {
        let plan = Redeliveries {
            seed: 7,
            late: 0.1,
            again: 0.2,
            twice: 0.1,
            latest: Duration::from_secs(3),
        };
        let all = |plan: &Redeliveries, queue: &str| -> Vec<_> {
            (0..1_000).map(|nth| plan.decide(queue, nth)).collect()
        };
        let fates = all(&plan, "DialQueue");
        assert_eq!(fates, all(&plan, "DialQueue"));
        assert_ne!(fates, all(&plan, "EffectsQueue"));
        assert_ne!(fates, all(&Redeliveries { seed: 8, ..plan }, "DialQueue"));
        let late: Vec<_> = fates.iter().filter_map(|fate| fate.late).collect();
        let again = fates.iter().filter(|fate| fate.again.is_some()).count();
        let twice = fates.iter().filter(|fate| fate.twice).count();
        assert!((60..150).contains(&twice), "{twice}");
        assert!((60..150).contains(&late.len()), "{}", late.len());
        assert!((140..260).contains(&again), "{again}");
        assert!(late.iter().all(|delay| *delay < plan.latest));
    }
}
