//! Calling hours.

use std::{fmt, str::FromStr};

use chrono::{DateTime, DurationRound, FixedOffset, TimeDelta, Timelike, Utc};

use super::{Clocks, InvalidValue};

/// The hours of the day in which people may be called, by their local time: `HH:MM-HH:MM`.
///
/// The first minute is included, the last is not. The hours may extend past midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallingHours {
    /// Minutes since midnight.
    opens: u32,
    /// Minutes since midnight. 24:00 is the end of the day.
    closes: u32,
}

const HOUR: u32 = 60;
const DAY: u32 = 24 * HOUR;
const MINUTE: TimeDelta = TimeDelta::minutes(1);
/// A week: more than a day plus the largest jump of any clock.
const MINUTES_SEARCHED: i32 = 7 * 24 * 60;

impl CallingHours {
    /// Returns whether people may be called at this local time.
    #[must_use]
    pub fn contain(self, at: DateTime<FixedOffset>) -> bool {
        let minute = at.hour() * HOUR + at.minute();
        let (opened, closed) = (self.opens <= minute, self.closes <= minute);
        if self.opens < self.closes {
            opened && !closed
        } else {
            opened || !closed
        }
    }

    /// Returns the first whole minute after `now` at which all of these clocks allow calls. `None` if there is no such
    /// minute within a week.
    ///
    /// Checks minute by minute, so that clock changes need no special rules. No current time zone differs from UTC by a fraction
    /// of a minute.
    #[must_use]
    pub fn next(self, now: DateTime<Utc>, clocks: &[Clocks]) -> Option<DateTime<Utc>> {
        let this_minute = now.duration_trunc(MINUTE).ok()?;
        let is_open = |minute: &DateTime<Utc>| {
            clocks
                .iter()
                .all(|clocks| clocks.show(*minute).is_some_and(|at| self.contain(at)))
        };
        (1..=MINUTES_SEARCHED)
            .map(|ahead| this_minute + MINUTE * ahead)
            .find(is_open)
    }
}

impl FromStr for CallingHours {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let read = || {
            let (opens, closes) = text.split_once('-')?;
            let (opens, closes) = (minutes(opens)?, minutes(closes)?);
            (opens < DAY && opens != closes).then_some(Self { opens, closes })
        };
        read().ok_or_else(|| {
            InvalidValue::new("must be two different times of day, for example 08:00-21:00")
        })
    }
}

/// `HH:MM`, up to 24:00, as minutes since midnight.
fn minutes(text: &str) -> Option<u32> {
    let two_digits = |text: &str| match text.as_bytes() {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => {
            Some(u32::from(tens - b'0') * 10 + u32::from(ones - b'0'))
        }
        _ => None,
    };
    let (hours, minutes) = text.split_once(':')?;
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    let of_day = hours * HOUR + minutes;
    (minutes < HOUR && of_day <= DAY).then_some(of_day)
}

impl fmt::Display for CallingHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [opens, closes] =
            [self.opens, self.closes].map(|at| format!("{:02}:{:02}", at / HOUR, at % HOUR));
        write!(f, "{opens}-{closes}")
    }
}

#[cfg(test)]
mod tests;
