//! Tests of the rules as a whole.

use bson::{DateTime as Stored, oid::ObjectId};
use rlibphonenumber::{PHONE_NUMBER_UTIL as PLAN, PhoneNumberFormat, PhoneNumberType};

use super::*;
use crate::{config::Settings, dao::DialingSwitch, domain::User};

/// The refusal's code.
pub(super) fn code_of_error(error: RuleError) -> &'static str {
    match error {
        RuleError::Refused(refusal) => refusal.code().as_str(),
        RuleError::UnknownTimeZone(_) => "unknown time zone",
    }
}

pub(super) fn rules(pairs: &[(&str, &str)]) -> Rules {
    let values = [("TWILIO_FROM_NUMBER", "+12125550100")]
        .iter()
        .chain(pairs)
        .map(|&(name, value)| (name.to_owned(), value.to_owned().into()));
    let settings = Settings::from_values(values.collect()).unwrap();
    Rules::new(&settings.calls().unwrap()).unwrap()
}

pub(super) fn callee(time_zone: Option<&str>) -> Callee {
    let now = Stored::now();
    Callee {
        user: User {
            id: ObjectId::new(),
            name: "Ada Lovelace".parse().unwrap(),
            email: "ada@example.com".parse().unwrap(),
            email_lower: "ada@example.com".to_owned(),
            phone_number: "+12125550123".parse().unwrap(),
            time_zone: time_zone.map(|zone| zone.parse().unwrap()),
            idempotency_scope: None,
            request_hash: None,
            created_by: None,
            created_at: now,
            updated_at: now,
        },
        blocked: Vec::new(),
        dialing: DialingSwitch {
            on: true,
            since: None,
            reason: None,
            by: None,
        },
    }
}

pub(super) fn line(number: &str) -> Line {
    Line::of(&number.parse().unwrap())
}

fn code_of(rules: &Rules, to: &str) -> Option<&'static str> {
    rules
        .check(&line(to), &callee(None), Utc::now())
        .err()
        .map(code_of_error)
}

fn code(to: &str) -> Option<&'static str> {
    code_of(&rules(&[]), to)
}

#[test]
fn numbers_in_allowed_countries_pass() {
    for number in [
        "+12125550123",
        "+14165550123",
        "+18005551212",
        "+15005550001",
        "+15005550004",
    ] {
        assert_eq!(code(number), None, "{number}");
    }
}

#[test]
fn other_countries_with_the_same_calling_code_are_refused() {
    for number in [
        "+442079460018",
        "+18765550123",
        "+33142685300",
        "+80012345678",
    ] {
        assert_eq!(code(number), Some("country_not_allowed"), "{number}");
    }
}

#[test]
fn premium_rate_and_satellite_numbers_are_refused() {
    for number in [
        "+19002345678",
        "+12129765678",
        "+449098790000",
        "+979123456789",
        "+16005550123",
        "+870773111632",
        "+881612345678",
        "+882161234567",
        "+88312345678",
    ] {
        assert_eq!(code(number), Some("number_type_not_allowed"), "{number}");
    }
}

#[test]
fn other_numbers_with_special_charges_are_refused() {
    let everywhere = rules(&[("ALLOWED_COUNTRIES", "US,CA,GB,NE")]);
    for number in [
        // Shared cost, personal numbers, a pager, a company's number, and a premium rate behind a leading zero.
        "+80812345678",
        "+15335550123",
        "+16225550123",
        "+447012345678",
        "+447640123456",
        "+443001234567",
        "+22709123456",
    ] {
        let code = code_of(&everywhere, number);
        assert_eq!(code, Some("number_type_not_allowed"), "{number}");
    }
}

#[test]
fn number_in_no_numbering_plan_is_refused() {
    for number in ["+11235550123", "+1212555", "+9999999999", "+17105550123"] {
        assert_eq!(code(number), Some("number_not_valid"), "{number}");
    }
}

#[test]
fn number_that_is_not_in_e164_format_is_refused() {
    let everywhere = rules(&[("ALLOWED_COUNTRIES", "US,GB,DE,IT")]);
    for number in [
        "+112125550123",
        "+4402079460018",
        "+49030123456",
        "+39236618300",
    ] {
        let code = code_of(&everywhere, number);
        assert_eq!(code, Some("number_not_valid"), "{number}");
    }
    for number in ["+442079460018", "+4930123456", "+390236618300"] {
        assert_eq!(code_of(&everywhere, number), None, "{number}");
    }
}

#[test]
fn unknown_country_in_allowed_countries_is_malformed() {
    for wrong in ["UK", "US,XX", "ZZ", "EU"] {
        let pairs = [
            ("ALLOWED_COUNTRIES", wrong),
            ("TWILIO_FROM_NUMBER", "+12125550100"),
        ];
        let calls = Settings::from_pairs(pairs).unwrap().calls().unwrap();
        let error = Rules::new(&calls).err().unwrap().to_string();
        assert!(
            error.starts_with("ALLOWED_COUNTRIES is malformed"),
            "{error}"
        );
    }
}

#[test]
fn fixed_and_mobile_numbers_of_every_country_can_be_allowed() {
    let mut known = 0;
    for country in PLAN.get_supported_regions() {
        let rules = rules(&[("ALLOWED_COUNTRIES", &country.to_string())]);
        for kind in [PhoneNumberType::FixedLine, PhoneNumberType::Mobile] {
            let Ok(example) = PLAN.get_example_number_for_type_and_region(country, kind) else {
                continue;
            };
            let number = PLAN.format(&example, PhoneNumberFormat::E164);
            // Some countries share a numbering plan with a larger country that has all its numbers.
            let code = code_of(&rules, &number);
            assert!(
                matches!(code, None | Some("country_not_allowed")),
                "{number} of {country}: {code:?}"
            );
            known += usize::from(code.is_none());
        }
    }
    assert!(known > 450, "{known}");
}

#[test]
fn own_number_is_refused() {
    assert_eq!(code("+12125550100"), Some("own_number"));
}

#[test]
fn configured_and_stored_blocked_numbers_are_refused() {
    let rules = rules(&[("BLOCKED_NUMBERS", "+12125550124, +12125550125")]);
    for (number, expected) in [
        ("+12125550123", None),
        ("+12125550124", Some("number_blocked")),
        ("+12125550125", Some("number_blocked")),
    ] {
        assert_eq!(code_of(&rules, number), expected, "{number}");
    }
    let mut stored = callee(None);
    stored.blocked = vec!["+12125550123".parse().unwrap()];
    let refused = rules.check(&line("+12125550123"), &stored, Utc::now());
    assert_eq!(code_of_error(refused.unwrap_err()), "number_blocked");
}

#[test]
fn own_number_in_another_spelling_is_refused() {
    let rules = rules(&[
        ("TWILIO_FROM_NUMBER", "+541123456789"),
        ("ALLOWED_COUNTRIES", "AR"),
    ]);
    assert_eq!(code_of(&rules, "+5491123456789"), Some("own_number"));
}

#[test]
fn invalid_configured_number_blocks_its_correction() {
    let configured = "+12125550124,+5215562000000,+15550001111";
    let rules = rules(&[
        ("BLOCKED_NUMBERS", configured),
        ("ALLOWED_COUNTRIES", "US,MX"),
    ]);
    let blocked: Vec<_> = rules.block_list().iter().map(PhoneNumber::as_str).collect();
    assert_eq!(blocked.join(","), format!("{configured},+525562000000"));
    assert_eq!(code_of(&rules, "+525562000000"), Some("number_blocked"));
}

#[test]
fn permanent_refusals_come_before_temporary_ones() {
    let rules = rules(&[("CALLING_HOURS", "08:00-21:00")]);
    let mut callee = callee(None);
    callee.blocked = vec!["+12125550123".parse().unwrap()];
    callee.dialing.on = false;
    let night: DateTime<Utc> = "2026-06-01T03:00:00Z".parse().unwrap();
    let expect = |callee: &Callee, to: &str, code| {
        let refused = rules.check(&line(to), callee, night);
        assert_eq!(code_of_error(refused.unwrap_err()), code);
    };
    expect(&callee, "+19002345678", "number_type_not_allowed");
    expect(&callee, "+12125550123", "number_blocked");
    callee.blocked.clear();
    expect(&callee, "+12125550123", "dialing_off");
    callee.dialing.on = true;
    expect(&callee, "+12125550123", "outside_calling_hours");
}

#[test]
fn unknown_stored_time_zone_fails_the_check() {
    let rules = rules(&[("CALLING_HOURS", "00:00-24:00")]);
    let mut callee = callee(None);
    let document = bson::bson!("Europe/Atlantis");
    callee.user.time_zone = Some(bson::deserialize_from_bson(document).unwrap());
    let checked = rules.check(&line("+12125550123"), &callee, Utc::now());
    assert_eq!(code_of_error(checked.unwrap_err()), "unknown time zone");
}

#[test]
fn countries_equal_those_of_the_numbering_plan() {
    let regions: Vec<_> = PLAN.get_supported_regions().collect();
    let letters = || 'A'..='Z';
    for code in letters().flat_map(|first| letters().map(move |second| format!("{first}{second}")))
    {
        let planned = regions.iter().find(|region| region.to_string() == code);
        assert_eq!(numbering_plan::country(&code), planned.copied(), "{code}");
    }
}
