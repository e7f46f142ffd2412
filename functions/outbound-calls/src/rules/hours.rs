use chrono::{DateTime, Utc};
use outdial::{
    domain::{CallingHours, Clocks, TimeZone},
    http::Problem,
};

use super::{refused, zones::NumberZones};

/// The hours in which people may be called, by the clocks of each place where they may be.
pub(super) struct Hours {
    pub(super) hours: CallingHours,
    /// Decides where neither the user nor the number has a zone.
    pub(super) default_zone: TimeZone,
}

impl Hours {
    /// Checks that the hours allow a call now, both in the zone of the user and wherever the number may lie.
    ///
    /// # Errors
    ///
    /// The refusal, with the first minute that all these zones allow, if there is one within a week.
    pub(super) fn check(
        &self,
        user: Option<&TimeZone>,
        number: Option<NumberZones>,
        now: DateTime<Utc>,
    ) -> Result<(), Problem> {
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
                "cannot be called: no minute of the next week is within {hours} in all of {}",
                names(&zones)
            );
            return Err(refused("no_calling_hours", message));
        };
        let shown = first
            .show(next)
            .map_or_else(|| next.to_rfc3339(), |next| next.to_rfc3339());
        let message = format!(
            "may be called from {hours} in {}; the next allowed time is {shown}",
            names(closed.into_iter().map(|(zone, _)| zone))
        );
        Err(refused("outside_calling_hours", message).allowed_from(next))
    }

    /// The zones in which the hours must allow the call. A number that may lie anywhere in a country of several clocks says
    /// nothing: it goes by the user's zone.
    fn zones(
        &self,
        user: Option<&TimeZone>,
        number: Option<NumberZones>,
        now: DateTime<Utc>,
    ) -> Result<Vec<TimeZone>, Problem> {
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

/// Whether the clocks of all the zones show the same: those of London, Jersey and Guernsey do.
fn agree(number: NumberZones, now: DateTime<Utc>) -> Result<bool, Problem> {
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

fn zone_of(name: &str) -> Result<TimeZone, Problem> {
    name.parse()
        .map_err(|_| Problem::internal("a time zone of the number is not known"))
}

fn clocks_of(zone: &TimeZone) -> Result<Clocks, Problem> {
    zone.clocks()
        .ok_or_else(|| Problem::internal("the user's time zone is not known"))
}

/// `A`, `A and B`, `A, B and C`.
fn names<'a>(zones: impl IntoIterator<Item = &'a TimeZone>) -> String {
    let names: Vec<_> = zones.into_iter().map(TimeZone::as_str).collect();
    match names.split_last() {
        Some((last, first)) if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        _ => names.concat(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rules::plan::Planned;

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn hours(text: &str) -> Hours {
        Hours {
            hours: text.parse().unwrap(),
            default_zone: "UTC".parse().unwrap(),
        }
    }

    fn zones_of(number: &str) -> Option<NumberZones> {
        let number = number.parse().unwrap();
        NumberZones::of(&number, Planned::of(&number).unwrap())
    }

    fn code(hours: &Hours, zone: Option<&str>, number: &str, now: &str) -> Option<&'static str> {
        let zone = zone.map(|zone| zone.parse().unwrap());
        let checked = hours.check(zone.as_ref(), zones_of(number), utc(now));
        checked.err().map(|problem| problem.code())
    }

    #[test]
    fn both_the_zone_of_the_user_and_those_of_the_number_must_allow_a_call() {
        let hours = hours("08:00-21:00");
        let outside = Some("outside_calling_hours");
        for (time, zone, number, refused) in [
            // 16:00 in Tokyo is three in the night in New York.
            (
                "2026-06-01T07:00:00Z",
                Some("Asia/Tokyo"),
                "+12125550123",
                outside,
            ),
            // 08:00 in New York, 21:00 in Tokyo.
            (
                "2026-06-01T12:00:00Z",
                Some("Asia/Tokyo"),
                "+12125550123",
                outside,
            ),
            ("2026-06-01T12:00:00Z", None, "+12125550123", None),
            ("2026-06-01T11:59:59Z", None, "+12125550123", outside),
            (
                "2026-06-01T12:00:00Z",
                Some("Europe/London"),
                "+12125550123",
                None,
            ),
            // All of Alaska, from Anchorage to Adak.
            ("2026-06-01T16:30:00Z", None, "+19075550123", outside),
            ("2026-06-01T17:00:00Z", None, "+19075550123", None),
            // One zone, or several that show the same.
            (
                "2026-06-01T22:00:00Z",
                Some("America/New_York"),
                "+442079460018",
                outside,
            ),
            (
                "2026-06-01T22:00:00Z",
                Some("America/New_York"),
                "+447400123456",
                outside,
            ),
            (
                "2026-06-01T22:00:00Z",
                Some("America/New_York"),
                "+353850123456",
                outside,
            ),
            (
                "2026-06-01T22:00:00Z",
                Some("America/New_York"),
                "+33800123456",
                outside,
            ),
            // Jamaica, at two in the night.
            (
                "2026-06-01T07:00:00Z",
                Some("Asia/Tokyo"),
                "+18762101234",
                outside,
            ),
            // Country-wide: the user's, or else the default.
            (
                "2026-06-01T07:00:00Z",
                Some("Asia/Tokyo"),
                "+18005550123",
                None,
            ),
            (
                "2026-06-01T07:00:00Z",
                Some("America/New_York"),
                "+18005550123",
                outside,
            ),
            ("2026-06-01T07:59:59Z", None, "+18005550123", outside),
            ("2026-06-01T08:00:00Z", None, "+18005550123", None),
            (
                "2026-06-01T20:00:00Z",
                Some("America/New_York"),
                "+61412345678",
                None,
            ),
        ] {
            let code = code(&hours, zone, number, time);
            assert_eq!(code, refused, "{time} in {zone:?} to {number}");
        }
    }

    #[test]
    fn hours_without_a_common_minute_are_told_from_hours_to_come() {
        let tokyo = Some("Asia/Tokyo");
        let now = "2026-06-01T07:00:00Z";
        let code_of = |text| code(&hours(text), tokyo, "+12125550123", now);
        // The clocks are 13 hours apart in summer.
        assert_eq!(code_of("09:00-20:00"), Some("no_calling_hours"));
        assert_eq!(code_of("09:00-20:01"), Some("outside_calling_hours"));
    }

    proptest! {
        #[test]
        fn the_next_time_is_allowed_in_all_zones_and_no_quarter_of_an_hour_before_it(
            now in 1_790_000_000_i64..1_830_000_000,
            opens in 0..24_u32,
            length in 1..24_u32,
            zone in prop::sample::select(vec!["Asia/Tokyo", "Europe/London", "America/New_York", "Asia/Kathmandu"]),
            number in prop::sample::select(vec!["+12125550123", "+19075550123", "+16055550123", "+442079460018", "+61291234567"]),
        ) {
            let now = DateTime::from_timestamp(now, 0).unwrap();
            let hours = hours(&format!("{opens:02}:00-{:02}:00", (opens + length) % 24));
            let zone: TimeZone = zone.parse().unwrap();
            let number = zones_of(number);
            let all = hours.zones(Some(&zone), number, now).unwrap();
            let clocks: Vec<_> = all.iter().map(|zone| zone.clocks().unwrap()).collect();
            let is_open = |at| {
                clocks.iter().all(|clocks| hours.hours.contain(clocks.show(at).unwrap()))
            };
            prop_assert_eq!(hours.check(Some(&zone), number, now).is_ok(), is_open(now));
            prop_assume!(!is_open(now));
            let next = hours.hours.next(now, &clocks);
            prop_assert!(next.is_none_or(is_open));
            let end = next.unwrap_or(now + chrono::TimeDelta::days(7));
            let quarter = chrono::TimeDelta::minutes(15);
            let mut before = now + quarter;
            while before < end {
                prop_assert!(!is_open(before), "{before}");
                before += quarter;
            }
        }
    }
}
