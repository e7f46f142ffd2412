use outdial::domain::PhoneNumber;

use super::plan::{Planned, digits, read};

/// The spellings of one telephone line: the same phone rings under several numbers, or did under an earlier plan.
///
/// A block list that compared numbers only would let a blocked person be called under another spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    spellings: Vec<PhoneNumber>,
    key: PhoneNumber,
}

/// Prefixes with which the same digits reach the same line.
const TWINS: [(&str, &str); 23] = [
    // Mexico: mobile numbers had a 1 until 2019, which callers within the country wrote as 044 or 045; 01 was the trunk prefix.
    ("52", "521"),
    ("52", "5201"),
    ("52", "52044"),
    ("52", "52045"),
    // Argentina: mobile numbers have a 9, and carriers route those without it too.
    ("54", "549"),
    // Benin, since November 2024.
    ("229", "22901"),
    // Ivory Coast, since January 2021: the operator's prefix before the old eight digits.
    ("225", "22501"),
    ("225", "22505"),
    ("225", "22507"),
    ("225", "22521"),
    ("225", "22525"),
    ("225", "22527"),
    // San Marino has a code of its own, and is reached through Italy's.
    ("390549", "3780549"),
    ("378", "3780549"),
    // Northern Ireland is reached through Ireland's code too.
    ("35348", "4428"),
    // Kosovo used the codes of Serbia, Monaco and Slovenia until 2018.
    ("38328", "38128"),
    ("38329", "38129"),
    ("38338", "38138"),
    ("38339", "38139"),
    ("38343", "38643"),
    ("38344", "37744"),
    ("38345", "37745"),
    ("38349", "38649"),
];

/// Country codes with another trunk prefix than 0, now or lately.
const TRUNK_PREFIXES: [(&str, &str); 7] = [
    ("1", "1"),
    ("7", "8"),
    ("36", "06"),
    ("370", "8"),
    ("375", "8"),
    ("692", "1"),
    ("993", "8"),
];

const BRAZIL: &str = "55";
const ARGENTINAS_MOBILES: &str = "549";

impl Line {
    /// The line that the number reaches.
    #[must_use]
    pub fn of(number: &PhoneNumber) -> Self {
        let mut spellings = vec![number.clone()];
        let mut at = 0;
        while at < spellings.len() {
            for twin in twins(&spellings[at]) {
                if !spellings.contains(&twin) && Planned::of(&twin).is_some() {
                    spellings.push(twin);
                }
            }
            at += 1;
        }
        let key = spellings.iter().min_by_key(|number| number.as_str());
        let key = key.unwrap_or(number).clone();
        for at in 0..spellings.len() {
            let valid = &spellings[at];
            for other in twins(valid).into_iter().chain(misspellings(valid)) {
                // One that is valid by itself is another line.
                if !spellings.contains(&other) && Planned::of(&other).is_none() {
                    spellings.push(other);
                }
            }
        }
        Self { spellings, key }
    }

    /// All spellings, valid or not; the first is the number that the line was made of.
    #[must_use]
    pub fn spellings(&self) -> &[PhoneNumber] {
        &self.spellings
    }

    /// The number that the line was made of.
    pub(crate) fn number(&self) -> &PhoneNumber {
        &self.spellings[0]
    }

    /// The spelling by which the line is counted: each of its valid spellings has the same.
    #[must_use]
    pub fn key(&self) -> &PhoneNumber {
        &self.key
    }
}

/// The one valid number that is meant by a number that is not valid; `None` if there is none, or more than one.
pub(crate) fn corrected(number: &PhoneNumber) -> Option<PhoneNumber> {
    let mut meant = twins(number);
    meant.extend(read(number));
    meant.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    meant.dedup();
    meant.retain(|number| Planned::of(number).is_some());
    match &meant[..] {
        [one] => Some(one.clone()),
        _ => None,
    }
}

/// Numbers with which the same line may be reached. Not all of them are valid.
fn twins(number: &PhoneNumber) -> Vec<PhoneNumber> {
    let digits = digits(number);
    let swapped = |from: &str, to: &str| Some(format!("{to}{}", digits.strip_prefix(from)?));
    TWINS
        .iter()
        .flat_map(|(one, other)| [swapped(other, one), swapped(one, other)])
        .chain([other_brazilian(digits)])
        .flatten()
        .filter_map(|digits| number_of(&digits))
        .collect()
}

/// Brazil's mobile numbers got a 9 after the area code between 2012 and 2016. Before it they began with 6 to 9.
fn other_brazilian(digits: &str) -> Option<String> {
    let national = digits.strip_prefix(BRAZIL)?;
    let (area, subscriber) = national.split_at_checked(2)?;
    let is_old = |text: &str| text.len() == 8 && text.starts_with(['6', '7', '8', '9']);
    if is_old(subscriber) {
        return Some(format!("{BRAZIL}{area}9{subscriber}"));
    }
    let old = subscriber.strip_prefix('9').filter(|old| is_old(old))?;
    Some(format!("{BRAZIL}{area}{old}"))
}

/// How the valid number is written by mistake: with a trunk prefix, or without a leading zero that belongs to it.
fn misspellings(number: &PhoneNumber) -> Vec<PhoneNumber> {
    let Some(code) = Planned::of(number).map(|planned| planned.code.to_string()) else {
        return Vec::new();
    };
    let digits = digits(number);
    let national = digits.strip_prefix(&code).unwrap_or_default();
    let trunk = TRUNK_PREFIXES.iter().filter(|(of, _)| *of == code);
    let mut written: Vec<_> = trunk
        .map(|(_, prefix)| format!("{code}{prefix}{national}"))
        .collect();
    written.push(format!("{code}0{national}"));
    if national.starts_with('0') {
        written.push(format!("{code}{}", national.trim_start_matches('0')));
    }
    // Within Argentina a mobile number has a 15 between area and subscriber instead of the 9.
    if let Some(mobile) = digits.strip_prefix(ARGENTINAS_MOBILES) {
        for (area, subscriber) in (2..=4).filter_map(|at| mobile.split_at_checked(at)) {
            written.push(format!("{code}{area}15{subscriber}"));
            written.push(format!("{code}0{area}15{subscriber}"));
        }
    }
    let numbers = written.iter().filter_map(|digits| number_of(digits));
    numbers.collect()
}

fn number_of(digits: &str) -> Option<PhoneNumber> {
    format!("+{digits}").parse().ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rlibphonenumber::{PHONE_NUMBER_UTIL as PLAN, PhoneNumberFormat, PhoneNumberType};

    use super::*;

    fn number(text: &str) -> PhoneNumber {
        text.parse().unwrap()
    }

    fn line(text: &str) -> Line {
        Line::of(&number(text))
    }

    /// The examples of each kind of each country.
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
    fn the_valid_spellings_of_a_line_have_the_same_key_and_name_each_other() {
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
                if Planned::of(spelling).is_none() || spelling.as_str() == example {
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
    fn a_number_with_a_trunk_prefix_is_a_spelling_in_all_countries() {
        for example in examples() {
            let planned = Planned::of(&number(&example)).unwrap();
            let code = planned.code.to_string();
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
    fn lines_whose_numbers_differ_share_no_spelling() {
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
    fn a_number_that_is_not_valid_is_corrected_where_one_number_is_meant() {
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
}
