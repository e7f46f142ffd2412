//! Percentiles of durations.

use std::time::Duration;

/// Returns the sample below which this share of the samples lies, from 0 to 1. Zero without samples.
pub fn percentile(samples: &[Duration], share: f64) -> Duration {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    let last = sorted.len().saturating_sub(1);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index between 0 and the last one"
    )]
    let nth = (last as f64 * share).round() as usize;
    sorted.get(nth).copied().unwrap_or_default()
}

/// Returns the median.
pub fn median(samples: &[Duration]) -> Duration {
    percentile(samples, 0.5)
}

/// Converts a duration to milliseconds.
pub fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// Converts a count to a number that can be divided.
pub fn f64_of(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples() {
        let samples: Vec<_> = [3, 1, 2, 5, 4].map(Duration::from_millis).into();
        assert_eq!(median(&samples), Duration::from_millis(3));
        assert_eq!(percentile(&samples, 0.99), Duration::from_millis(5));
        assert_eq!(percentile(&samples, 0.0), Duration::from_millis(1));
        assert_eq!(median(&[]), Duration::ZERO);
    }
}
