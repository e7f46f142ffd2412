//! The calling hours of each date.

use std::fmt;

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, Timelike};

use super::{
    holidays::Holidays,
    week::{CallingHours, DAY, HOUR, Span},
};

/// When people may be called, by their local time: in the hours of the week, except on holidays.
///
/// On a holiday, the whole date is closed. So are the hours of the next morning that belong to a span of the holiday.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallingCalendar {
    hours: CallingHours,
    holidays: Holidays,
}

impl CallingCalendar {
    /// Combines hours and holidays. `None` if there are neither, so that calls are allowed at any time. Without hours, the
    /// holidays alone are closed.
    #[must_use]
    pub fn new(hours: Option<CallingHours>, holidays: Holidays) -> Option<Self> {
        if hours.is_none() && holidays.is_empty() {
            return None;
        }
        Some(Self {
            hours: hours.unwrap_or_else(CallingHours::always),
            holidays,
        })
    }

    /// Returns whether people may be called at this local time.
    #[must_use]
    pub fn contain(&self, at: DateTime<FixedOffset>) -> bool {
        let minute = at.hour() * HOUR + at.minute();
        self.on(at.date_naive())
            .any(|span| (span.opens..span.closes).contains(&minute))
    }

    /// The open hours of a date, within the day. They are sorted by their beginning. They may overlap, or be
    /// empty.
    pub(super) fn on(&self, date: NaiveDate) -> impl Iterator<Item = Span> {
        let open_date = |date: Option<NaiveDate>| date.filter(|date| !self.holidays.contain(*date));
        let today = open_date(Some(date));
        let eve = today.and_then(|date| open_date(date.pred_opt()));
        let spans_of =
            |date: Option<NaiveDate>| date.map_or(&[][..], |date| self.hours.of(date.weekday()));
        let since_the_eve = spans_of(eve).iter().map(|span| Span {
            opens: 0,
            closes: span.end().saturating_sub(DAY),
        });
        let since_today = spans_of(today).iter().map(|span| Span {
            closes: span.end().min(DAY),
            ..*span
        });
        since_the_eve.chain(since_today)
    }
}

impl fmt::Display for CallingCalendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.hours.fmt(f)?;
        if self.holidays.is_empty() {
            Ok(())
        } else {
            f.write_str(" except on holidays")
        }
    }
}
