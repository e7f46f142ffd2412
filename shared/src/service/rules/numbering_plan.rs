//! Numbering plans: the country, the type and the validity of a number.

use std::sync::LazyLock;

use rlibphonenumber::{PHONE_NUMBER_UTIL as PLAN, PhoneNumberFormat, PhoneNumberType, Region};

use crate::domain::PhoneNumber;

/// Country codes of satellites and other networks without a country (ITU-T E.164, annex to OB 930).
const NETWORK_CODES: [&str; 5] = ["870", "878", "881", "882", "883"];
/// Canada's non-geographic numbers: the caller pays a satellite or mobile network.
const CANADAS_NETWORKS: &str = "1600";
/// The exchange of North America's premium information services, in every area code.
const PREMIUM_EXCHANGE: &str = "976";
/// Twilio's test numbers, which it never dials. Their area code is that of personal numbers.
const TWILIOS_TEST_NUMBERS: &str = "150055500";

/// Reads the numbering plan into memory: a few milliseconds of computing, once. A thread that needs it meanwhile waits. If
/// reading panics, every later use panics too, and no call is placed.
pub(super) fn read_plan() {
    LazyLock::force(&PLAN);
}

/// The countries that have a numbering plan: a copy, because the init phase needs it before the plan is read.
const COUNTRIES: &str = "\
    AC AD AE AF AG AI AL AM AO AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS \
    BT BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG \
    EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GT GU GW GY HK HN HR HT \
    HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR \
    LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF \
    NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD \
    SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TA TC TD TG TH TJ TK TL TM TN TO TR TT TV TW \
    TZ UA UG US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";

/// Returns the country with this ISO 3166 code, or `None` if it has no numbering plan.
pub(super) fn country(code: &str) -> Option<Region> {
    let has_plan = COUNTRIES.split(' ').any(|country| country == code);
    has_plan.then(|| Region::from_code(code).ok()).flatten()
}

/// Returns the ISO 3166 code of a number's country, or `None` if no country's plan contains the number.
#[must_use]
pub fn country_of(number: &str) -> Option<String> {
    let read = PLAN.parse(number, None).ok()?;
    PLAN.get_region_for_number(&read)
        .map(|region| region.to_string())
}

/// Returns true if the number belongs to a network without a country.
pub(super) fn is_of_a_network(number: &PhoneNumber) -> bool {
    let digits = digits(number);
    NETWORK_CODES.iter().any(|code| digits.starts_with(code))
}

/// Parses the number as people write it, and returns it in E.164 format. The parser drops a trunk prefix, so the result may
/// differ from the number.
pub(super) fn read(number: &PhoneNumber) -> Option<PhoneNumber> {
    let read = PLAN.parse(number.as_str(), None).ok()?;
    PLAN.format(&read, PhoneNumberFormat::E164).parse().ok()
}

/// The number without its `+`.
pub(super) fn digits(number: &PhoneNumber) -> &str {
    number.as_str().trim_start_matches('+')
}

/// A valid number's entry in its numbering plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PlanEntry {
    /// The country that has the number.
    pub(super) country: Region,
    kind: PhoneNumberType,
    /// The country calling code.
    pub(super) code: i32,
}

impl PlanEntry {
    /// Looks a number up. Returns `None` if no numbering plan contains it, or if it is not in E.164 format: a number with a
    /// trunk prefix is not valid.
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

    /// Returns true if numbers of this type reach a person at no special charge.
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

    /// Returns true if the digits locate the number: in a part of its country, or in one of the countries that share a calling
    /// code with a larger one, like Jamaica.
    pub(super) fn is_geographical(self) -> bool {
        PLAN.is_number_geographical_by_country_code_and_type(self.kind, self.code)
            || PLAN.get_region_for_country_code(self.code) != Some(self.country)
    }
}
