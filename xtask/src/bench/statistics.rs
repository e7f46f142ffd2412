use std::time::Duration;

/// The value below which that share of the samples lies, 0 to 1; zero without samples.
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

/// The middle one.
pub fn median(samples: &[Duration]) -> Duration {
    percentile(samples, 0.5)
}

/// In milliseconds.
pub fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
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
