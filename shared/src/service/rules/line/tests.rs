//! Tests the spellings of phone numbers.

use std::collections::BTreeSet;

use rlibphonenumber::{PHONE_NUMBER_UTIL as PLAN, PhoneNumberFormat, PhoneNumberType};

use super::*;

fn number(text: &str) -> PhoneNumber {
    text.parse().unwrap()
}

fn line(text: &str) -> Line {
    Line::of(&number(text))
}

/// libphonenumber's example numbers: one of each type for each country.
fn examples() -> BTreeSet<String> {
    use PhoneNumberType::{FixedLine, Mobile, TollFree, VoIP};
    let mut examples = BTreeSet::new();
    for country in PLAN.get_supported_regions() {
        for kind in [FixedLine, Mobile, TollFree, VoIP] {
            if let Ok(example) = PLAN.get_example_number_for_type_and_region(country, kind) {
                examples.insert(PLAN.format(&example, PhoneNumberFormat::E164).into_owned());
            }
        }
    }
    assert!(examples.len() > 600, "{}", examples.len());
    examples
}

#[test]
fn valid_spellings_have_the_same_key_and_find_each_other() {
    let mut twins = 0;
    let twin = [
        "+442890123456",
        "+38344123456",
        "+390549882288",
        "+5511970123456",
    ];
    for example in examples().into_iter().chain(twin.map(str::to_owned)) {
        let of_example = line(&example);
        assert_eq!(of_example.number().as_str(), example);
        for spelling in of_example.spellings() {
            if PlanEntry::of(spelling).is_none() || spelling.as_str() == example {
                continue;
            }
            twins += 1;
            let of_twin = Line::of(spelling);
            assert_eq!(
                of_twin.key(),
                of_example.key(),
                "{example} {}",
                spelling.as_str()
            );
            let same: BTreeSet<_> = of_twin
                .spellings()
                .iter()
                .map(PhoneNumber::as_str)
                .collect();
            for spelling in of_example.spellings() {
                assert!(
                    same.contains(spelling.as_str()),
                    "{example} {}",
                    spelling.as_str()
                );
            }
        }
    }
    assert!(twins >= 8, "{twins}");
}

#[test]
fn number_with_a_trunk_prefix_is_a_spelling_in_every_country() {
    for example in examples() {
        let entry = PlanEntry::of(&number(&example)).unwrap();
        let code = entry.code.to_string();
        let national = &example[1 + code.len()..];
        for prefix in ["0", "1", "8", "06"] {
            let Ok(with_trunk) = format!("+{code}{prefix}{national}").parse() else {
                continue;
            };
            if read(&with_trunk).is_some_and(|read| read.as_str() == example) {
                let of_example = line(&example);
                let is_known = of_example.spellings().contains(&with_trunk);
                assert!(is_known, "{example} as {}", with_trunk.as_str());
            }
        }
    }
}

#[test]
fn different_lines_share_no_spelling() {
    for (one, other) in [
        ("+12125550123", "+12125550124"),
        // A mobile number, and a fixed one with a leading zero.
        ("+39331234567", "+390331234567"),
        ("+551133334444", "+5511933334444"),
        ("+37744123456", "+37745123456"),
    ] {
        let (of_one, of_other) = (line(one), line(other));
        assert_ne!(of_one.key(), of_other.key());
        let shared = of_one.spellings().iter();
        let shared = shared.filter(|spelling| of_other.spellings().contains(spelling));
        assert_eq!(shared.count(), 0, "{one} {other}");
    }
}

#[test]
fn invalid_number_is_corrected_if_it_means_one_number() {
    for (wrong, right) in [
        ("+4402079460018", Some("+442079460018")),
        ("+5215562000000", Some("+525562000000")),
        ("+520445562000000", Some("+525562000000")),
        ("+54111523456789", Some("+5491123456789")),
        ("+551199123456", Some("+5511999123456")),
        ("+22990123456", Some("+2290190123456")),
        ("+378882288", Some("+3780549882288")),
        ("+3606201234567", Some("+36201234567")),
        ("+15550001111", None),
        // Several operators have these eight digits.
        ("+22501234567", None),
    ] {
        let meant = corrected(&number(wrong));
        assert_eq!(meant.as_ref().map(PhoneNumber::as_str), right, "{wrong}");
        if let Some(meant) = meant {
            let spellings = Line::of(&meant);
            assert!(spellings.spellings().contains(&number(wrong)), "{wrong}");
        }
    }
}
