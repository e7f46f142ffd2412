//! Holidays.

#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, str::FromStr};

use chrono::{Datelike, NaiveDate};

use crate::domain::InvalidValue;

/// The dates on which nobody may be called, separated by commas: `2026-12-25`, or `12-25` for every year.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holidays {
    dates: BTreeSet<NaiveDate>,
    /// Month and day.
    yearly: BTreeSet<(u32, u32)>,
}

/// A leap year, in which every day of the year exists.
const LEAP_YEAR: i32 = 2000;

impl Holidays {
    /// The most dates.
    pub const MAX: usize = 366;

    /// Returns true if there are no holidays.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.dates.is_empty() && self.yearly.is_empty()
    }

    pub(super) fn contain(&self, date: NaiveDate) -> bool {
        self.dates.contains(&date) || self.yearly.contains(&(date.month(), date.day()))
    }

    fn add(&mut self, text: &str) -> Option<()> {
        let (before, day) = text.rsplit_once('-')?;
        let (year, month) = match before.split_once('-') {
            Some((year, month)) => (Some(number(year, 4)?), month),
            None => (None, before),
        };
        let (month, day) = (number(month, 2)?, number(day, 2)?);
        let in_year = year.map_or(Some(LEAP_YEAR), |year| year.try_into().ok())?;
        let date = NaiveDate::from_ymd_opt(in_year, month, day)?;
        if year.is_some() {
            self.dates.insert(date);
        } else {
            self.yearly.insert((month, day));
        }
        Some(())
    }
}

/// Exactly so many digits.
fn number(text: &str, digits: usize) -> Option<u32> {
    let is_number = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

impl FromStr for Holidays {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let mut holidays = Self::default();
        let mut entries = text.split(',').map(str::trim);
        let are_dates = entries
            .by_ref()
            .take(Self::MAX)
            .all(|entry| holidays.add(entry).is_some());
        if are_dates && entries.next().is_none() {
            return Ok(holidays);
        }
        Err(InvalidValue::new(format!(
            "must be 1 to {} dates, for example 2026-12-25 or, for every year, 12-25",
            Self::MAX
        )))
    }
}
