//! Moments and spans of time on the wall clock, in milliseconds since 1970.

use std::time::Duration;

use mongodb::bson::DateTime;
use serde::Serialize;

/// A moment, in milliseconds since 1970.
pub type Moment = i64;

/// The length of a day.
pub const DAY: Moment = 86_400_000;

/// Returns the UTC day of a moment, in days since 1970.
pub fn day(at: Moment) -> i64 {
    at.div_euclid(DAY)
}

/// Returns the current moment.
pub fn now() -> Moment {
    DateTime::now().timestamp_millis()
}

/// Returns the moment in RFC 3339 format.
pub fn rfc3339(at: Moment) -> String {
    let text = DateTime::from_millis(at).try_to_rfc3339_string();
    text.unwrap_or_else(|_| at.to_string())
}

/// Returns the moment of a text in RFC 3339 format.
pub fn parse(text: &str) -> Option<Moment> {
    let time = DateTime::parse_rfc3339_str(text).ok()?;
    Some(time.timestamp_millis())
}

/// Returns the milliseconds of a duration.
pub fn millis(duration: Duration) -> Moment {
    Moment::try_from(duration.as_millis()).unwrap_or(Moment::MAX)
}

/// A span of time. It includes its start, but not its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    pub from: Moment,
    pub until: Moment,
}

impl Span {
    /// Returns whether the moment is within the span.
    pub fn contains(self, at: Moment) -> bool {
        (self.from..self.until).contains(&at)
    }

    /// Returns whether the spans have a moment in common.
    pub fn overlaps(self, other: Self) -> bool {
        self.from < other.until && other.from < self.until
    }

    /// The span without its first part.
    pub fn after(self, grace: Duration) -> Self {
        Self {
            from: self.from + millis(grace),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn span_includes_its_start_only() {
        let span = Span { from: 5, until: 9 };
        assert!(span.contains(5) && !span.contains(9));
        assert!(span.overlaps(Span { from: 8, until: 20 }));
        assert!(!span.overlaps(Span { from: 9, until: 20 }));
        assert!(!span.after(Duration::from_millis(2)).contains(6));
    }

    #[test]
    fn text_has_the_same_moment() {
        let at = 1_795_391_999_123;
        assert_eq!(parse(&rfc3339(at)), Some(at));
        assert_eq!(
            parse("2026-11-28T00:00:00.5+02:00"),
            Some(1_795_816_800_500)
        );
        assert_eq!(parse("yesterday"), None);
    }
}
