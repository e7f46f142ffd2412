//! Tests of calling hours and of the table of time zones.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

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
    NumberZones::of(&number, PlanEntry::of(&number).unwrap())
}

fn code(hours: &Hours, zone: Option<&str>, number: &str, now: &str) -> Option<&'static str> {
    let zone = zone.map(|zone| zone.parse().unwrap());
    let checked = hours.check(zone.as_ref(), zones_of(number), utc(now));
    match checked {
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
    // The clocks are 13 hours apart in summer.
    assert_eq!(code_of("09:00-20:00"), Some("no_calling_hours"));
    assert_eq!(code_of("09:00-20:01"), Some("outside_calling_hours"));
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

/// Numbers of all countries with their zones by `phonenumbers`, the Python library.
const EXPECTED: &str = include_str!("../../../../tests/fixtures/zones.txt");

fn entries() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = TABLE
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(|line| line.split_once('|').unwrap())
}

#[test]
fn table_is_sorted_and_each_prefix_is_found() {
    let prefixes: Vec<_> = entries().map(|(prefix, _)| prefix).collect();
    assert!(prefixes.len() > 3_000 && TABLE.is_ascii());
    assert!(prefixes.is_sorted_by(|a, b| a < b));
    for (prefix, zones) in entries() {
        assert!((1..=LONGEST_PREFIX).contains(&prefix.len()), "{prefix}");
        assert_eq!(find(prefix), Some(zones), "{prefix}");
    }
    for missing in ["0", "1200", "9999", "999999999"] {
        assert_eq!(find(missing), None, "{missing}");
    }
}

#[test]
fn each_zone_in_the_table_is_known() {
    let names: BTreeSet<_> = entries().flat_map(|(_, zones)| zones.split('&')).collect();
    assert!(names.len() > 250, "{}", names.len());
    for name in names {
        let zone = name.parse::<TimeZone>();
        assert!(zone.is_ok_and(|zone| zone.clocks().is_some()), "{name}");
    }
}

#[test]
fn zones_of_numbers_equal_those_of_libphonenumber() {
    let mut seen = 0;
    for line in EXPECTED.lines().filter(|line| !line.starts_with('#')) {
        let (number, expected) = line.split_once(' ').unwrap();
        let number = number.parse().unwrap();
        let entry = PlanEntry::of(&number).unwrap_or_else(|| panic!("{line}"));
        let zones = NumberZones::of(&number, entry).unwrap_or_else(|| panic!("{line}"));
        assert_eq!(
            zones.names().collect::<Vec<_>>().join("&"),
            expected,
            "{line}"
        );
        seen += 1;
    }
    assert!(seen > 500, "{seen}");
}

#[test]
fn number_without_an_area_is_country_wide() {
    for (text, is_country_wide) in [
        ("+12125550123", false),
        ("+19075550123", false),
        ("+18005550123", true),
        ("+61412345678", true),
        ("+61291234567", false),
        ("+79161234567", true),
        ("+442079460018", false),
        ("+447400123456", true),
        // Jamaica, Mayotte and Kazakhstan share their codes with larger countries.
        ("+18762101234", false),
        ("+262639012345", false),
        ("+77710009998", false),
    ] {
        let number = text.parse().unwrap();
        let zones = NumberZones::of(&number, PlanEntry::of(&number).unwrap()).unwrap();
        assert_eq!(zones.is_country_wide, is_country_wide, "{text}");
    }
}
