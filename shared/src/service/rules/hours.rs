//! Calling hours, by the clocks of the user's time zone and of the time zones where the number may be.

#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};

use super::numbering_plan::{PlanEntry, digits};
use crate::domain::{
    CallRefusal, CallingHours, Clocks, PhoneNumber, RefusalCode, RuleError, TimeZone,
};

/// The configured calling hours.
pub(super) struct Hours {
    pub(super) hours: CallingHours,
    /// The time zone to use if neither the user nor the number has one.
    pub(super) default_zone: TimeZone,
}

impl Hours {
    /// Checks that the hours allow a call now, in the user's time zone and in every zone where the number may be.
    ///
    /// # Errors
    ///
    /// The refusal, with the first minute within a week that all these zones allow, if there is one.
    pub(super) fn check(
        &self,
        user: Option<&TimeZone>,
        number: Option<NumberZones>,
        now: DateTime<Utc>,
    ) -> Result<(), RuleError> {
        let hours = self.hours;
        let zones = self.zones(user, number, now)?;
        let clocks: Vec<_> = zones.iter().map(clocks_of).collect::<Result<_, _>>()?;
        let closed: Vec<_> = zones
            .iter()
            .zip(&clocks)
            .filter(|(_, clocks)| !clocks.show(now).is_some_and(|at| hours.contain(at)))
            .collect();
        let Some((_, first)) = closed.first() else {
            return Ok(());
        };
        let Some(next) = hours.next(now, &clocks) else {
            let message = format!(
                "can't be called: no minute of the next week is within {hours} in all of {}",
                names(&zones)
            );
            return Err(CallRefusal::of_number(RefusalCode::NoCallingHours, message).into());
        };
        let shown = first
            .show(next)
            .map_or_else(|| next.to_rfc3339(), |next| next.to_rfc3339());
        let message = format!(
            "may be called within {hours} in {}; the next allowed time is {shown}",
            names(closed.into_iter().map(|(zone, _)| zone))
        );
        Err(RuleError::Refused(CallRefusal::Field {
            code: RefusalCode::OutsideCallingHours,
            field: "to_number",
            message,
            next_allowed_at: Some(next),
        }))
    }

    /// The time zones in which the hours must allow the call. A number that may be anywhere in a country with different clocks
    /// adds none: the user's zone decides.
    fn zones(
        &self,
        user: Option<&TimeZone>,
        number: Option<NumberZones>,
        now: DateTime<Utc>,
    ) -> Result<Vec<TimeZone>, RuleError> {
        let mut zones: Vec<_> = user.into_iter().cloned().collect();
        if let Some(number) = number
            && (!number.is_country_wide || agree(number, now)?)
        {
            for name in number.names() {
                let zone = zone_of(name)?;
                if !zones.contains(&zone) {
                    zones.push(zone);
                }
            }
        }
        if zones.is_empty() {
            zones.push(self.default_zone.clone());
        }
        Ok(zones)
    }
}

/// Returns true if the clocks of all the zones agree, like those of London, Jersey and Guernsey.
fn agree(number: NumberZones, now: DateTime<Utc>) -> Result<bool, RuleError> {
    let mut first = None;
    for name in number.names() {
        let shown = clocks_of(&zone_of(name)?)?.show(now);
        let shown = shown.map(|shown| shown.naive_local());
        if *first.get_or_insert(shown) != shown {
            return Ok(false);
        }
    }
    Ok(true)
}

fn zone_of(name: &str) -> Result<TimeZone, RuleError> {
    name.parse()
        .map_err(|_| RuleError::UnknownTimeZone("unknown time zone of the number"))
}

fn clocks_of(zone: &TimeZone) -> Result<Clocks, RuleError> {
    zone.clocks()
        .ok_or(RuleError::UnknownTimeZone("unknown time zone of the user"))
}

/// `A`, `A and B`, `A, B and C`.
fn names<'a>(zones: impl IntoIterator<Item = &'a TimeZone>) -> String {
    let names: Vec<_> = zones.into_iter().map(TimeZone::as_str).collect();
    match names.split_last() {
        Some((last, first)) if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        _ => names.concat(),
    }
}

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

    /// The zones' IANA names.
    fn names(self) -> impl Iterator<Item = &'static str> {
        self.zones.split('&')
    }
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
