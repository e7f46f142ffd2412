//! Parsing calling hours, and the next opening across clock changes.

use proptest::prelude::*;

use chrono::{DateTime, FixedOffset, TimeDelta, Timelike, Utc};

use super::{CallingHours, DAY, HOUR, MINUTE};
use crate::domain::{Clocks, TimeZone, time_zone::names};

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
fn hours_are_two_times_of_day() {
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
fn first_minute_is_included_and_last_is_not() {
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
fn hours_may_extend_past_midnight() {
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
fn next_opening_follows_local_time() {
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
fn opening_inside_a_clock_change_moves_to_its_end() {
    // 02:00 becomes 03:00 on 2026-03-08.
    assert_next(
        "02:30-08:00",
        "America/New_York",
        "2026-03-08T06:59:30Z",
        "2026-03-08T03:00:00-04:00",
    );
    // Hours that the change skips entirely open the day after.
    assert_next(
        "02:15-02:45",
        "America/New_York",
        "2026-03-08T06:59:30Z",
        "2026-03-09T02:15:00-04:00",
    );
    // Chile skips midnight, Lord Howe half an hour, and Samoa once skipped a day.
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
fn next_opening_of_several_zones_is_common_to_all() {
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
fn repeated_hour_counts_twice() {
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
    // The clocks go back into the hours.
    assert_next(
        "23:00-01:30",
        new_york,
        "2026-11-01T05:40:00Z",
        "2026-11-01T01:00:00-05:00",
    );
}

/// Any zone at any time from 2000 to 2050, or New York around a clock change.
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
    fn next_opening_is_the_first_open_minute(
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
    fn any_text_parses_or_fails(text in "\\PC{0,16}") {
        if let Ok(hours) = text.parse::<CallingHours>() {
            prop_assert_eq!(hours.to_string(), text);
        }
    }
}
