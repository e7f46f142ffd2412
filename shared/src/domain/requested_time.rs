//! A time in a request: RFC 3339 with an offset.

use std::str::FromStr;

use bson::DateTime;
use chrono::DateTime as ChronoDateTime;
use serde::{Serialize, Serializer};

use super::{InvalidValue, from_json_string};

/// A time that a client sent. It serializes as the client wrote it, so that an idempotency key compares the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestedTime {
    text: String,
    at: DateTime,
}

impl RequestedTime {
    /// The text that the client wrote.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The time, UTC.
    #[must_use]
    pub fn at(&self) -> DateTime {
        self.at
    }
}

impl FromStr for RequestedTime {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        // Longer texts are no times, and only cost memory.
        const LONGEST: usize = 64;
        let parsed = Some(text)
            .filter(|text| text.len() <= LONGEST)
            .and_then(|text| ChronoDateTime::parse_from_rfc3339(text).ok())
            .ok_or_else(|| {
                InvalidValue::new(
                    "must be a time with an offset in RFC 3339 format, for example 2026-12-01T09:00:00-05:00",
                )
            })?;
        Ok(Self {
            text: text.to_owned(),
            at: DateTime::from_millis(parsed.timestamp_millis()),
        })
    }
}

impl Serialize for RequestedTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

from_json_string!(RequestedTime);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_needs_an_offset() {
        let time: RequestedTime = "2026-12-01T09:00:00-05:00".parse().unwrap();
        assert_eq!(time.at().timestamp_millis(), 1_796_133_600_000);
        for wrong in [
            "2026-12-01T09:00:00",
            "2026-12-01",
            "tomorrow",
            "",
            "1796133600",
        ] {
            let error = wrong.parse::<RequestedTime>().unwrap_err();
            assert!(error.to_string().contains("offset"), "{wrong}: {error}");
        }
    }

    #[test]
    fn time_serializes_as_it_was_sent() {
        let text = "2026-12-01T09:00:00.50-05:00";
        let time: RequestedTime = text.parse().unwrap();
        assert_eq!(serde_json::to_value(time).unwrap(), text);
    }
}
