use std::str::FromStr;

use outdial::{
    config::{CallConfig, ConfigError},
    domain::PhoneNumber,
    http::Problem,
};
use phonenumber::{Type, country, metadata::DATABASE};

/// Which numbers may be called.
pub(crate) struct Rules {
    from_number: PhoneNumber,
    allowed: Vec<country::Id>,
}

/// Country codes that belong to satellites and other networks without a country (ITU-T E.164, annex to OB 930).
const NETWORK_CODES: [u16; 5] = [870, 878, 881, 882, 883];

impl Rules {
    /// Rules from the configuration. Reading the numbering plan takes about 90 ms once: it begins here, beside the
    /// rest of the init phase.
    pub(crate) fn begin(config: &CallConfig) -> Result<Self, ConfigError> {
        std::thread::spawn(|| phonenumber::parse(None, "+12125550100"));
        let allowed = config
            .allowed_countries
            .iter()
            .map(|code| {
                country::Id::from_str(code).map_err(|_| {
                    ConfigError::malformed(
                        "ALLOWED_COUNTRIES",
                        "ISO 3166 codes of two letters, separated by commas, such as US,CA",
                    )
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            from_number: config.from_number.clone(),
            allowed,
        })
    }

    /// Whether the number may be called.
    ///
    /// # Errors
    ///
    /// 422 that names the rule.
    pub(crate) fn check(&self, to: &PhoneNumber) -> Result<(), Problem> {
        let refuse = |code, message: &str| Err(Problem::rule(code, "to_number", message));
        if *to == self.from_number {
            return refuse("own_number", "is the number that the calls come from");
        }
        let Ok(number) = phonenumber::parse(None, to.as_str()) else {
            return refuse(
                "number_not_valid",
                "is not a number of any country's numbering plan",
            );
        };
        if NETWORK_CODES.contains(&number.code().value()) {
            return refuse(
                "number_type_not_allowed",
                "belongs to a satellite or international network, which is not called from here",
            );
        }
        if !number.is_valid() {
            return refuse(
                "number_not_valid",
                "is not a number of any country's numbering plan",
            );
        }
        if number.number_type(&DATABASE) == Type::PremiumRate {
            return refuse(
                "number_type_not_allowed",
                "is a premium-rate number, which is not called from here",
            );
        }
        match number.country().id() {
            Some(id) if self.allowed.contains(&id) => Ok(()),
            _ => {
                let allowed: Vec<_> = self.allowed.iter().map(AsRef::as_ref).collect();
                refuse(
                    "country_not_allowed",
                    &format!(
                        "is in a country that is not called from here; the countries are {}",
                        allowed.join(", ")
                    ),
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(to: &str) -> Option<&'static str> {
        let settings =
            outdial::config::Settings::from_pairs([("TWILIO_FROM_NUMBER", "+12125550100")])
                .unwrap();
        let rules = Rules::begin(&settings.calls().unwrap()).unwrap();
        rules
            .check(&to.parse().unwrap())
            .err()
            .map(|problem| problem.code())
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
        for number in ["+442079460018", "+18765550123", "+33142685300"] {
            assert_eq!(code(number), Some("country_not_allowed"), "{number}");
        }
    }

    #[test]
    fn premium_rate_and_satellite_numbers_are_refused() {
        for number in [
            "+19002345678",
            "+449098790000",
            "+870773111632",
            "+881612345678",
            "+882161234567",
            "+88312345678",
        ] {
            assert_eq!(code(number), Some("number_type_not_allowed"), "{number}");
        }
    }

    #[test]
    fn a_number_that_no_plan_knows_is_refused() {
        for number in ["+11235550123", "+1212555", "+9999999999"] {
            assert_eq!(code(number), Some("number_not_valid"), "{number}");
        }
    }

    #[test]
    fn the_number_that_calls_come_from_is_refused() {
        assert_eq!(code("+12125550100"), Some("own_number"));
    }
}
