use std::hash::{BuildHasher, Hasher, RandomState};

/// For the second try.
const FIRST_SECONDS: u64 = 10;
/// A database that is back is noticed within a quarter of an hour.
const LAST_SECONDS: u64 = 900;

/// How long a message that has been tried so often is hidden: doubling, up to a quarter of an hour, less up to a fifth
/// by chance, so that messages which failed together do not come together for ever.
pub(crate) fn seconds(tries: u32) -> i32 {
    let doubled = FIRST_SECONDS << tries.saturating_sub(1).min(16);
    let longest = doubled.min(LAST_SECONDS);
    let chance = RandomState::new().build_hasher().finish();
    let shorter = chance % (longest / 5 + 1);
    i32::try_from(longest - shorter).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_up_to_a_quarter_of_an_hour() {
        for (tries, longest) in [
            (0, 10),
            (1, 10),
            (2, 20),
            (3, 40),
            (7, 640),
            (8, 900),
            (u32::MAX, 900),
        ] {
            let pauses: Vec<_> = (0..200).map(|_| seconds(tries)).collect();
            assert!(
                pauses
                    .iter()
                    .all(|pause| (longest * 4 / 5..=longest).contains(pause)),
                "{tries}"
            );
            assert!(pauses.iter().any(|pause| *pause != pauses[0]), "{tries}");
        }
    }

    #[test]
    fn an_outage_of_36_hours_passes_within_200_tries() {
        let hidden: i32 = (1..200).map(seconds).sum();
        assert!(hidden > 36 * 3600, "{hidden}");
    }
}
