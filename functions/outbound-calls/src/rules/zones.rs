use outdial::domain::PhoneNumber;

use super::plan::{Planned, digits};

/// The time zones of numbers, from libphonenumber (Apache-2.0; its notice is in the file): a prefix of E.164 digits a line, in
/// order, and its zones. `tests/fixtures/zones.py` writes the file.
const TABLE: &str = include_str!("zones.txt");
const LONGEST_PREFIX: usize = 9;

/// Where a number may lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NumberZones {
    zones: &'static str,
    /// Whether the digits name the country only, and these are all of its zones.
    pub(super) is_country_wide: bool,
}

impl NumberZones {
    /// Looks the number up; `None` for a number without a country.
    pub(super) fn of(number: &PhoneNumber, planned: Planned) -> Option<Self> {
        let digits = digits(number);
        let of_country = find(&planned.code.to_string())?;
        let zones = if planned.is_geographical() {
            let mut prefixes = (1..=LONGEST_PREFIX)
                .rev()
                .filter_map(|length| digits.get(..length));
            prefixes.find_map(find).unwrap_or(of_country)
        } else {
            of_country
        };
        Some(Self {
            zones,
            is_country_wide: zones == of_country,
        })
    }

    /// IANA names.
    pub(super) fn names(self) -> impl Iterator<Item = &'static str> {
        self.zones.split('&')
    }
}

/// The zones of exactly that prefix. The table is searched as it is: nothing is read before a call needs it.
fn find(prefix: &str) -> Option<&'static str> {
    let (mut from, mut to) = (0, TABLE.len());
    while from < to {
        let middle = from + (to - from) / 2;
        let start = TABLE[from..middle]
            .rfind('\n')
            .map_or(from, |at| from + at + 1);
        let end = TABLE[middle..to].find('\n').map_or(to, |at| middle + at);
        // A line of the notice comes before all digits.
        let (found, zones) = TABLE[start..end].split_once('|').unwrap_or_default();
        match found.cmp(prefix) {
            std::cmp::Ordering::Less => from = end + 1,
            std::cmp::Ordering::Greater => to = start,
            std::cmp::Ordering::Equal => return Some(zones),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use outdial::domain::TimeZone;

    use super::*;

    /// What `phonenumbers`, the library in Python, says of numbers of all countries.
    const EXPECTED: &str = include_str!("../../tests/fixtures/zones.txt");

    fn entries() -> impl Iterator<Item = (&'static str, &'static str)> {
        let lines = TABLE
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty());
        lines.map(|line| line.split_once('|').unwrap())
    }

    #[test]
    fn the_table_is_in_order_and_each_of_its_prefixes_is_found() {
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
    fn each_zone_of_the_table_is_known() {
        let names: BTreeSet<_> = entries().flat_map(|(_, zones)| zones.split('&')).collect();
        assert!(names.len() > 250, "{}", names.len());
        for name in names {
            let zone = name.parse::<TimeZone>();
            assert!(zone.is_ok_and(|zone| zone.clocks().is_some()), "{name}");
        }
    }

    #[test]
    fn numbers_lie_where_libphonenumber_says() {
        let mut seen = 0;
        for line in EXPECTED.lines().filter(|line| !line.starts_with('#')) {
            let (number, expected) = line.split_once(' ').unwrap();
            let number = number.parse().unwrap();
            let planned = Planned::of(&number).unwrap_or_else(|| panic!("{line}"));
            let zones = NumberZones::of(&number, planned).unwrap_or_else(|| panic!("{line}"));
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
    fn a_number_that_tells_its_country_only_is_country_wide() {
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
            let zones = NumberZones::of(&number, Planned::of(&number).unwrap()).unwrap();
            assert_eq!(zones.is_country_wide, is_country_wide, "{text}");
        }
    }
}
