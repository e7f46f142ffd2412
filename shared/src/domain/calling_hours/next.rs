//! The times at which all of several clocks allow calls.

#[cfg(test)]
mod tests;

use chrono::{DateTime, NaiveDate, Utc};

use super::{calendar::CallingCalendar, week::DAY};
use crate::domain::Clocks;

/// Seconds of a minute.
const MINUTE: i64 = 60;
const DAY_SECONDS: i64 = DAY as i64 * MINUTE;

impl CallingCalendar {
    /// Returns the first time in `from..to` at which all of these clocks allow calls: `from`, or a whole minute. `None` if there
    /// is none.
    ///
    /// A span that begins in an hour that a clock change skips opens after the change. An hour that repeats counts twice. No
    /// current time zone differs from UTC by a fraction of a minute.
    #[must_use]
    pub fn next(
        &self,
        clocks: &[Clocks],
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let (opens, _) = self.open(clocks, from.timestamp(), to.timestamp())?;
        if opens == from.timestamp() {
            Some(from)
        } else {
            DateTime::from_timestamp(opens, 0)
        }
    }

    /// Counts the seconds of `from..to` at which all of these clocks allow calls.
    #[must_use]
    pub fn seconds(&self, clocks: &[Clocks], from: DateTime<Utc>, to: DateTime<Utc>) -> u64 {
        let mut seconds = 0;
        let mut at = from.timestamp();
        while let Some((opens, closes)) = self.open(clocks, at, to.timestamp()) {
            seconds += closes.abs_diff(opens);
            at = closes;
        }
        seconds
    }

    /// The first time in `from..to` at which all clocks allow calls, and the end of the span. In seconds since 1970.
    fn open(&self, clocks: &[Clocks], from: i64, to: i64) -> Option<(i64, i64)> {
        let mut at = from;
        'next: loop {
            let mut end = to;
            for clocks in clocks {
                let (opens, closes) = self.open_of_one(clocks, at, to)?;
                if at < opens {
                    at = opens;
                    continue 'next;
                }
                end = end.min(closes);
            }
            return (at < end).then_some((at, end));
        }
    }

    /// As [`CallingCalendar::open`], for the clocks of one time zone. Goes on from date to date, and from clock change to clock
    /// change. A span ends with each of them.
    fn open_of_one(&self, clocks: &Clocks, from: i64, to: i64) -> Option<(i64, i64)> {
        let mut at = from;
        while at < to {
            let (offset, change) = clocks.offset(DateTime::from_timestamp(at, 0)?)?;
            let offset = i64::from(offset.local_minus_utc());
            let days = (at + offset).div_euclid(DAY_SECONDS);
            let midnight = days * DAY_SECONDS - offset;
            let change = change.map_or(to, |change| change.timestamp());
            let end = to.min(change).min(midnight + DAY_SECONDS);
            let date = NaiveDate::from_epoch_days(days.try_into().ok()?)?;
            for span in self.on(date) {
                let [opens, closes] =
                    [span.opens, span.closes].map(|minute| midnight + i64::from(minute) * MINUTE);
                let (opens, closes) = (opens.max(at), closes.min(end));
                if opens < closes {
                    return Some((opens, closes));
                }
            }
            at = end;
        }
        None
    }
}
