use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use outdial::{
    config::{CallConfig, ConfigError},
    dao::Callee,
    domain::{CallingHours, PhoneNumber, TimeZone},
    http::Problem,
};
use rlibphonenumber::{PHONE_NUMBER_UTIL as PLAN, PhoneNumberFormat, PhoneNumberType, Region};

/// Which numbers may be called, and when.
pub(crate) struct Rules {
    from_number: PhoneNumber,
    allowed: Vec<Region>,
    blocked: Vec<PhoneNumber>,
    hours: Option<CallingHours>,
    default_zone: TimeZone,
}

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

impl Rules {
    pub(crate) fn new(config: &CallConfig) -> Result<Self, ConfigError> {
        let allowed = config
            .allowed_countries
            .iter()
            .map(|code| {
                let has_plan = COUNTRIES.split(' ').any(|country| country == code);
                let country = has_plan.then(|| Region::from_code(code).ok()).flatten();
                country.ok_or_else(|| {
                    ConfigError::malformed(
                        "ALLOWED_COUNTRIES",
                        "ISO 3166 codes of two letters, separated by commas, such as US,CA; each of a country that has telephones",
                    )
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            from_number: config.from_number.clone(),
            allowed,
            blocked: config.blocked_numbers.clone(),
            hours: config.calling_hours,
            default_zone: config.default_time_zone.clone(),
        })
    }

    /// Whether the user may be called now at that number.
    ///
    /// # Errors
    ///
    /// The refusal, which names the first rule that is broken. What can never be comes first, then what may be later.
    pub(crate) fn check(
        &self,
        to: &PhoneNumber,
        callee: &Callee,
        now: DateTime<Utc>,
    ) -> Result<(), Problem> {
        self.check_number(to)?;
        if callee.is_blocked || self.blocked.contains(to) {
            return Err(refused(
                "number_blocked",
                "is blocked: it is not called from here any more",
            ));
        }
        if !callee.dialing.on {
            return Err(Problem::switched_off(
                "dialing_off",
                "Dialling has been switched off by an operator. Nothing was stored or dialled.",
                &callee.dialing,
            ));
        }
        self.check_hours(callee.user.time_zone.as_ref(), now)
    }

    fn check_number(&self, to: &PhoneNumber) -> Result<(), Problem> {
        if *to == self.from_number {
            return Err(refused(
                "own_number",
                "is the number that the calls come from",
            ));
        }
        let digits = to.as_str().trim_start_matches('+');
        if NETWORK_CODES.iter().any(|code| digits.starts_with(code)) {
            return Err(refused(
                "number_type_not_allowed",
                "belongs to a satellite or international network, which is not called from here",
            ));
        }
        let Some((country, kind)) = planned(to) else {
            return Err(refused(
                "number_not_valid",
                "is not a number of any country's numbering plan",
            ));
        };
        if !is_ordinary(digits, kind) && !digits.starts_with(TWILIOS_TEST_NUMBERS) {
            return Err(refused(
                "number_type_not_allowed",
                "is no ordinary telephone number: premium-rate, shared-cost, personal, company and pager numbers \
                 are not called from here",
            ));
        }
        if self.allowed.contains(&country) {
            return Ok(());
        }
        let allowed: Vec<_> = self.allowed.iter().map(ToString::to_string).collect();
        Err(refused(
            "country_not_allowed",
            format!(
                "is in a country that is not called from here; the countries are {}",
                allowed.join(", ")
            ),
        ))
    }

    fn check_hours(&self, zone: Option<&TimeZone>, now: DateTime<Utc>) -> Result<(), Problem> {
        let Some(hours) = self.hours else {
            return Ok(());
        };
        let zone = zone.unwrap_or(&self.default_zone);
        let clocks = zone
            .clocks()
            .ok_or_else(|| Problem::internal("the user's time zone is not known"))?;
        if clocks.show(now).is_some_and(|shown| hours.contain(shown)) {
            return Ok(());
        }
        let next = hours
            .next(now, &clocks)
            .ok_or_else(|| Problem::internal("the calling hours never begin"))?;
        let message = format!(
            "may be called from {hours} in {}; the next allowed time is {}",
            zone.as_str(),
            next.to_rfc3339(),
        );
        Err(refused("outside_calling_hours", message).allowed_from(next.to_utc()))
    }
}

fn refused(code: &'static str, message: impl Into<String>) -> Problem {
    Problem::rule(code, "to_number", message)
}

/// How the number is written in E.164 form, where it is read as one and written otherwise: with a trunk prefix.
pub(crate) fn other_spelling(number: &PhoneNumber) -> Option<String> {
    let read = PLAN.parse(number.as_str(), None).ok()?;
    let written = PLAN.format(&read, PhoneNumberFormat::E164);
    (PLAN.is_valid_number(&read) && written != number.as_str()).then(|| written.into_owned())
}

/// The country that the number is one of, and what kind it is there; none where no numbering plan has it.
///
/// The parser reads what people write: it drops a trunk prefix, so that one telephone has several spellings. E.164 has
/// one, and no other is called.
fn planned(number: &PhoneNumber) -> Option<(Region, PhoneNumberType)> {
    let read = PLAN.parse(number.as_str(), None).ok()?;
    if PLAN.format(&read, PhoneNumberFormat::E164) != number.as_str() {
        return None;
    }
    match PLAN.get_number_type(&read) {
        PhoneNumberType::Unknown => None,
        kind => Some((PLAN.get_region_for_number(&read)?, kind)),
    }
}

/// What people have at home or in their pocket, and what costs the caller nothing; the rest is charged for specially, or
/// reaches no person.
fn is_ordinary(digits: &str, kind: PhoneNumberType) -> bool {
    use PhoneNumberType::{FixedLine, FixedLineOrMobile, Mobile, TollFree, VoIP};
    let in_north_america = digits.starts_with('1');
    matches!(
        kind,
        FixedLine | FixedLineOrMobile | Mobile | TollFree | VoIP
    ) && !digits.starts_with(CANADAS_NETWORKS)
        && !(in_north_america && digits.get(4..7) == Some(PREMIUM_EXCHANGE))
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{DateTime as Stored, oid::ObjectId};
    use outdial::{config::Settings, dao::DialingSwitch, domain::User};

    use super::*;

    fn rules(pairs: &[(&str, &str)]) -> Rules {
        let values = [("TWILIO_FROM_NUMBER", "+12125550100")]
            .iter()
            .chain(pairs)
            .map(|&(name, value)| (name.to_owned(), value.to_owned().into()));
        let settings = Settings::from_values(values.collect()).unwrap();
        Rules::new(&settings.calls().unwrap()).unwrap()
    }

    fn callee(time_zone: Option<&str>) -> Callee {
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
            is_blocked: false,
            dialing: DialingSwitch {
                on: true,
                since: None,
                reason: None,
                by: None,
            },
        }
    }

    fn code_of(rules: &Rules, to: &str) -> Option<&'static str> {
        rules
            .check(&to.parse().unwrap(), &callee(None), Utc::now())
            .err()
            .map(|problem| problem.code())
    }

    fn code(to: &str) -> Option<&'static str> {
        code_of(&rules(&[]), to)
    }

    #[test]
    fn numbers_of_the_allowed_countries_are_called() {
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
    fn other_countries_are_refused_even_under_the_same_country_code() {
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
    fn whatever_else_costs_more_than_a_call_to_a_person_is_refused() {
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
    fn a_number_that_no_plan_knows_is_refused() {
        for number in ["+11235550123", "+1212555", "+9999999999", "+17105550123"] {
            assert_eq!(code(number), Some("number_not_valid"), "{number}");
        }
    }

    #[test]
    fn a_number_has_one_spelling() {
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
    fn the_countries_are_those_of_the_plan() {
        let mut countries: Vec<_> = PLAN
            .get_supported_regions()
            .map(|country| country.to_string())
            .collect();
        countries.sort_unstable();
        assert_eq!(COUNTRIES, countries.join(" "));
    }

    #[test]
    fn what_is_no_country_cannot_be_allowed() {
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
    fn every_countrys_fixed_and_mobile_numbers_can_be_allowed() {
        let mut known = 0;
        for country in PLAN.get_supported_regions() {
            let rules = rules(&[("ALLOWED_COUNTRIES", &country.to_string())]);
            for kind in [PhoneNumberType::FixedLine, PhoneNumberType::Mobile] {
                let Ok(example) = PLAN.get_example_number_for_type_and_region(country, kind) else {
                    continue;
                };
                let number = PLAN.format(&example, PhoneNumberFormat::E164);
                // Some share a numbering plan with a larger country that has them all.
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
    fn the_number_that_calls_come_from_is_refused() {
        assert_eq!(code("+12125550100"), Some("own_number"));
    }

    #[test]
    fn blocked_numbers_are_refused_whoever_has_blocked_them() {
        let rules = rules(&[("BLOCKED_NUMBERS", "+12125550124, +12125550125")]);
        for (number, expected) in [
            ("+12125550123", None),
            ("+12125550124", Some("number_blocked")),
            ("+12125550125", Some("number_blocked")),
        ] {
            assert_eq!(code_of(&rules, number), expected, "{number}");
        }
        let mut stored = callee(None);
        stored.is_blocked = true;
        let refused = rules.check(&"+12125550123".parse().unwrap(), &stored, Utc::now());
        assert_eq!(refused.unwrap_err().code(), "number_blocked");
    }

    #[test]
    fn what_can_never_be_is_told_before_what_may_be_later() {
        let rules = rules(&[("CALLING_HOURS", "08:00-21:00")]);
        let mut callee = callee(None);
        callee.is_blocked = true;
        callee.dialing.on = false;
        let night: DateTime<Utc> = "2026-06-01T03:00:00Z".parse().unwrap();
        let expect = |callee: &Callee, to: &str, code| {
            let refused = rules.check(&to.parse().unwrap(), callee, night);
            assert_eq!(refused.unwrap_err().code(), code);
        };
        expect(&callee, "+19002345678", "number_type_not_allowed");
        expect(&callee, "+12125550123", "number_blocked");
        callee.is_blocked = false;
        expect(&callee, "+12125550123", "dialing_off");
        callee.dialing.on = true;
        expect(&callee, "+12125550123", "outside_calling_hours");
    }

    #[test]
    fn hours_are_by_the_users_clocks_or_else_the_default_ones() {
        let rules = rules(&[
            ("CALLING_HOURS", "08:00-21:00"),
            ("DEFAULT_TIME_ZONE", "Europe/London"),
        ]);
        let to = "+12125550123".parse().unwrap();
        for (time, zone, allowed) in [
            ("2026-06-01T07:00:00Z", None, true),
            ("2026-06-01T06:59:59Z", None, false),
            ("2026-06-01T07:00:00Z", Some("America/New_York"), false),
            ("2026-06-02T00:59:59Z", Some("America/New_York"), true),
            ("2026-06-02T01:00:00Z", Some("America/New_York"), false),
            ("2026-06-01T22:30:00Z", Some("Asia/Tokyo"), false),
            ("2026-06-01T23:00:00Z", Some("Asia/Tokyo"), true),
        ] {
            let checked = rules.check(&to, &callee(zone), time.parse().unwrap());
            assert_eq!(checked.is_ok(), allowed, "{time} in {zone:?}");
        }
    }

    #[test]
    fn a_stored_time_zone_that_is_none_lets_no_call_through() {
        let rules = rules(&[("CALLING_HOURS", "00:00-24:00")]);
        let mut callee = callee(None);
        let document = mongodb::bson::bson!("Europe/Atlantis");
        callee.user.time_zone = Some(mongodb::bson::deserialize_from_bson(document).unwrap());
        let checked = rules.check(&"+12125550123".parse().unwrap(), &callee, Utc::now());
        assert_eq!(checked.unwrap_err().code(), "internal");
    }
}
