//! The calling hours of a run. They are open in some time zones, and open or close in others while the run goes on.
//!
//! The hours are one text for the whole service, in local time. No two of the zones show the same time of day, so the text opens
//! each of them for a span of its own. A span around midnight becomes two, of two days of the week. If the hours open or close at a
//! full hour, this is midnight in one of the zones.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, TimeDelta, Timelike, Utc};
use outdial::domain::TimeZone;
use stack::Result;

use crate::moment::{Moment, Span};
use crate::plan::Person;

/// The zones of the plan's numbers: those that are open, and those that open and close.
const OPEN: [&str; 3] = ["America/New_York", "America/Chicago", "America/Los_Angeles"];
const OPENS: &str = "America/Denver";
const CLOSES: &str = "Pacific/Honolulu";
/// The zones of users.
const USER_OPEN: &str = "Africa/Lagos";
const USER_OPENS: &str = "Asia/Tokyo";
const USER_CLOSES: &str = "Asia/Kolkata";

/// The open time of a zone before and after the start of the run. Each is less than half an hour, so that zones an hour apart differ.
const BEFORE: TimeDelta = TimeDelta::minutes(20);
const AFTER: TimeDelta = TimeDelta::minutes(25);
/// Hours open and close at the first full minute so long after the beginning of the run.
const OPENS_AFTER: TimeDelta = TimeDelta::seconds(25);
const CLOSES_AFTER: TimeDelta = TimeDelta::seconds(15);

const DAYS: [&str; 7] = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"];
const DAY_MINUTES: u32 = 24 * 60;

/// The calling hours of a run.
#[derive(Clone, Debug, Default)]
pub struct Hours {
    /// The value of `CALLING_HOURS`.
    pub text: String,
    /// When each zone is open.
    pub open: BTreeMap<String, Span>,
    /// The zones of users, except for the one without.
    pub users: BTreeMap<Person, String>,
}

impl Hours {
    /// Returns the hours of a run that begins now. At a full hour, they open at a midnight if the seed is even, and close then if it
    /// is odd.
    ///
    /// # Errors
    ///
    /// If a zone is unknown.
    pub fn of_run(now: DateTime<Utc>, seed: u64) -> Result<Self> {
        let next_minute = |after| minute(now + after) + TimeDelta::minutes(1);
        let (begins, ends) = (minute(now - BEFORE), minute(now + AFTER));
        let (opens, closes) = (next_minute(OPENS_AFTER), next_minute(CLOSES_AFTER));
        let of_parity = |parity, at, usual: &str| {
            let midnight = midnight_zone(at).filter(|_| seed % 2 == parity);
            midnight.unwrap_or_else(|| usual.to_owned())
        };
        let users = BTreeMap::from([
            (Person::Open, USER_OPEN.to_owned()),
            (Person::Opens, of_parity(0, opens, USER_OPENS)),
            (Person::Closes, of_parity(1, closes, USER_CLOSES)),
        ]);
        let mut spans: Vec<_> = OPEN.map(|zone| (zone, begins, ends)).into();
        spans.extend([
            (&*users[&Person::Open], begins, ends),
            (OPENS, opens, ends),
            (&*users[&Person::Opens], opens, ends),
            (CLOSES, begins, closes),
            (&*users[&Person::Closes], begins, closes),
        ]);
        let mut week: [Vec<(u32, u32)>; 7] = Default::default();
        let mut open = BTreeMap::new();
        for (zone, from, until) in spans {
            open_in(&mut week, zone, from, until)?;
            let span = Span {
                from: from.timestamp_millis(),
                until: until.timestamp_millis(),
            };
            open.insert(zone.to_owned(), span);
        }
        Ok(Self {
            text: text(&mut week),
            open,
            users,
        })
    }

    /// Returns whether the hours allow a call in all these zones. `None` if a zone is not of the plan.
    pub fn allow<'a>(&self, zones: impl IntoIterator<Item = &'a str>, at: Moment) -> Option<bool> {
        let mut is_open = true;
        for zone in zones {
            is_open &= self.open.get(zone)?.contains(at);
        }
        Some(is_open)
    }
}

fn minute(at: DateTime<Utc>) -> DateTime<Utc> {
    at - TimeDelta::milliseconds(at.timestamp_millis() % 60_000)
}

/// Returns a zone in which a full hour is midnight. `None` at another time, or if one of the plan's zones is less than an hour away.
fn midnight_zone(at: DateTime<Utc>) -> Option<String> {
    if at.minute() != 0 {
        return None;
    }
    // The signs of these names are reversed.
    let zone = match at.hour() {
        0 => "Etc/GMT".to_owned(),
        west @ 1..=9 => format!("Etc/GMT+{west}"),
        east => format!("Etc/GMT-{}", 24 - east),
    };
    let minutes_from_midnight = |zone: &str| {
        let clocks = zone.parse::<TimeZone>().ok()?.clocks()?;
        let shown = clocks.show(at)?;
        let minutes = shown.hour() * 60 + shown.minute();
        Some(minutes.min(DAY_MINUTES - minutes))
    };
    minutes_from_midnight(&zone).filter(|minutes| *minutes == 0)?;
    let others = OPEN
        .into_iter()
        .chain([OPENS, CLOSES, USER_OPEN, USER_OPENS, USER_CLOSES]);
    let is_free = others
        .into_iter()
        .all(|other| minutes_from_midnight(other).is_some_and(|minutes| minutes >= 60));
    is_free.then_some(zone)
}

/// Adds a span of time to the hours of the week, as a zone's clocks show it.
fn open_in(
    week: &mut [Vec<(u32, u32)>; 7],
    zone: &str,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<()> {
    let unknown = || format!("the time zone {zone} is unknown");
    let clocks = zone.parse::<TimeZone>().map_err(|_| unknown())?.clocks();
    let shown = |at| clocks.as_ref().and_then(|clocks| clocks.show(at));
    let (opens, closes) = shown(from).zip(shown(until)).ok_or_else(unknown)?;
    let minutes = |at: DateTime<_>| at.hour() * 60 + at.minute();
    let day = |at: DateTime<chrono::FixedOffset>| at.weekday().num_days_from_monday() as usize;
    let (first, last) = (minutes(opens), minutes(closes));
    if day(opens) == day(closes) {
        week[day(opens)].push((first, last));
    } else {
        week[day(opens)].push((first, DAY_MINUTES));
        if last > 0 {
            week[day(closes)].push((0, last));
        }
    }
    Ok(())
}

/// Returns the hours in the format of `CALLING_HOURS`. Days without hours are closed.
fn text(week: &mut [Vec<(u32, u32)>; 7]) -> String {
    let time = |minutes: u32| format!("{:02}:{:02}", minutes / 60, minutes % 60);
    let mut rules = Vec::new();
    for (day, spans) in DAYS.iter().zip(week) {
        spans.sort_unstable();
        spans.dedup();
        if spans.is_empty() {
            continue;
        }
        let spans: Vec<_> = spans
            .iter()
            .map(|(opens, closes)| format!("{}-{}", time(*opens), time(*closes)))
            .collect();
        rules.push(format!("{day} {}", spans.join(",")));
    }
    rules.join("; ")
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone as _;
    use outdial::domain::{CallingCalendar, CallingHours};

    use super::*;

    /// Compares the spans with the service's own reading of the text, in every minute of the run, at every hour of a day.
    #[test]
    fn service_reads_the_same_spans() {
        for hour in 0..24 {
            for minute in [0, 29, 44, 59] {
                let now = Utc
                    .with_ymd_and_hms(2026, 11, 28, hour, minute, 31)
                    .unwrap();
                let hours = Hours::of_run(now, hour.into()).unwrap();
                let read: CallingHours = hours.text.parse().unwrap();
                let calendar =
                    CallingCalendar::new(Some(read), outdial::domain::Holidays::default()).unwrap();
                for zone in hours.open.keys() {
                    let clocks = zone.parse::<TimeZone>().unwrap().clocks().unwrap();
                    for second in (0..600).step_by(10) {
                        let at = now + TimeDelta::seconds(second);
                        assert_eq!(
                            hours.allow([zone.as_str()], at.timestamp_millis()),
                            Some(calendar.contain(clocks.show(at).unwrap())),
                            "{zone} at {at}: {}",
                            hours.text
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn all_zones_must_be_open() {
        let now = Utc.with_ymd_and_hms(2026, 11, 28, 23, 58, 31).unwrap();
        let hours = Hours::of_run(now, 1).unwrap();
        let at = now.timestamp_millis();
        assert_eq!(hours.allow(["Africa/Lagos"], at), Some(true));
        assert_eq!(hours.allow(["Africa/Lagos", "Asia/Tokyo"], at), Some(false));
        assert_eq!(
            hours.allow(["Africa/Lagos", "Asia/Tokyo"], at + 120_000),
            Some(true)
        );
        assert_eq!(hours.allow(["Asia/Kolkata"], at + 120_000), Some(false));
        assert_eq!(hours.allow(["Mars/Olympus"], at), None);
    }

    #[test]
    fn hours_open_or_close_at_midnight_in_a_zone() {
        let now = Utc.with_ymd_and_hms(2026, 11, 28, 1, 59, 20).unwrap();
        let edge = Utc.with_ymd_and_hms(2026, 11, 28, 2, 0, 0).unwrap();
        let edge = edge.timestamp_millis();
        let [opens, closes] = [0, 1].map(|seed| Hours::of_run(now, seed).unwrap());
        assert_eq!(opens.users[&Person::Opens], "Etc/GMT+2");
        assert_eq!(closes.users[&Person::Closes], "Etc/GMT+2");
        // 2026-11-28 is a Saturday, and still Friday there.
        assert!(opens.text.contains("Sa 00:00-00:"), "{}", opens.text);
        assert!(closes.text.contains("-24:00; Sa"), "{}", closes.text);
        for (hours, is_open_then) in [(opens, true), (closes, false)] {
            assert_eq!(hours.allow(["Etc/GMT+2"], edge - 1), Some(!is_open_then));
            assert_eq!(hours.allow(["Etc/GMT+2"], edge), Some(is_open_then));
        }
        let another = Hours::of_run(now - TimeDelta::minutes(10), 0).unwrap();
        assert_eq!(another.users[&Person::Opens], USER_OPENS);
    }
}
