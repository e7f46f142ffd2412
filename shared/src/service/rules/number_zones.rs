//! The time zones where a number may be.

#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};

use super::numbering_plan::{PlanEntry, digits};
use crate::domain::{Clocks, PhoneNumber, RuleError, TimeZone};

/// The time zones of numbers, from libphonenumber (Apache-2.0; the file contains its notice). A line is a prefix of E.164
/// digits and its zones; the lines are sorted. `tests/fixtures/zones.py` writes the file.
const TABLE: &str = include_str!("zones.txt");
const LONGEST_PREFIX: usize = 9;

/// The time zones where a number may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NumberZones {
    zones: &'static str,
    /// True if the digits name only the country; these are all its zones then.
    is_country_wide: bool,
}

impl NumberZones {
    /// Looks a number up. Returns `None` for a number without a country.
    pub(super) fn of(number: &PhoneNumber, entry: PlanEntry) -> Option<Self> {
        let digits = digits(number);
        let of_country = find(&entry.code.to_string())?;
        let zones = if entry.is_geographical() {
            let mut prefixes = (1..=LONGEST_PREFIX)
                .rev()
                .filter_map(|length| digits.get(..length));
            prefixes.find_map(find).unwrap_or(of_country)
        } else {
            of_country
        };
        Some(Self {
            zones,
            is_country_wide: zones == of_country,
        })
    }

    /// The zones in which the hours must allow a call. None if the number may be anywhere in a country with different clocks.
    ///
    /// # Errors
    ///
    /// [`RuleError::UnknownTimeZone`] if a zone of the table is unknown.
    pub(super) fn deciding(self, at: DateTime<Utc>) -> Result<Vec<TimeZone>, RuleError> {
        if self.is_country_wide && !agree(self.zones, at)? {
            return Ok(Vec::new());
        }
        names(self.zones).map(zone_of).collect()
    }
}

/// Returns true if the clocks of all the zones agree, like those of London, Jersey and Guernsey. The clocks of every country's
/// zones agree all year or on no day.
fn agree(zones: &str, at: DateTime<Utc>) -> Result<bool, RuleError> {
    let mut first = None;
    for name in names(zones) {
        let shown = clocks_of(&zone_of(name)?)?.show(at);
        let shown = shown.map(|shown| shown.naive_local());
        if *first.get_or_insert(shown) != shown {
            return Ok(false);
        }
    }
    Ok(true)
}

fn names(zones: &str) -> impl Iterator<Item = &str> {
    zones.split('&')
}

fn zone_of(name: &str) -> Result<TimeZone, RuleError> {
    name.parse()
        .map_err(|_| RuleError::UnknownTimeZone("unknown time zone of the number"))
}

/// The clocks of a zone.
///
/// # Errors
///
/// [`RuleError::UnknownTimeZone`] if the stored name is unknown.
pub(super) fn clocks_of(zone: &TimeZone) -> Result<Clocks, RuleError> {
    zone.clocks()
        .ok_or(RuleError::UnknownTimeZone("unknown time zone of the user"))
}

/// Returns the zones of exactly this prefix. A binary search in the text: nothing is parsed before a call needs it.
fn find(prefix: &str) -> Option<&'static str> {
    let (mut from, mut to) = (0, TABLE.len());
    while from < to {
        let middle = from + (to - from) / 2;
        let start = TABLE[from..middle]
            .rfind('\n')
            .map_or(from, |at| from + at + 1);
        let end = TABLE[middle..to].find('\n').map_or(to, |at| middle + at);
        // A line of the notice sorts before all digits.
        let (found, zones) = TABLE[start..end].split_once('|').unwrap_or_default();
        match found.cmp(prefix) {
            std::cmp::Ordering::Less => from = end + 1,
            std::cmp::Ordering::Greater => to = start,
            std::cmp::Ordering::Equal => return Some(zones),
        }
    }
    None
}
