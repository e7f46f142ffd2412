//! Tests of holidays.

use proptest::{prelude::*, string::string_regex};

use super::*;

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

#[test]
fn holidays_are_dates_or_days_of_every_year() {
    let holidays: Holidays = "2026-12-25, 2027-01-01,07-04,02-29".parse().unwrap();
    for (text, is_holiday) in [
        ("2026-12-25", true),
        ("2027-12-25", false),
        ("2027-01-01", true),
        ("2026-01-01", false),
        ("2026-07-04", true),
        ("2099-07-04", true),
        ("2028-02-29", true),
        ("2027-03-01", false),
    ] {
        assert_eq!(holidays.contain(date(text)), is_holiday, "{text}");
    }
    assert!(!holidays.is_empty() && Holidays::default().is_empty());
}

#[test]
fn malformed_date_is_refused() {
    for bad in [
        "",
        ",",
        "off",
        "2026-12-25,",
        "2026-12-25;2027-01-01",
        "2026-02-29",
        "2026-13-01",
        "2026-00-10",
        "13-01",
        "02-30",
        "12-25-2026",
        "25.12.2026",
        "2026-1-1",
        "26-12-25",
        "+2026-12-25",
        "2026-12-25T00:00",
        "20261225",
        "-12-25",
        "2026--25",
        "٢٠٢٦-12-25",
    ] {
        assert!(bad.parse::<Holidays>().is_err(), "{bad}");
    }
}

#[test]
fn number_of_holidays_is_bounded() {
    let days = |count| {
        let days =
            (0..count).map(|days| (date("2026-01-01") + chrono::Days::new(days)).to_string());
        days.collect::<Vec<_>>().join(",")
    };
    assert!(days(366).parse::<Holidays>().is_ok());
    assert!(days(367).parse::<Holidays>().is_err());
}

/// The pattern of the template's parameter, without the empty value. It does not exclude days that a month lacks.
const PATTERN: &str = "([0-9]{4}-)?(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])( *, *([0-9]{4}-)?(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]))*";

proptest! {
    #[test]
    fn dates_of_the_templates_pattern_parse(text in string_regex(PATTERN).unwrap()) {
        let are_days = text.split(',').map(str::trim).all(|date| {
            let end = &date[date.len() - 5..];
            !["02-30", "02-31", "04-31", "06-31", "09-31", "11-31"].contains(&end)
                && (date.len() == 5 || end != "02-29")
        });
        prop_assert!(text.parse::<Holidays>().is_ok() || !are_days, "{text}");
    }

    #[test]
    fn any_text_parses_or_fails(text in "\\PC{0,40}|[0-9,-]{0,40}") {
        if let Ok(holidays) = text.parse::<Holidays>() {
            prop_assert!(!holidays.is_empty());
        }
    }
}
