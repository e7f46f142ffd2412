//! The batches of a plan, and retries.

use std::time::Duration;

use fastrand::Rng;

use super::{AREA_CODES, number};

/// Recipients of a batch for each hundred calls.
const RECIPIENTS_PER_HUNDRED_CALLS: usize = 20;

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

/// Returns random retries.
pub(super) fn retry(rng: &mut Rng) -> RetryOrder {
    RetryOrder {
        max_attempts: rng.u32(2..5),
        delays_seconds: (0..rng.usize(1..3)).map(|_| rng.u32(1..5)).collect(),
        after_voicemail: rng.bool(),
    }
}

/// The first batch is paused for a while, the second one canceled.
pub(super) fn batch(rng: &mut Rng, seed: u64, nth: usize, calls: usize) -> BatchOrder {
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

/// Returns a number that is busy for its first calls, and so on.
pub(super) fn changing_number(rng: &mut Rng) -> String {
    let area = AREA_CODES[rng.usize(..AREA_CODES.len())];
    format!("+1{area}55501{}{}", rng.u32(5..9), rng.u32(1..4))
}

/// Returns a random time within these limits.
pub(super) fn span(rng: &mut Rng, from_ms: u64, until_ms: u64) -> Duration {
    Duration::from_millis(rng.u64(from_ms..until_ms))
}
