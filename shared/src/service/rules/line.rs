//! The spellings of a telephone line: the same phone rings under several numbers, or did under an earlier numbering plan.

#[cfg(test)]
mod tests;

use super::numbering_plan::{PlanEntry, digits, read};
use crate::domain::PhoneNumber;

/// All spellings of one telephone line.
///
/// A block list that compared numbers only would let a blocked person be called under another spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    spellings: Vec<PhoneNumber>,
    key: PhoneNumber,
}

/// Pairs of prefixes with which the same digits reach the same line.
const TWINS: [(&str, &str); 23] = [
    // Mexico: until 2019, mobile numbers had a 1, which callers within the country wrote as 044 or 045. 01 was the trunk prefix.
    ("52", "521"),
    ("52", "5201"),
    ("52", "52044"),
    ("52", "52045"),
    // Argentina: mobile numbers have a 9, and carriers also route those without it.
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
    // San Marino has its own code, and Italy's code reaches it too.
    ("390549", "3780549"),
    ("378", "3780549"),
    // Ireland's code also reaches Northern Ireland.
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

/// Country codes whose trunk prefix is not 0, or was not until lately.
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
    /// Returns the line that the number reaches.
    #[must_use]
    pub fn of(number: &PhoneNumber) -> Self {
        let mut spellings = vec![number.clone()];
        let mut at = 0;
        while at < spellings.len() {
            for twin in twins(&spellings[at]) {
                if !spellings.contains(&twin) && PlanEntry::of(&twin).is_some() {
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
                // A misspelling that is itself a valid number is another line.
                if !spellings.contains(&other) && PlanEntry::of(&other).is_none() {
                    spellings.push(other);
                }
            }
        }
        Self { spellings, key }
    }

    /// All spellings, valid or not. The first is the number that the line was made from.
    #[must_use]
    pub fn spellings(&self) -> &[PhoneNumber] {
        &self.spellings
    }

    /// The number that the line was made from.
    pub(super) fn number(&self) -> &PhoneNumber {
        &self.spellings[0]
    }

    /// The spelling that names the line in the daily cap. All valid spellings of a line have the same key.
    #[must_use]
    pub fn key(&self) -> &PhoneNumber {
        &self.key
    }
}

/// Returns the valid number that an invalid number means, or `None` if there is not exactly one.
pub(super) fn corrected(number: &PhoneNumber) -> Option<PhoneNumber> {
    let mut meant = twins(number);
    meant.extend(read(number));
    meant.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    meant.dedup();
    meant.retain(|number| PlanEntry::of(number).is_some());
    match &meant[..] {
        [one] => Some(one.clone()),
        _ => None,
    }
}

/// Other numbers that may reach the same line. Not all of them are valid.
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

/// Adds or removes the 9 that Brazil's mobile numbers got after the area code between 2012 and 2016. Before that, they began
/// with 6 to 9.
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

/// Common misspellings of a valid number: with a trunk prefix, or without a leading zero that belongs to it.
fn misspellings(number: &PhoneNumber) -> Vec<PhoneNumber> {
    let Some(code) = PlanEntry::of(number).map(|entry| entry.code.to_string()) else {
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
    // Within Argentina, a mobile number has a 15 between area and subscriber instead of the 9.
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
