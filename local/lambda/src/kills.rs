//! A seeded plan of which invocations lose their environment, and when.

use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;

/// Decides by a seed which invocations lose their environment.
#[derive(Clone, Debug)]
pub struct Kills {
    /// Random seed.
    pub seed: u64,
    /// How often and how late environments are killed.
    pub usual: Kill,
    /// The same for some functions.
    pub special: BTreeMap<&'static str, Kill>,
}

/// How often and how late environments of a function are killed.
#[derive(Clone, Copy, Debug)]
pub struct Kill {
    /// The share of invocations whose environment is killed, 0 to 1.
    pub probability: f64,
    /// The latest moment of a kill, counted from the start of the invocation.
    pub latest: Duration,
}

/// When an environment is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// This long after the start of the invocation, unless it has responded by then.
    After(Duration),
    /// Right after the response.
    Answered,
}

/// One kill in this many comes after the response.
const ANSWERED: u32 = 6;

impl Kills {
    /// Decides when the `nth` invocation of a function loses its environment, if it does.
    pub(crate) fn decide(&self, function: &str, nth: u64) -> Option<Moment> {
        let mut rng = nth_rng(self.seed, function, nth);
        let kill = self.special.get(function).unwrap_or(&self.usual);
        if rng.f64() >= kill.probability {
            return None;
        }
        if rng.u32(..ANSWERED) == 0 {
            return Some(Moment::Answered);
        }
        Some(Moment::After(kill.latest.mul_f64(rng.f64())))
    }
}

/// The random numbers of the `nth` event of a function or queue.
pub(crate) fn nth_rng(seed: u64, name: &str, nth: u64) -> Rng {
    let name = name.bytes().fold(0_u64, |name, byte| {
        name.wrapping_mul(31).wrapping_add(byte.into())
    });
    let mut rng = Rng::with_seed(seed ^ name.rotate_left(32) ^ nth);
    // The first numbers of neighbouring seeds are similar.
    rng.u64(..);
    rng
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seed_decides_which_invocations_are_killed() {
        let kills = Kills {
            seed: 7,
            usual: Kill {
                probability: 0.1,
                latest: Duration::from_millis(100),
            },
            special: BTreeMap::new(),
        };
        let all = |kills: &Kills, name: &str| -> Vec<_> {
            (0..2_000).map(|nth| kills.decide(name, nth)).collect()
        };
        let struck = all(&kills, "status");
        assert_eq!(struck, all(&kills, "status"));
        assert_ne!(struck, all(&kills, "recording"));
        let other_seed = Kills {
            seed: 8,
            ..kills.clone()
        };
        assert_ne!(struck, all(&other_seed, "status"));
        let spared = Kill {
            probability: 0.0,
            ..kills.usual
        };
        let special = Kills {
            special: [("status", spared)].into(),
            ..kills
        };
        assert!(all(&special, "status").iter().all(Option::is_none));
        let count = struck.iter().flatten().count();
        assert!((120..280).contains(&count), "{count}");
        let answered = struck
            .iter()
            .flatten()
            .filter(|moment| **moment == Moment::Answered);
        assert!(answered.count() > 5);
    }
}
