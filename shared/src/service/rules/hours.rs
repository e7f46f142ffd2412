//! Calling hours, by the clocks of the person's time zone and of the time zones where the number may be.

#[cfg(test)]
mod tests;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use super::number_zones::{NumberZones, clocks_of};
use crate::domain::{CallRefusal, CallingCalendar, Clocks, RefusalCode, RuleError, TimeZone};

const HORIZON: TimeDelta = TimeDelta::days(366);

/// The configured calling hours.
pub(super) struct Hours {
    pub(super) calendar: CallingCalendar,
    /// The time zone to use if neither the person nor the number has one.
    pub(super) default_zone: TimeZone,
}

impl Hours {
    /// The time zones in which the hours must allow a call: the person's, and all where the number may be. A number that may be
    /// anywhere in a country with different clocks adds none. At least one zone.
    ///
    /// # Errors
    ///
    /// [`RuleError::UnknownTimeZone`].
    pub(super) fn zones(
        &self,
        person: Option<&TimeZone>,
        number: Option<NumberZones>,
        at: DateTime<Utc>,
    ) -> Result<Vec<TimeZone>, RuleError> {
        let mut zones: Vec<_> = person.into_iter().cloned().collect();
        for zone in number.map_or_else(|| Ok(Vec::new()), |number| number.deciding(at))? {
            if !zones.contains(&zone) {
                zones.push(zone);
            }
        }
        if zones.is_empty() {
            zones.push(self.default_zone.clone());
        }
        Ok(zones)
    }

    /// Checks that the hours allow a call now in all these zones.
    ///
    /// # Errors
    ///
    /// The refusal, with the next allowed minute, if there is one within the horizon.
    pub(super) fn check(&self, zones: &[TimeZone], now: DateTime<Utc>) -> Result<(), RuleError> {
        let calendar = &self.calendar;
        let clocks = all_clocks(zones)?;
        let closed: Vec<_> = zones
            .iter()
            .zip(&clocks)
            .filter(|(_, clocks)| !clocks.show(now).is_some_and(|at| calendar.contain(at)))
            .collect();
        let Some((_, first)) = closed.first() else {
            return Ok(());
        };
        let until = horizon(now);
        let Some(next) = calendar.next(&clocks, now, until) else {
            return Err(self.never(zones, until).into());
        };
        let shown = first
            .show(next)
            .map_or_else(|| next.to_rfc3339(), |next| next.to_rfc3339());
        let message = format!(
            "may be called within {calendar} in {}; the next allowed time is {shown}",
            names(closed.into_iter().map(|(zone, _)| zone))
        );
        Err(RuleError::Refused(CallRefusal::Field {
            code: RefusalCode::OutsideCallingHours,
            field: "to_number".into(),
            message,
            next_allowed_at: Some(next),
        }))
    }

    /// Returns the first time in `from..until` that all these zones allow: `from`, or a whole minute. `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`RuleError::UnknownTimeZone`].
    pub(super) fn next(
        &self,
        zones: &[TimeZone],
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, RuleError> {
        let until = until.min(horizon(from));
        Ok(self.calendar.next(&all_clocks(zones)?, from, until))
    }

    /// The refusal of a call for which no minute before `until` is allowed.
    pub(super) fn never(&self, zones: &[TimeZone], until: DateTime<Utc>) -> CallRefusal {
        let message = format!(
            "can't be called: no minute before {} is within {} in all of {}",
            until.to_rfc3339_opts(SecondsFormat::Secs, true),
            self.calendar,
            names(zones)
        );
        CallRefusal::of_number(RefusalCode::NoCallingHours, message)
    }

    /// Counts the seconds of `from..until` that all these zones allow, within the horizon.
    ///
    /// # Errors
    ///
    /// [`RuleError::UnknownTimeZone`].
    pub(super) fn seconds(
        &self,
        zones: &[TimeZone],
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<u64, RuleError> {
        let until = until.min(horizon(from));
        Ok(self.calendar.seconds(&all_clocks(zones)?, from, until))
    }
}

/// The end of a search for an allowed minute: 366 days later.
pub(super) fn horizon(from: DateTime<Utc>) -> DateTime<Utc> {
    from.checked_add_signed(HORIZON)
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

fn all_clocks(zones: &[TimeZone]) -> Result<Vec<Clocks>, RuleError> {
    zones.iter().map(clocks_of).collect()
}

/// `A`, `A and B`, `A, B and C`.
fn names<'a>(zones: impl IntoIterator<Item = &'a TimeZone>) -> String {
    let names: Vec<_> = zones.into_iter().map(TimeZone::as_str).collect();
    match names.split_last() {
        Some((last, first)) if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        _ => names.concat(),
    }
}
