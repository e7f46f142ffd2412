//! The rules whose results change with time: the kill switch and the calling hours.

#[cfg(test)]
mod tests;

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{
    Rules, hours::horizon, line::Line, number_zones::NumberZones, numbering_plan::PlanEntry,
};
use crate::{
    dao::Callee,
    domain::{CallRefusal, RuleError, TimeZone},
};

impl Rules {
    /// Longest time between the check of the rules and the dial.
    pub const DIALLED_WITHIN: Duration = Duration::from_secs(2);

    /// Checks what may change by itself: the kill switch, then the calling hours. `zone` is the person's time zone: the
    /// recipient's own, or the user's.
    ///
    /// # Errors
    ///
    /// `dialing_off`; `outside_calling_hours` with the next allowed minute; `no_calling_hours` if the next 366 days have none.
    /// [`RuleError::UnknownTimeZone`] if the stored name of a zone is unknown.
    pub fn check_temporary(
        &self,
        line: &Line,
        callee: &Callee,
        zone: Option<&TimeZone>,
        now: DateTime<Utc>,
    ) -> Result<(), RuleError> {
        if !callee.dialing.on {
            return Err(RuleError::Refused(CallRefusal::DialingOff {
                cause: callee.dialing.to_string(),
            }));
        }
        match &self.hours {
            Some(hours) => hours.check(&hours.zones(zone, number_zones(line), now)?, now),
            None => Ok(()),
        }
    }

    /// As [`Rules::check_temporary`], for a call that is dialled at `now` or up to two seconds later ([`Rules::DIALLED_WITHIN`]).
    ///
    /// # Errors
    ///
    /// As for [`Rules::check_temporary`]. If the hours close in less than two seconds, the next allowed time is after that.
    pub fn check_temporary_for_a_dial(
        &self,
        line: &Line,
        callee: &Callee,
        zone: Option<&TimeZone>,
        now: DateTime<Utc>,
    ) -> Result<(), RuleError> {
        let last = now + Self::DIALLED_WITHIN;
        self.check_temporary(line, callee, zone, now)?;
        self.check_temporary(line, callee, zone, last)
    }

    /// Returns the first time from `from` on at which the hours allow a call: `from`, or a whole minute. `None` if the next 366
    /// days have none. `zone` is the person's time zone: the recipient's own, or the user's.
    ///
    /// # Errors
    ///
    /// [`RuleError::UnknownTimeZone`] if the stored name of a zone is unknown.
    pub fn next_allowed(
        &self,
        line: &Line,
        zone: Option<&TimeZone>,
        from: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, RuleError> {
        match &self.hours {
            Some(hours) => {
                let zones = hours.zones(zone, number_zones(line), from)?;
                hours.next(&zones, from, horizon(from))
            }
            None => Ok(Some(from)),
        }
    }

    /// As [`Rules::next_allowed`], for a call that is not dialled from `until` on. Searches at most 366 days.
    ///
    /// # Errors
    ///
    /// `no_calling_hours` if the hours allow no minute of `from..until`. [`RuleError::UnknownTimeZone`] if the stored name of a
    /// zone is unknown.
    pub fn first_allowed(
        &self,
        line: &Line,
        zone: Option<&TimeZone>,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<DateTime<Utc>, RuleError> {
        let Some(hours) = &self.hours else {
            return Ok(from);
        };
        let zones = hours.zones(zone, number_zones(line), from)?;
        let until = until.min(horizon(from));
        let first = hours.next(&zones, from, until)?;
        first.ok_or_else(|| hours.never(&zones, until).into())
    }

    /// The time zones in which the hours must allow a call to this line. Empty if calls are allowed at any time.
    ///
    /// # Errors
    ///
    /// [`RuleError::UnknownTimeZone`] if a zone of the number is unknown.
    pub fn zones(
        &self,
        line: &Line,
        zone: Option<&TimeZone>,
        at: DateTime<Utc>,
    ) -> Result<Vec<TimeZone>, RuleError> {
        match &self.hours {
            Some(hours) => hours.zones(zone, number_zones(line), at),
            None => Ok(Vec::new()),
        }
    }

    /// Counts the seconds of `from..until` at which the hours allow calls in all these zones. Counts at most 366 days.
    ///
    /// # Errors
    ///
    /// [`RuleError::UnknownTimeZone`] if the stored name of a zone is unknown.
    pub fn allowed_seconds(
        &self,
        zones: &[TimeZone],
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<u64, RuleError> {
        match &self.hours {
            Some(hours) => hours.seconds(zones, from, until),
            None => Ok(until
                .signed_duration_since(from)
                .num_seconds()
                .try_into()
                .unwrap_or(0)),
        }
    }
}

fn number_zones(line: &Line) -> Option<NumberZones> {
    let number = line.number();
    NumberZones::of(number, PlanEntry::of(number)?)
}
