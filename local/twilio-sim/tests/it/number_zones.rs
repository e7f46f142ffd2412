//! The time zones of numbers, and the local times there.

use chrono::{DateTime, Utc};
use twilio_sim::number_zones::NumberZones;

fn local_times(number: &str, at: &str) -> Vec<String> {
    let at: DateTime<Utc> = at.parse().unwrap();
    let zones = NumberZones::of(number).unwrap();
    let times = zones.local_times(at);
    times
        .map(|(zone, time)| format!("{zone} {}", time.format("%H:%M")))
        .collect()
}

#[test]
fn local_time_follows_daylight_saving_time() {
    for (number, winter, summer) in [
        (
            "+12125551234",
            "America/New_York 08:30",
            "America/New_York 09:30",
        ),
        (
            "+16025551234",
            "America/Phoenix 06:30",
            "America/Phoenix 06:30",
        ),
        (
            "+442071838750",
            "Europe/London 13:30",
            "Europe/London 14:30",
        ),
        (
            "+912212345678",
            "Asia/Calcutta 19:00",
            "Asia/Calcutta 19:00",
        ),
    ] {
        assert_eq!(local_times(number, "2026-01-15T13:30:00Z"), [winter]);
        assert_eq!(local_times(number, "2026-07-15T13:30:00Z"), [summer]);
    }
}

#[test]
fn longest_prefix_decides() {
    let at = "2026-01-15T13:30:00Z";
    assert_eq!(local_times("+12082011234", at), ["America/Denver 06:30"]);
    assert_eq!(
        local_times("+12082151234", at),
        ["America/Los_Angeles 05:30"]
    );
    assert_eq!(local_times("+12083301234", at).len(), 2);
}

#[test]
fn number_without_a_known_area_has_all_zones_of_its_country() {
    for (number, country_wide) in [
        ("+18005551234", true),
        ("+12125551234", false),
        ("+33123456789", true),
    ] {
        let zones = NumberZones::of(number).unwrap();
        assert_eq!(zones.country_wide, country_wide, "{number}");
    }
    for text in [
        "",
        "+",
        "12125551234",
        "+0",
        "+\u{e9}",
        "sip:+1@example.com",
    ] {
        assert_eq!(NumberZones::of(text), None, "{text}");
    }
}

#[test]
fn each_zone_of_the_table_has_a_clock() {
    let table = include_str!("../../../../shared/src/service/rules/zones.txt");
    let lines = table.lines().filter_map(|line| line.split_once('|'));
    let mut count = 0;
    for (prefix, names) in lines {
        let times = local_times(&format!("+{prefix}"), "2026-01-15T13:30:00Z");
        assert_eq!(times.len(), names.split('&').count(), "{prefix}");
        count += 1;
    }
    assert!(count > 3_000);
}
