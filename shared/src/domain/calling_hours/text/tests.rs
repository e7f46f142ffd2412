//! Tests of calling hours as text.

use proptest::{prelude::*, string::string_regex};

use super::*;

#[test]
fn hours_of_every_day_are_spans() {
    for good in [
        "08:00-21:00",
        "22:00-06:00",
        "00:00-24:00",
        "23:59-00:00",
        "18:30-24:00",
        "09:00-12:00,13:00-17:00",
        "09:00-12:00,22:00-02:00",
    ] {
        assert_eq!(good.parse::<CallingHours>().unwrap().to_string(), good);
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
        "08:00-21:00,",
        "off",
    ] {
        assert!(bad.parse::<CallingHours>().is_err(), "{bad}");
    }
}

#[test]
fn rules_name_days() {
    for (text, canonical) in [
        (
            "Mo-Fr 08:00-21:00; Sa 10:00-18:00",
            "Mo-Fr 08:00-21:00; Sa 10:00-18:00",
        ),
        (
            "Mo-Fr 08:00-21:00;Sa 10:00-18:00",
            "Mo-Fr 08:00-21:00; Sa 10:00-18:00",
        ),
        (
            "Mo, We,Fr  13:00-17:00 , 09:00-12:00",
            "Mo,We,Fr 09:00-12:00,13:00-17:00",
        ),
        ("Sa-Mo 08:00-21:00", "Mo,Sa-Su 08:00-21:00"),
        ("Mo-Su 08:00-21:00", "08:00-21:00"),
        ("Mo-Mo 08:00-21:00", "Mo 08:00-21:00"),
        ("Tu,Tu 08:00-21:00", "Tu 08:00-21:00"),
        ("Mo 08:00-21:00; Tu 08:00-21:00", "Mo-Tu 08:00-21:00"),
    ] {
        assert_eq!(text.parse::<CallingHours>().unwrap().to_string(), canonical);
    }
}

#[test]
fn later_rule_replaces_the_hours_of_its_days() {
    for (text, canonical) in [
        (
            "08:00-21:00; Sa 10:00-18:00; Su off",
            "Mo-Fr 08:00-21:00; Sa 10:00-18:00",
        ),
        (
            "Mo-Fr 08:00-21:00; We 10:00-12:00",
            "Mo-Tu,Th-Fr 08:00-21:00; We 10:00-12:00",
        ),
        ("Su off; 08:00-21:00", "08:00-21:00"),
        ("Mo 08:00-09:00; Mo 10:00-11:00", "Mo 10:00-11:00"),
    ] {
        assert_eq!(text.parse::<CallingHours>().unwrap().to_string(), canonical);
    }
}

#[test]
fn malformed_rule_is_refused() {
    for bad in [
        "Mo",
        "Mo ",
        "Mo08:00-21:00",
        "Mon 08:00-21:00",
        "mo 08:00-21:00",
        "Mo - Fr 08:00-21:00",
        "Mo-Fr-Su 08:00-21:00",
        "Mo-Fr, 08:00-21:00",
        "Mo-Fr: 08:00-21:00",
        "Mo-Fr 08:00-21:00;",
        "; Mo-Fr 08:00-21:00",
        "Mo-Fr 08:00-21:00 Sa 10:00-18:00",
        "Mo-Fr 08:00-21:00, Sa 10:00-18:00",
        "Mooff",
        "Mo-Fr closed",
        "PH off",
        "08:00-21:00; off",
        // Every day is closed.
        "Mo-Su off",
        "Mo 08:00-21:00; Mo off",
        // Spans overlap.
        "09:00-12:00,11:00-13:00",
        "00:00-24:00,23:00-02:00",
        // Invisible characters.
        "Mo-Fr 08:00-21:00;\u{200b}Sa 10:00-18:00",
    ] {
        assert!(bad.parse::<CallingHours>().is_err(), "{bad}");
    }
}

#[test]
fn length_of_the_text_is_bounded() {
    let rules = |count| vec!["08:00-21:00"; count].join(";");
    assert!(rules(80).parse::<CallingHours>().is_ok());
    assert!(rules(90).parse::<CallingHours>().is_err());
    let spans = |count| {
        let spans = (0..count).map(|minute| format!("12:{:02}-12:{:02}", minute, minute + 1));
        spans.collect::<Vec<_>>().join(",")
    };
    assert!(spans(24).parse::<CallingHours>().is_ok());
    assert!(spans(25).parse::<CallingHours>().is_err());
}

/// The pattern of the template's parameter, without the empty value. It does not exclude overlaps, nor hours of no length.
const PATTERN: &str = "(((Mo|Tu|We|Th|Fr|Sa|Su)(-(Mo|Tu|We|Th|Fr|Sa|Su))?( *, *(Mo|Tu|We|Th|Fr|Sa|Su)(-(Mo|Tu|We|Th|Fr|Sa|Su))?)* +)?([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)( *, *([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00))*|(Mo|Tu|We|Th|Fr|Sa|Su)(-(Mo|Tu|We|Th|Fr|Sa|Su))?( *, *(Mo|Tu|We|Th|Fr|Sa|Su)(-(Mo|Tu|We|Th|Fr|Sa|Su))?)* +off)( *; *(((Mo|Tu|We|Th|Fr|Sa|Su)(-(Mo|Tu|We|Th|Fr|Sa|Su))?( *, *(Mo|Tu|We|Th|Fr|Sa|Su)(-(Mo|Tu|We|Th|Fr|Sa|Su))?)* +)?([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)( *, *([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00))*|(Mo|Tu|We|Th|Fr|Sa|Su)(-(Mo|Tu|We|Th|Fr|Sa|Su))?( *, *(Mo|Tu|We|Th|Fr|Sa|Su)(-(Mo|Tu|We|Th|Fr|Sa|Su))?)* +off))*";

proptest! {
    #[test]
    fn rules_of_the_templates_pattern_parse(text in string_regex(PATTERN).unwrap()) {
        for rule in text.split(';').map(str::trim) {
            let spans = rule.trim_start_matches(|c: char| !c.is_ascii_digit());
            let are_valid = rule.ends_with("off") || spans_of(spans).is_some();
            prop_assert_eq!(rule_of(rule).is_some(), are_valid, "{}", rule);
            let is_one_span = !spans.contains(',') && spans.get(..5) != spans.get(6..);
            prop_assert!(are_valid || !is_one_span, "{}", rule);
        }
    }

    #[test]
    fn canonical_text_parses_to_the_same_hours(text in string_regex(PATTERN).unwrap()) {
        if let Ok(hours) = text.parse::<CallingHours>() {
            prop_assert_eq!(hours.to_string().parse(), Ok(hours));
        }
    }

    #[test]
    fn any_text_parses_or_fails(text in "\\PC{0,40}|[MoTuWeFrSa0-9:,; -]{0,40}") {
        if let Ok(hours) = text.parse::<CallingHours>() {
            prop_assert_eq!(hours.to_string().parse(), Ok(hours));
        }
    }
}
