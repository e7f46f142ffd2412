//! Who may be called, and when.

mod hours;
mod line;
mod plan;
mod speech;
mod zones;

use std::sync::OnceLock;

use chrono::{DateTime, Utc};
use outdial::{
    config::{CallConfig, ConfigError},
    dao::Callee,
    domain::{AllowedVoices, PhoneNumber, Speech},
    http::Problem,
};
use rlibphonenumber::Region;

use hours::Hours;
pub use line::Line;
use plan::Planned;
use zones::NumberZones;

/// Which numbers may be called, and when.
pub(crate) struct Rules {
    from_number: PhoneNumber,
    allowed: Vec<Region>,
    configured: Vec<PhoneNumber>,
    /// The configured numbers, and the valid ones that are meant by those that are not.
    blocked: OnceLock<Vec<PhoneNumber>>,
    hours: Option<Hours>,
    /// The configured voice and language.
    speech: Speech,
    allowed_voices: AllowedVoices,
}

impl Rules {
    pub(crate) fn new(config: &CallConfig) -> Result<Self, ConfigError> {
        let allowed = config
            .allowed_countries
            .iter()
            .map(|code| {
                plan::country(code).ok_or_else(|| {
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
            configured: config.blocked_numbers.clone(),
            blocked: OnceLock::new(),
            hours: config.calling_hours.map(|hours| Hours {
                hours,
                default_zone: config.default_time_zone.clone(),
            }),
            speech: config.speech.clone(),
            allowed_voices: config.allowed_voices.clone(),
        })
    }

    /// Does in the init phase what takes a few milliseconds of computing: reads the numbering plan, and looks the configured
    /// numbers up in it. Whoever needs them meanwhile waits.
    pub(crate) fn prepare(&self) {
        plan::read_plan();
        self.blocked();
    }

    /// A configured number that is not valid blocks what is meant by it, and is logged: it does not end the init phase, for
    /// earlier versions took it.
    fn blocked(&self) -> &[PhoneNumber] {
        self.blocked.get_or_init(|| {
            let mut blocked = self.configured.clone();
            for (at, number) in self.configured.iter().enumerate() {
                if Planned::of(number).is_none() {
                    let entry = at + 1;
                    tracing::error!(entry, %number, "invalid number in BLOCKED_NUMBERS");
                    blocked.extend(line::corrected(number));
                }
            }
            blocked
        })
    }

    /// Whether the user may be called now at that number.
    ///
    /// # Errors
    ///
    /// The refusal, which names the first rule that is broken. What can never be comes first, then what may be later.
    pub(crate) fn check(
        &self,
        line: &Line,
        callee: &Callee,
        now: DateTime<Utc>,
    ) -> Result<(), Problem> {
        let number = line.number();
        let planned = self.check_number(line)?;
        let blocked = self.blocked();
        let configured = line
            .spellings()
            .iter()
            .find(|spelling| blocked.contains(spelling));
        if let Some(spelling) = callee.blocked_as.as_ref().or(configured) {
            let mut message = String::from("is blocked: it is not called from here any more");
            if spelling != number {
                message = format!("{message}; the block list has it as {}", spelling.as_str());
            }
            return Err(refused("number_blocked", message));
        }
        if !callee.dialing.on {
            return Err(Problem::switched_off(
                "dialing_off",
                "Dialling has been switched off by an operator. Nothing was stored or dialled.",
                &callee.dialing,
            ));
        }
        match &self.hours {
            Some(hours) => {
                let zones = NumberZones::of(number, planned);
                hours.check(callee.user.time_zone.as_ref(), zones, now)
            }
            None => Ok(()),
        }
    }

    fn check_number(&self, line: &Line) -> Result<Planned, Problem> {
        let to = line.number();
        if line.spellings().contains(&self.from_number) {
            return Err(refused(
                "own_number",
                "is the number that the calls come from",
            ));
        }
        if plan::is_of_a_network(to) {
            return Err(refused(
                "number_type_not_allowed",
                "belongs to a satellite or international network, which is not called from here",
            ));
        }
        let planned = validate(to).map_err(|message| refused("number_not_valid", message))?;
        if !planned.is_ordinary(to) {
            return Err(refused(
                "number_type_not_allowed",
                "is no ordinary telephone number: premium-rate, shared-cost, personal, company and pager numbers \
                 are not called from here",
            ));
        }
        if self.allowed.contains(&planned.country) {
            return Ok(planned);
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
}

fn refused(code: &'static str, message: impl Into<String>) -> Problem {
    Problem::rule(code, "to_number", message)
}

/// Looks up a number that must be valid, as one to dial or to block.
///
/// # Errors
///
/// What is wrong with it, with the right spelling if there is one.
pub(crate) fn validate(number: &PhoneNumber) -> Result<Planned, String> {
    Planned::of(number).ok_or_else(|| match line::corrected(number) {
        Some(right) => format!("must be written {} in E.164 format", right.as_str()),
        None => "must be a valid number: no country's numbering plan has it".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{DateTime as Stored, oid::ObjectId};
    use outdial::{config::Settings, dao::DialingSwitch, domain::User};
    use rlibphonenumber::{PHONE_NUMBER_UTIL as PLAN, PhoneNumberFormat, PhoneNumberType};

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
            blocked_as: None,
            dialing: DialingSwitch {
                on: true,
                since: None,
                reason: None,
                by: None,
            },
        }
    }

    fn line(number: &str) -> Line {
        Line::of(&number.parse().unwrap())
    }

    fn code_of(rules: &Rules, to: &str) -> Option<&'static str> {
        rules
            .check(&line(to), &callee(None), Utc::now())
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
        stored.blocked_as = Some("+12125550123".parse().unwrap());
        let refused = rules.check(&line("+12125550123"), &stored, Utc::now());
        assert_eq!(refused.unwrap_err().code(), "number_blocked");
    }

    #[test]
    fn the_number_that_calls_come_from_is_refused_under_another_spelling() {
        let rules = rules(&[
            ("TWILIO_FROM_NUMBER", "+541123456789"),
            ("ALLOWED_COUNTRIES", "AR"),
        ]);
        assert_eq!(code_of(&rules, "+5491123456789"), Some("own_number"));
    }

    #[test]
    fn a_configured_number_that_is_not_valid_blocks_what_is_meant_by_it() {
        let configured = "+12125550124,+5215562000000,+15550001111";
        let rules = rules(&[
            ("BLOCKED_NUMBERS", configured),
            ("ALLOWED_COUNTRIES", "US,MX"),
        ]);
        let blocked: Vec<_> = rules.blocked().iter().map(PhoneNumber::as_str).collect();
        assert_eq!(blocked.join(","), format!("{configured},+525562000000"));
        assert_eq!(code_of(&rules, "+525562000000"), Some("number_blocked"));
    }

    #[test]
    fn what_can_never_be_is_told_before_what_may_be_later() {
        let rules = rules(&[("CALLING_HOURS", "08:00-21:00")]);
        let mut callee = callee(None);
        callee.blocked_as = Some("+12125550123".parse().unwrap());
        callee.dialing.on = false;
        let night: DateTime<Utc> = "2026-06-01T03:00:00Z".parse().unwrap();
        let expect = |callee: &Callee, to: &str, code| {
            let refused = rules.check(&line(to), callee, night);
            assert_eq!(refused.unwrap_err().code(), code);
        };
        expect(&callee, "+19002345678", "number_type_not_allowed");
        expect(&callee, "+12125550123", "number_blocked");
        callee.blocked_as = None;
        expect(&callee, "+12125550123", "dialing_off");
        callee.dialing.on = true;
        expect(&callee, "+12125550123", "outside_calling_hours");
    }

    #[test]
    fn a_stored_time_zone_that_is_none_lets_no_call_through() {
        let rules = rules(&[("CALLING_HOURS", "00:00-24:00")]);
        let mut callee = callee(None);
        let document = mongodb::bson::bson!("Europe/Atlantis");
        callee.user.time_zone = Some(mongodb::bson::deserialize_from_bson(document).unwrap());
        let checked = rules.check(&line("+12125550123"), &callee, Utc::now());
        assert_eq!(checked.unwrap_err().code(), "internal");
    }
}
