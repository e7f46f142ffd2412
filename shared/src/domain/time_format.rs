//! Times as text: RFC 3339 in our responses, RFC 2822 in what Twilio sends.

use bson::DateTime;
use chrono::{DateTime as ChronoDateTime, SecondsFormat, Utc};

/// Formats a time for a response, by RFC 3339: UTC, with milliseconds and `Z`.
#[must_use]
pub fn rfc3339(at: DateTime) -> String {
    let at = ChronoDateTime::from_timestamp_millis(at.timestamp_millis());
    with_milliseconds(at.unwrap_or_default())
}

/// Formats a time of `chrono` like [`rfc3339`].
pub(crate) fn with_milliseconds(at: ChronoDateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Parses a time that Twilio sent, in RFC 2822 format. Returns `None` if it is in another format.
pub(crate) fn parse_rfc2822(text: &str) -> Option<DateTime> {
    let time = ChronoDateTime::parse_from_rfc2822(text).ok()?;
    Some(DateTime::from_millis(time.timestamp_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_has_milliseconds_and_z() {
        assert_eq!(
            rfc3339(DateTime::from_millis(0)),
            "1970-01-01T00:00:00.000Z"
        );
        assert_eq!(
            rfc3339(DateTime::from_millis(1_790_000_000_120)),
            "2026-09-21T14:13:20.120Z"
        );
    }
}
