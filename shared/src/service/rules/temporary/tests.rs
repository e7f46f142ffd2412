//! Tests of the rules at any time: for an immediate call, a scheduled one, and a batch.

use chrono::TimeDelta;

use super::*;
use crate::service::rules::tests::{callee, code_of_error, line, rules};

/// A number in New York, one in Alaska with two zones, and one that may be anywhere in North America.
const NEW_YORK: &str = "+12125550123";
const ALASKA: &str = "+19075550123";
const TOLL_FREE: &str = "+18005550123";

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn zone(name: &str) -> TimeZone {
    name.parse().unwrap()
}

fn week() -> Rules {
    rules(&[
        ("CALLING_HOURS", "Mo-Fr 08:00-21:00; Sa 10:00-18:00"),
        ("HOLIDAYS", "2026-12-25,01-01"),
    ])
}

#[track_caller]
fn assert_next(rules: &Rules, to: &str, own: Option<&str>, from: &str, expected: &str) {
    let own = own.map(zone);
    let next = rules.next_allowed(&line(to), own.as_ref(), utc(from));
    assert_eq!(next, Ok(Some(utc(expected))), "{to} in {own:?} from {from}");
    // The hours allow exactly this time.
    let checked = |at| rules.check_temporary(&line(to), &callee(None), own.as_ref(), at);
    assert_eq!(checked(utc(expected)), Ok(()));
    if from != expected {
        for at in [utc(from), utc(expected) - TimeDelta::seconds(1)] {
            let error = checked(at).unwrap_err();
            assert_eq!(code_of_error(error), "outside_calling_hours");
        }
    }
}

#[test]
fn next_allowed_time_is_open_in_all_zones_of_the_number() {
    let rules = week();
    let (open, night) = ("2026-12-01T17:00:00.250Z", "2026-12-02T03:00:00Z");
    assert_next(&rules, NEW_YORK, None, open, open);
    assert_next(&rules, NEW_YORK, None, night, "2026-12-02T13:00:00Z");
    // It is 18:00 in Anchorage then, and 17:00 in Adak.
    assert_next(&rules, ALASKA, None, night, night);
    assert_next(
        &rules,
        ALASKA,
        None,
        "2026-12-02T06:30:00Z",
        "2026-12-02T18:00:00Z",
    );
    assert_next(
        &rules,
        ALASKA,
        Some("America/New_York"),
        night,
        "2026-12-02T18:00:00Z",
    );
}

#[test]
fn dial_must_be_over_when_the_hours_close() {
    let rules = week();
    let check = |at| rules.check_temporary_for_a_dial(&line(NEW_YORK), &callee(None), None, at);
    assert_eq!(check(utc("2026-12-02T01:59:57.999Z")), Ok(()));
    for at in ["2026-12-02T01:59:58Z", "2026-12-02T01:59:59.999Z"] {
        let Err(RuleError::Refused(CallRefusal::Field {
            next_allowed_at: Some(next),
            ..
        })) = check(utc(at))
        else {
            panic!("refused at {at}");
        };
        assert_eq!(next, utc("2026-12-02T13:00:00Z"));
    }
    // It must not begin early either.
    assert!(check(utc("2026-12-02T12:59:59Z")).is_err());
    assert_eq!(check(utc("2026-12-02T13:00:00Z")), Ok(()));
}

#[test]
fn next_allowed_time_passes_over_weekends_and_holidays() {
    let rules = week();
    // From Saturday evening to Monday, and from Christmas Eve over Friday to Saturday.
    for (from, next) in [
        ("2026-11-28T23:00:00Z", "2026-11-30T13:00:00Z"),
        ("2026-12-25T02:00:00Z", "2026-12-26T15:00:00Z"),
        ("2027-01-01T02:00:00Z", "2027-01-02T15:00:00Z"),
    ] {
        assert_next(&rules, NEW_YORK, None, from, next);
    }
}

#[test]
fn time_zone_of_the_recipient_replaces_that_of_the_user() {
    let rules = week();
    let user = callee(Some("Asia/Tokyo"));
    // Noon in New York, the middle of the night in Tokyo.
    let now = utc("2026-12-01T17:00:00Z");
    for to in [TOLL_FREE, NEW_YORK] {
        let refused = rules.check(&line(to), &user, now).unwrap_err();
        assert_eq!(code_of_error(refused), "outside_calling_hours");
        let own = zone("America/New_York");
        let checked = rules.check_temporary(&line(to), &user, Some(&own), now);
        assert_eq!(checked, Ok(()), "{to}");
    }
    // The number's own zone still counts: it is 02:00 in New York, and afternoon in Tokyo.
    let now = utc("2026-12-01T07:00:00Z");
    let own = zone("Asia/Tokyo");
    let checked = |to| rules.check_temporary(&line(to), &user, Some(&own), now);
    assert_eq!(checked(TOLL_FREE), Ok(()));
    assert_eq!(
        code_of_error(checked(NEW_YORK).unwrap_err()),
        "outside_calling_hours"
    );
}

#[test]
fn country_wide_number_has_the_zone_of_the_person_alone() {
    let rules = week();
    let now = utc("2026-12-01T17:00:00Z");
    let zones = |to, own: Option<&str>| {
        let own = own.map(zone);
        let zones = rules.zones(&line(to), own.as_ref(), now).unwrap();
        zones
            .iter()
            .map(TimeZone::as_str)
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(zones(TOLL_FREE, Some("Asia/Tokyo")), "Asia/Tokyo");
    assert_eq!(zones(TOLL_FREE, None), "UTC");
    assert_eq!(
        zones(NEW_YORK, Some("Asia/Tokyo")),
        "Asia/Tokyo America/New_York"
    );
    assert_eq!(zones(NEW_YORK, None), "America/New_York");
    assert_eq!(zones(ALASKA, None), "America/Adak America/Anchorage");
    assert_next(
        &rules,
        TOLL_FREE,
        Some("Asia/Tokyo"),
        "2026-12-01T17:00:00Z",
        "2026-12-01T23:00:00Z",
    );
}

#[test]
fn call_without_an_allowed_minute_before_its_end_is_refused() {
    let rules = week();
    let first =
        |from: &str, until: &str| rules.first_allowed(&line(NEW_YORK), None, utc(from), utc(until));
    let (evening, monday) = ("2026-11-28T23:00:00Z", "2026-11-30T13:00:00Z");
    assert_eq!(first(evening, "2026-12-05T00:00:00Z"), Ok(utc(monday)));
    let refused = first(evening, monday).unwrap_err();
    let RuleError::Refused(CallRefusal::Field { message, .. }) = &refused else {
        panic!("{refused:?}");
    };
    assert_eq!(
        message,
        "can't be called: no minute before 2026-11-30T13:00:00Z is within Mo-Fr 08:00-21:00; Sa 10:00-18:00 except on \
         holidays in all of America/New_York"
    );
    assert_eq!(code_of_error(refused), "no_calling_hours");
}

#[test]
fn person_whose_zones_share_no_hour_is_never_allowed() {
    let rules = rules(&[("CALLING_HOURS", "Mo 09:00-19:00")]);
    let tokyo = zone("Asia/Tokyo");
    let now = utc("2026-12-01T17:00:00Z");
    assert_eq!(
        rules.next_allowed(&line(NEW_YORK), Some(&tokyo), now),
        Ok(None)
    );
    let refused = rules.check_temporary(&line(NEW_YORK), &callee(None), Some(&tokyo), now);
    assert_eq!(code_of_error(refused.unwrap_err()), "no_calling_hours");
}

#[test]
fn permanent_and_temporary_rules_are_separate() {
    let rules = rules(&[("CALLING_HOURS", "08:00-21:00")]);
    let night = utc("2026-12-02T07:00:00Z");
    let mut callee = callee(None);
    callee.dialing.on = false;
    let temporary = |callee: &Callee, to| rules.check_temporary(&line(to), callee, None, night);
    assert_eq!(rules.check_permanent(&line(NEW_YORK), &callee), Ok(()));
    let refused = temporary(&callee, NEW_YORK).unwrap_err();
    assert_eq!(code_of_error(refused), "dialing_off");
    callee.dialing.on = true;
    callee.blocked = vec![NEW_YORK.parse().unwrap()];
    let refused = temporary(&callee, NEW_YORK).unwrap_err();
    assert_eq!(code_of_error(refused), "outside_calling_hours");
    let refused = rules.check_permanent(&line(NEW_YORK), &callee).unwrap_err();
    assert_eq!(refused.code().as_str(), "number_blocked");
}

#[test]
fn allowed_seconds_of_a_batch_follow_its_zones() {
    let rules = week();
    let (from, until) = (utc("2026-11-30T00:00:00Z"), utc("2026-12-07T00:00:00Z"));
    let seconds = |names: &[&str]| {
        let zones: Vec<_> = names.iter().map(|name| zone(name)).collect();
        rules.allowed_seconds(&zones, from, until)
    };
    assert_eq!(seconds(&["UTC"]), Ok((5 * 13 + 8) * 3_600));
    // Both are open for ten hours on five days, and for five on Saturday.
    let both = ["America/New_York", "America/Los_Angeles"];
    assert_eq!(seconds(&both), Ok((5 * 10 + 5) * 3_600));
    // A longer range counts as 366 days.
    let far = from + TimeDelta::days(1_000);
    let always = super::super::tests::rules(&[("HOLIDAYS", "2020-01-01")]);
    assert_eq!(
        always.allowed_seconds(&[zone("UTC")], from, far),
        Ok(366 * 86_400)
    );
}

#[test]
fn without_hours_every_time_is_allowed() {
    let rules = rules(&[]);
    let now = utc("2026-12-02T07:00:00.5Z");
    let later = now + TimeDelta::hours(1);
    assert_eq!(
        rules.next_allowed(&line(NEW_YORK), None, now),
        Ok(Some(now))
    );
    assert_eq!(
        rules.first_allowed(&line(NEW_YORK), None, now, later),
        Ok(now)
    );
    assert_eq!(rules.zones(&line(NEW_YORK), None, now), Ok(Vec::new()));
    assert_eq!(rules.allowed_seconds(&[], now, later), Ok(3_600));
    assert_eq!(rules.allowed_seconds(&[], later, now), Ok(0));
}

#[test]
fn unknown_stored_time_zone_has_no_next_time() {
    let rules = week();
    let unknown: TimeZone = bson::deserialize_from_bson(bson::bson!("Europe/Atlantis")).unwrap();
    let now = utc("2026-12-02T07:00:00Z");
    let error = RuleError::UnknownTimeZone("unknown time zone of the user");
    assert_eq!(
        rules.next_allowed(&line(NEW_YORK), Some(&unknown), now),
        Err(error.clone())
    );
    assert_eq!(rules.allowed_seconds(&[unknown], now, now), Err(error));
}
