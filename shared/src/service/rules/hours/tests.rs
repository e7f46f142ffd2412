//! Tests of calling hours in several time zones.

use proptest::prelude::*;

use super::*;
use crate::{domain::Holidays, service::rules::numbering_plan::PlanEntry};

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn hours(text: &str) -> Hours {
    Hours {
        calendar: CallingCalendar::new(Some(text.parse().unwrap()), Holidays::default()).unwrap(),
        default_zone: "UTC".parse().unwrap(),
    }
}

fn zones_of(number: &str) -> Option<NumberZones> {
    let number = number.parse().unwrap();
    NumberZones::of(&number, PlanEntry::of(&number).unwrap())
}

fn code(hours: &Hours, zone: Option<&str>, number: &str, now: &str) -> Option<&'static str> {
    let zone = zone.map(|zone| zone.parse().unwrap());
    let zones = hours.zones(zone.as_ref(), zones_of(number), utc(now));
    match hours.check(&zones.unwrap(), utc(now)) {
        Ok(()) => None,
        Err(RuleError::Refused(refusal)) => Some(refusal.code().as_str()),
        Err(unknown) => panic!("{unknown:?}"),
    }
}

#[test]
fn zones_of_the_user_and_of_the_number_must_all_allow_a_call() {
    let hours = hours("08:00-21:00");
    let outside = Some("outside_calling_hours");
    for (time, zone, number, refused) in [
        // 16:00 in Tokyo, 03:00 in New York.
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
        // Alaska has two zones, from Anchorage to Adak.
        ("2026-06-01T16:30:00Z", None, "+19075550123", outside),
        ("2026-06-01T17:00:00Z", None, "+19075550123", None),
        // One zone, or several with the same time.
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
        // 02:00 in Jamaica.
        (
            "2026-06-01T07:00:00Z",
            Some("Asia/Tokyo"),
            "+18762101234",
            outside,
        ),
        // Country-wide: the user's zone, or the default.
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
fn zones_without_a_common_minute_have_no_calling_hours() {
    let tokyo = Some("Asia/Tokyo");
    let now = "2026-06-01T07:00:00Z";
    let code_of = |text| code(&hours(text), tokyo, "+12125550123", now);
    // The clocks are 13 hours apart in summer and 14 in winter.
    assert_eq!(code_of("09:00-19:00"), Some("no_calling_hours"));
    assert_eq!(code_of("09:00-20:01"), Some("outside_calling_hours"));
}

#[test]
fn next_allowed_time_may_be_months_away() {
    let hours = hours("09:00-20:00");
    let zones = ["Asia/Tokyo", "America/New_York"].map(|zone| zone.parse().unwrap());
    let next = |from: &str, until: &str| hours.next(&zones, utc(from), utc(until)).unwrap();
    let summer = "2026-06-01T07:00:00Z";
    let winter = utc("2026-11-02T00:00:00Z");
    assert_eq!(next(summer, "2030-01-01T00:00:00Z"), Some(winter));
    assert_eq!(next(summer, "2026-11-02T00:00:00Z"), None);
    assert_eq!(next(summer, "2026-11-02T00:00:01Z"), Some(winter));
    // It is an hour a day.
    let day = (utc("2026-12-01T00:00:00Z"), utc("2026-12-02T00:00:00Z"));
    assert_eq!(hours.seconds(&zones, day.0, day.1), Ok(3_600));
}

proptest! {
    #[test]
    fn next_time_is_the_first_that_all_zones_allow(
        now in 1_790_000_000_i64..1_830_000_000,
        opens in 0..24_u32,
        length in 1..24_u32,
        zone in prop::sample::select(vec!["Asia/Tokyo", "Europe/London", "America/New_York", "Asia/Kathmandu"]),
        number in prop::sample::select(vec!["+12125550123", "+19075550123", "+16055550123", "+442079460018", "+61291234567"]),
    ) {
        let now = DateTime::from_timestamp(now, 0).unwrap();
        let hours = hours(&format!("{opens:02}:00-{:02}:00", (opens + length) % 24));
        let zone: TimeZone = zone.parse().unwrap();
        let zones = hours.zones(Some(&zone), zones_of(number), now).unwrap();
        let clocks = all_clocks(&zones).unwrap();
        let is_open = |at| {
            clocks.iter().all(|clocks| hours.calendar.contain(clocks.show(at).unwrap()))
        };
        prop_assert_eq!(hours.check(&zones, now).is_ok(), is_open(now));
        let week = now + TimeDelta::days(7);
        let next = hours.next(&zones, now, week).unwrap();
        prop_assert!(next.is_none_or(is_open));
        let end = next.unwrap_or(week);
        let quarter = TimeDelta::minutes(15);
        let mut before = now;
        while before < end {
            prop_assert!(!is_open(before), "{before}");
            before += quarter;
        }
    }
}
