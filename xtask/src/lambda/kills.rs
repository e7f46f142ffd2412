use std::time::Duration;

use fastrand::Rng;

/// Which invocations lose their environment, decided by a seed.
#[derive(Clone, Debug)]
pub struct Kills {
    /// What all of it follows from.
    pub seed: u64,
    /// The share of invocations that are struck, 0 to 1.
    pub probability: f64,
    /// The latest moment, counted from when the event was handed over.
    pub latest: Duration,
}

/// When an environment is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// So long after the event was handed over, unless it has answered.
    After(Duration),
    /// Once it has answered.
    Answered,
}

/// One of so many is struck after its answer.
const ANSWERED: u32 = 6;

impl Kills {
    /// What happens to the how-manieth invocation of a function.
    pub fn decide(&self, function: &str, nth: u64) -> Option<Moment> {
        let name = function.bytes().fold(0_u64, |name, byte| {
            name.wrapping_mul(31).wrapping_add(byte.into())
        });
        let mut rng = Rng::with_seed(self.seed ^ name.rotate_left(32) ^ nth);
        // Neighbouring seeds begin alike.
        rng.u64(..);
        if rng.f64() >= self.probability {
            return None;
        }
        if rng.u32(..ANSWERED) == 0 {
            return Some(Moment::Answered);
        }
        Some(Moment::After(self.latest.mul_f64(rng.f64())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_which_invocations_are_struck() {
        let kills = Kills {
            seed: 7,
            probability: 0.1,
            latest: Duration::from_millis(100),
        };
        let all = |kills: &Kills, name: &str| -> Vec<_> {
            (0..2_000).map(|nth| kills.decide(name, nth)).collect()
        };
        let struck = all(&kills, "status");
        assert_eq!(struck, all(&kills, "status"));
        assert_ne!(struck, all(&kills, "recording"));
        assert_ne!(struck, all(&Kills { seed: 8, ..kills }, "status"));
        let count = struck.iter().flatten().count();
        assert!((120..280).contains(&count), "{count}");
        let answered = struck
            .iter()
            .flatten()
            .filter(|moment| **moment == Moment::Answered);
        assert!(answered.count() > 5);
    }
}
