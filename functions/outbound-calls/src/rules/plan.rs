use std::sync::LazyLock;

use outdial::domain::PhoneNumber;
use rlibphonenumber::{PHONE_NUMBER_UTIL as PLAN, PhoneNumberFormat, PhoneNumberType, Region};

/// Country codes that belong to satellites and other networks without a country (ITU-T E.164, annex to OB 930).
const NETWORK_CODES: [&str; 5] = ["870", "878", "881", "882", "883"];
/// Canada's numbers of no place, where the caller pays for a satellite or a mobile network.
const CANADAS_NETWORKS: &str = "1600";
/// The exchange of North America's information services at a premium, in every area code.
const PREMIUM_EXCHANGE: &str = "976";
/// Twilio's own, which it dials in tests alone. Their area code is that of personal numbers.
const TWILIOS_TEST_NUMBERS: &str = "150055500";

/// Reads the numbering plan, which no call is placed without: a few milliseconds of computing, once. Whoever needs it
/// meanwhile waits for it. Where that panics, so does whoever needs it later, and no call is placed.
pub(crate) fn read_plan() {
    LazyLock::force(&PLAN);
}

/// The countries that have a numbering plan, told without reading it.
const COUNTRIES: &str = "\
    AC AD AE AF AG AI AL AM AO AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS \
    BT BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG \
    EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GT GU GW GY HK HN HR HT \
    HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR \
    LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF \
    NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD \
    SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TA TC TD TG TH TJ TK TL TM TN TO TR TT TV TW \
    TZ UA UG US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";

/// The country of that code, if it has a numbering plan.
pub(super) fn country(code: &str) -> Option<Region> {
    let has_plan = COUNTRIES.split(' ').any(|country| country == code);
    has_plan.then(|| Region::from_code(code).ok()).flatten()
}

/// Whether the number belongs to a network without a country.
pub(super) fn is_of_a_network(number: &PhoneNumber) -> bool {
    let digits = digits(number);
    NETWORK_CODES.iter().any(|code| digits.starts_with(code))
}

/// The number as the parser reads it, and writes it in E.164 format. The parser reads what people write: it drops a trunk
/// prefix, so that what it reads may be written otherwise.
pub(super) fn read(number: &PhoneNumber) -> Option<PhoneNumber> {
    let read = PLAN.parse(number.as_str(), None).ok()?;
    PLAN.format(&read, PhoneNumberFormat::E164).parse().ok()
}

/// What follows the `+`.
pub(super) fn digits(number: &PhoneNumber) -> &str {
    number.as_str().trim_start_matches('+')
}

/// What a numbering plan says of a valid number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Planned {
    /// The country that has the number.
    pub(super) country: Region,
    kind: PhoneNumberType,
    /// The country calling code.
    pub(super) code: i32,
}

impl Planned {
    /// Looks the number up; `None` if no numbering plan has it.
    ///
    /// E.164 has one spelling for a number; with a trunk prefix it is not valid.
    pub(super) fn of(number: &PhoneNumber) -> Option<Self> {
        let read = PLAN.parse(number.as_str(), None).ok()?;
        if PLAN.format(&read, PhoneNumberFormat::E164) != number.as_str() {
            return None;
        }
        match PLAN.get_number_type(&read) {
            PhoneNumberType::Unknown => None,
            kind => Some(Self {
                country: PLAN.get_region_for_number(&read)?,
                kind,
                code: read.country_code,
            }),
        }
    }

    /// Whether the number is what people have at home or in their pocket, and costs the caller nothing special. Other
    /// numbers have special charges, or reach no person.
    pub(super) fn is_ordinary(self, number: &PhoneNumber) -> bool {
        use PhoneNumberType::{FixedLine, FixedLineOrMobile, Mobile, TollFree, VoIP};
        let digits = digits(number);
        let is_premium = digits.starts_with('1') && digits.get(4..7) == Some(PREMIUM_EXCHANGE);
        let is_ordinary = matches!(
            self.kind,
            FixedLine | FixedLineOrMobile | Mobile | TollFree | VoIP
        ) && !digits.starts_with(CANADAS_NETWORKS)
            && !is_premium;
        is_ordinary || digits.starts_with(TWILIOS_TEST_NUMBERS)
    }

    /// Whether the digits of the number say where it lies: in which part of its country, or in which of the countries that share
    /// its code with a larger one, as Jamaica does.
    pub(super) fn is_geographical(self) -> bool {
        PLAN.is_number_geographical_by_country_code_and_type(self.kind, self.code)
            || PLAN.get_region_for_country_code(self.code) != Some(self.country)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_countries_are_those_of_the_plan() {
        let mut countries: Vec<_> = PLAN
            .get_supported_regions()
            .map(|country| country.to_string())
            .collect();
        countries.sort_unstable();
        assert_eq!(COUNTRIES, countries.join(" "));
    }
}
