//! The pause before a failed message is tried again.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    time::Duration,
};

/// The pause before the second attempt.
const FIRST_SECONDS: u64 = 10;
/// The longest pause: a quarter of an hour after the database is back, all messages were tried.
const LAST_SECONDS: u64 = 900;

/// Seconds until `replay` tries a failed opt-out again. It is sent as a new message, whose count of tries begins at one.
pub(crate) const OPT_OUT_SECONDS: i32 = 10;
/// The age up to which an opt-out comes again as a new message, as long as the tries of any other one.
pub(crate) const OPT_OUT_AGE: Duration = Duration::from_hours(36);

/// Returns how long to hide a message after this number of attempts. The time doubles, up to a quarter of an hour. A random part of
/// up to a fifth is subtracted, so that messages that failed together come apart.
pub(crate) fn seconds(tries: u32) -> i32 {
    let doubled = FIRST_SECONDS << tries.saturating_sub(1).min(16);
    let longest = doubled.min(LAST_SECONDS);
    let random = RandomState::new().build_hasher().finish();
    let shorter = random % (longest / 5 + 1);
    i32::try_from(longest - shorter).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pause_doubles_up_to_a_quarter_of_an_hour() {
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
    fn outage_of_36_hours_takes_less_than_200_tries() {
        let hidden: i32 = (1..200).map(seconds).sum();
        assert!(hidden > 36 * 3600, "{hidden}");
    }
}
