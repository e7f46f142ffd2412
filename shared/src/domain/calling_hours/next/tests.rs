//! Tests of the next opening, also across clock changes, weekends and holidays.

use std::collections::BTreeSet;

use chrono::{Datelike, FixedOffset, TimeDelta, Timelike};
use proptest::prelude::*;

use super::*;
use crate::domain::{CallingHours, Holidays, TimeZone, time_zone::names};

const WEEK: TimeDelta = TimeDelta::days(7);
/// A week around Christmas: from a Thursday to a Friday.
const CHRISTMAS: &str = "2026-12-25,12-26,01-01";

fn calendar(hours: &str, holidays: &str) -> CallingCalendar {
    let hours: CallingHours = hours.parse().unwrap();
    let holidays = holidays.parse().unwrap_or_default();
    CallingCalendar::new(Some(hours), holidays).unwrap()
}

fn hours(text: &str) -> CallingCalendar {
    calendar(text, "")
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
    let now = now.to_utc();
    let found = hours.next(std::slice::from_ref(&clocks), now, now + WEEK);
    let found = clocks.show(found.unwrap()).unwrap();
    assert_eq!(found.to_rfc3339(), next);
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
    let next = |text: &str| {
        let next = hours(text).next(&both, now, now + WEEK);
        next.map(|at| at.to_rfc3339())
    };
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

#[test]
fn closed_days_are_passed_over() {
    let week = "Mo-Fr 08:00-21:00; Sa 10:00-18:00";
    // Saturday evening to Monday morning.
    assert_next(
        week,
        "America/New_York",
        "2026-11-28T23:00:00Z",
        "2026-11-30T08:00:00-05:00",
    );
    assert_next(
        "We 12:00-12:01",
        "UTC",
        "2026-12-02T12:01:00Z",
        "2026-12-09T12:00:00+00:00",
    );
    assert!(hours(week).contain(at("2026-11-28T17:59:59Z", "UTC")));
    assert!(!hours(week).contain(at("2026-11-29T12:00:00Z", "UTC")));
}

#[test]
fn span_over_midnight_belongs_to_the_day_on_which_it_begins() {
    let friday_night = hours("Fr 22:00-04:00; Sa 12:00-13:00");
    for (time, within) in [
        ("27T03:00", false),
        ("27T22:00", true),
        ("28T03:59", true),
        ("28T04:00", false),
        ("28T12:30", true),
        ("28T22:00", false),
        ("29T03:00", false),
    ] {
        let time = at(&format!("2026-11-{time}:00Z"), "UTC");
        assert_eq!(friday_night.contain(time), within, "{time}");
    }
}

#[test]
fn holiday_is_closed_in_local_time() {
    let calendar = calendar("08:00-21:00", CHRISTMAS);
    let next = |zone: &str, from: &str| {
        let (clocks, from) = ([clocks(zone)], from.parse().unwrap());
        let next = calendar.next(&clocks, from, from + WEEK);
        clocks[0].show(next.unwrap()).unwrap().to_rfc3339()
    };
    // It is Christmas in Auckland while it is still the 24th in Honolulu.
    let noon = "2026-12-24T20:00:00Z";
    assert_eq!(next("Pacific/Auckland", noon), "2026-12-27T08:00:00+13:00");
    assert_eq!(next("Pacific/Honolulu", noon), "2026-12-24T10:00:00-10:00");
    // The dated holiday is in 2026 only, the others in every year.
    let next_year = "2027-12-25T03:00:00Z";
    assert_eq!(next("UTC", next_year), "2027-12-25T08:00:00+00:00");
    let (day_after, new_year) = ("2027-12-25T22:00:00Z", "2028-01-01T12:00:00Z");
    assert_eq!(next("UTC", day_after), "2027-12-27T08:00:00+00:00");
    assert_eq!(next("UTC", new_year), "2028-01-02T08:00:00+00:00");
}

#[test]
fn night_of_a_holiday_is_closed_until_morning() {
    let nights = calendar("22:00-06:00", "2026-12-25");
    for (time, within) in [
        ("24T05:59", true),
        ("24T23:59", true),
        ("25T00:00", false),
        ("25T22:00", false),
        ("26T05:59", false),
        ("26T22:00", true),
    ] {
        let time = at(&format!("2026-12-{time}:00Z"), "UTC");
        assert_eq!(nights.contain(time), within, "{time}");
    }
}

#[test]
fn holidays_without_hours_close_their_dates_alone() {
    let holidays = CallingCalendar::new(None, CHRISTMAS.parse().unwrap()).unwrap();
    assert!(!holidays.contain(at("2026-12-25T12:00:00Z", "UTC")));
    assert!(holidays.contain(at("2026-12-27T00:00:00Z", "UTC")));
    assert!(holidays.contain(at("2026-12-24T23:59:59Z", "UTC")));
    assert_eq!(CallingCalendar::new(None, Holidays::default()), None);
}

#[test]
fn open_time_is_its_own_next() {
    let now = "2026-06-01T12:34:56.789Z".parse().unwrap();
    let next = hours("08:00-21:00").next(&[clocks("UTC")], now, now + WEEK);
    assert_eq!(next, Some(now));
    assert_eq!(hours("08:00-21:00").next(&[clocks("UTC")], now, now), None);
}

#[test]
fn next_opening_is_found_a_year_ahead() {
    let days: Vec<_> = (1..=12)
        .flat_map(|month| (1..=31).map(move |day| format!("{month:02}-{day:02}")))
        .filter(|day| day.parse::<Holidays>().is_ok() && day != "11-27")
        .collect();
    let one_day = calendar("Fr 10:00-11:00", &days.join(","));
    let clocks = [clocks("America/New_York"), clocks("America/Chicago")];
    let next = |from: &str| {
        let from: DateTime<Utc> = from.parse().unwrap();
        one_day.next(&clocks, from, from + TimeDelta::days(366))
    };
    // Only 2026-11-27 is open. When it is 10:00 in Chicago, it is 11:00 in New York.
    assert_eq!(next("2025-11-27T00:00:00Z"), None);
    let one_zone = one_day.next(
        &clocks[..1],
        "2025-11-28T00:00:00Z".parse().unwrap(),
        "2026-11-29T00:00:00Z".parse().unwrap(),
    );
    assert_eq!(one_zone.unwrap().to_rfc3339(), "2026-11-27T15:00:00+00:00");
}

#[test]
fn seconds_of_a_clock_change_count() {
    let seconds = |hours: &str, zone: &str, from: &str, to: &str| {
        let clocks = [clocks(zone)];
        self::hours(hours).seconds(&clocks, from.parse().unwrap(), to.parse().unwrap())
    };
    let new_york = "America/New_York";
    let (spring, autumn) = ("2026-03-08T05:00:00Z", "2026-11-01T04:00:00Z");
    let (spring_end, autumn_end) = ("2026-03-09T04:00:00Z", "2026-11-02T05:00:00Z");
    assert_eq!(seconds("00:00-24:00", new_york, spring, spring_end), 82_800);
    assert_eq!(seconds("00:00-24:00", new_york, autumn, autumn_end), 90_000);
    assert_eq!(seconds("01:30-03:30", new_york, spring, spring_end), 3_600);
    assert_eq!(seconds("01:30-03:30", new_york, autumn, autumn_end), 9_000);
    let (from, to) = ("2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z");
    assert_eq!(
        seconds("Mo-Fr 08:00-21:00; Sa 10:00-18:00", "UTC", from, to),
        (5 * 13 + 8) * 3_600
    );
    assert_eq!(seconds("08:00-21:00", "UTC", to, from), 0);
}

/// Rules as pairs of the days, from Monday, and their spans of minutes. Spans of a rule do not overlap.
type Model = Vec<([bool; 7], Vec<(u32, u32)>)>;

fn rules() -> impl Strategy<Value = Model> {
    let times = prop::collection::btree_set(0..DAY, 2..8);
    let spans = (times, any::<bool>()).prop_map(|(times, is_over_midnight)| {
        let mut times: Vec<u32> = times.into_iter().collect();
        if is_over_midnight {
            // The last span goes on until the first time of the next day.
            times.truncate(times.len() / 2 * 2);
            times.rotate_left(1);
        }
        let pairs = times.chunks_exact(2).map(|two| (two[0], two[1]));
        pairs.collect()
    });
    let spans = prop_oneof![4 => spans, 1 => Just(Vec::new())];
    let rules = prop::collection::vec((any::<[bool; 7]>(), spans), 1..5);
    rules.prop_filter("an open day", |rules| {
        (0..7).any(|day| !spans_on(rules, day).is_empty())
            && rules.iter().all(|(days, _)| days.contains(&true))
    })
}

fn spans_on(rules: &Model, day: usize) -> &[(u32, u32)] {
    let last = rules.iter().rev().find(|(days, _)| days[day]);
    last.map_or(&[], |(_, spans)| spans)
}

fn text(rules: &Model) -> String {
    let time = |at: u32| format!("{:02}:{:02}", at / 60, at % 60);
    let rule = |(days, spans): &([bool; 7], Vec<(u32, u32)>)| {
        let names = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"];
        let days: Vec<_> = (0..7)
            .filter(|day| days[*day])
            .map(|day| names[day])
            .collect();
        let spans: Vec<_> = spans
            .iter()
            .map(|(opens, closes)| format!("{}-{}", time(*opens), time(*closes)))
            .collect();
        let spans = if spans.is_empty() {
            "off".to_owned()
        } else {
            spans.join(",")
        };
        format!("{} {spans}", days.join(","))
    };
    rules.iter().map(rule).collect::<Vec<_>>().join("; ")
}

/// Returns true if the rules are open in this local minute. This is the definition, without spans.
fn is_open(rules: &Model, holidays: &BTreeSet<NaiveDate>, at: DateTime<FixedOffset>) -> bool {
    let (date, minute) = (at.date_naive(), at.hour() * 60 + at.minute());
    let eve = date.pred_opt().unwrap();
    let day = |date: NaiveDate| date.weekday().num_days_from_monday() as usize;
    let today = spans_on(rules, day(date)).iter();
    let yesterday = spans_on(rules, day(eve)).iter();
    let began_today =
        |&(opens, closes): &(u32, u32)| opens <= minute && (minute < closes || closes < opens);
    let began_yesterday = |&(opens, closes): &(u32, u32)| closes < opens && minute < closes;
    !holidays.contains(&date)
        && (today.clone().any(began_today)
            || !holidays.contains(&eve) && yesterday.clone().any(began_yesterday))
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
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn spans_equal_the_definition_minute_by_minute(
        (now, one) in moments(),
        other in prop::sample::select(vec!["UTC", "America/New_York", "Asia/Tokyo", "Asia/Kathmandu"]),
        rules in rules(),
        closed in prop::collection::btree_set(-1..9_i64, 0..3),
    ) {
        let holidays: BTreeSet<_> = closed
            .into_iter()
            .map(|days| (now + TimeDelta::days(days)).date_naive())
            .collect();
        let dates: Vec<_> = holidays.iter().map(NaiveDate::to_string).collect();
        let calendar = calendar(&text(&rules), &dates.join(","));
        let both = [one, clocks(other)];
        let minute = TimeDelta::minutes(1);
        let to = now + WEEK;
        let first_minute = DateTime::from_timestamp(now.timestamp().div_euclid(60) * 60, 0).unwrap();
        let minutes = (0..=7 * 24 * 60).map(|ahead| first_minute + minute * ahead);
        let mut first = None;
        let mut seconds = 0;
        for at in minutes {
            let is_open = both.iter().all(|clocks| {
                let shown = clocks.show(at).unwrap();
                let is_open = is_open(&rules, &holidays, shown);
                assert_eq!(calendar.contain(shown), is_open, "{shown}");
                is_open
            });
            let (begin, end) = (at.max(now), (at + minute).min(to));
            if is_open && begin < end {
                first = first.or(Some(begin));
                seconds += (end - begin).num_seconds();
            }
        }
        prop_assert_eq!(calendar.next(&both, now, to), first);
        prop_assert_eq!(calendar.seconds(&both, now, to), u64::try_from(seconds).unwrap());
    }
}
