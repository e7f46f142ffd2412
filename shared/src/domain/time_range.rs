//! Time ranges for statistics.

use std::iter::successors;

use bson::DateTime;

use super::InvalidValue;

const SECOND: i64 = 1_000;
const HOUR: i64 = 3_600 * SECOND;
const DAY: i64 = 24 * HOUR;

/// A time range that includes its start but not its end. It has at most [`TimeRange::MAX_DAYS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    from: DateTime,
    to: DateTime,
}

impl TimeRange {
    /// The longest range, in days.
    pub const MAX_DAYS: i64 = 31;

    /// Creates the range from `from` to `to`.
    ///
    /// # Errors
    ///
    /// The error describes `from`: it must be earlier than `to`, and at most [`TimeRange::MAX_DAYS`] before it.
    pub fn new(from: DateTime, to: DateTime) -> Result<Self, InvalidValue> {
        let millis = to
            .timestamp_millis()
            .saturating_sub(from.timestamp_millis());
        if millis <= 0 {
            return Err(InvalidValue::new("must be earlier than to"));
        }
        if millis > Self::MAX_DAYS * DAY {
            let days = Self::MAX_DAYS;
            return Err(InvalidValue(format!(
                "must be at most {days} days before to"
            )));
        }
        Ok(Self { from, to })
    }

    /// The start, which the range includes.
    #[must_use]
    pub fn from(&self) -> DateTime {
        self.from
    }

    /// The end, which the range does not include.
    #[must_use]
    pub fn to(&self) -> DateTime {
        self.to
    }

    /// The length of the buckets that divide the range, in seconds: five minutes, an hour or a day. There are at most 100.
    #[must_use]
    pub fn bucket_seconds(&self) -> i64 {
        let length = self.to.timestamp_millis() - self.from.timestamp_millis();
        if length <= 6 * HOUR {
            300
        } else if length <= 4 * DAY {
            3_600
        } else {
            86_400
        }
    }

    /// The starts of the buckets, aligned to UTC. The first may be before the range.
    pub fn bucket_starts(&self) -> impl Iterator<Item = DateTime> {
        self.steps(self.bucket_seconds() * SECOND)
    }

    /// The starts of the UTC days that the range touches.
    pub fn days(&self) -> impl Iterator<Item = DateTime> {
        self.steps(DAY)
    }

    fn steps(&self, length: i64) -> impl Iterator<Item = DateTime> {
        let from = self.from.timestamp_millis();
        let to = self.to.timestamp_millis();
        successors(Some(from - from.rem_euclid(length)), move |start| {
            Some(start + length)
        })
        .take_while(move |start| *start < to)
        .map(DateTime::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime {
        DateTime::parse_rfc3339_str(text).unwrap()
    }

    fn range(from: &str, to: &str) -> TimeRange {
        TimeRange::new(at(from), at(to)).unwrap()
    }

    #[test]
    fn range_has_a_positive_length_of_at_most_31_days() {
        let from = at("2026-01-01T00:00:00Z");
        for (to, is_range) in [
            ("2025-12-31T23:59:59.999Z", false),
            ("2026-01-01T00:00:00Z", false),
            ("2026-01-01T00:00:00.001Z", true),
            ("2026-02-01T00:00:00Z", true),
            ("2026-02-01T00:00:00.001Z", false),
        ] {
            assert_eq!(TimeRange::new(from, at(to)).is_ok(), is_range, "{to}");
        }
        assert!(TimeRange::new(DateTime::MIN, DateTime::MAX).is_err());
    }

    #[test]
    fn range_has_at_most_100_buckets() {
        for (to, seconds, pieces) in [
            ("2026-01-01T00:07:31Z", 300, 1),
            ("2026-01-01T06:07:30Z", 300, 73),
            ("2026-01-01T06:07:30.001Z", 3_600, 7),
            ("2026-01-05T00:07:30Z", 3_600, 97),
            ("2026-01-05T00:07:30.001Z", 86_400, 5),
            ("2026-02-01T00:07:30Z", 86_400, 32),
        ] {
            let range = range("2026-01-01T00:07:30Z", to);
            let starts: Vec<_> = range.bucket_starts().collect();
            assert_eq!(
                (range.bucket_seconds(), starts.len()),
                (seconds, pieces),
                "{to}"
            );
            assert!(starts[0] <= range.from() && *starts.last().unwrap() < range.to());
        }
    }

    #[test]
    fn days_are_those_that_the_range_touches() {
        for (from, to, days) in [
            ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", 1),
            ("2026-01-01T23:59:59.999Z", "2026-01-02T00:00:00.001Z", 2),
            ("2026-01-01T12:00:00Z", "2026-02-01T12:00:00Z", 32),
            ("1969-12-31T23:00:00Z", "1970-01-01T01:00:00Z", 2),
        ] {
            assert_eq!(range(from, to).days().count(), days, "{from} to {to}");
        }
    }
}
