//! Tests of the table of time zones.

use std::collections::BTreeSet;

use super::*;

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
        assert_eq!(zones.zones, expected, "{line}");
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

/// Returns the zones of each country code that covers several.
fn countries() -> impl Iterator<Item = (&'static str, &'static str)> {
    entries().filter(|(prefix, zones)| prefix.len() <= 3 && zones.contains('&'))
}

#[test]
fn clocks_of_a_country_agree_all_year_or_on_no_day() {
    let begin: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
    let end: DateTime<Utc> = "2036-01-01T00:00:00Z".parse().unwrap();
    let mut changes_seen = 0;
    for (prefix, zones) in countries() {
        let agreed = agree(zones, begin).unwrap();
        for name in names(zones) {
            let clocks = clocks_of(&zone_of(name).unwrap()).unwrap();
            let mut at = begin;
            while let (_, Some(change)) = clocks.offset(at).unwrap()
                && change < end
            {
                assert_eq!(agree(zones, change), Ok(agreed), "{prefix} at {change}");
                changes_seen += 1;
                at = change;
            }
        }
    }
    assert!(changes_seen > 500, "{changes_seen}");
}
