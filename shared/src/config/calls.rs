//! What a call may be, and what is asked about calls that webhooks have left open.

use super::{ConfigError, Settings, variables::entries};
use crate::domain::{AllowedVoices, CallingHours, PhoneNumber, Speech, TimeZone};

/// What a call may be, and who places it.
#[derive(Debug, Clone)]
pub struct CallConfig {
    /// `TWILIO_FROM_NUMBER`.
    pub from_number: PhoneNumber,
    /// `ALLOWED_COUNTRIES`, upper-case ISO 3166 codes of two letters.
    pub allowed_countries: Vec<String>,
    /// `BLOCKED_NUMBERS`: they are never called.
    pub blocked_numbers: Vec<PhoneNumber>,
    /// `CALLING_HOURS`; none where people may be called at any time.
    pub calling_hours: Option<CallingHours>,
    /// `DEFAULT_TIME_ZONE`: decides where neither the user nor the number has a time zone.
    pub default_time_zone: TimeZone,
    /// `MAX_CALLS_PER_USER_PER_DAY`, UTC days.
    pub max_calls_per_user_per_day: u32,
    /// `MAX_CALLS_PER_NUMBER_PER_DAY`, UTC days: whoever asks.
    pub max_calls_per_number_per_day: u32,
    /// `MAX_CALLS_PER_DAY`, UTC days.
    pub max_calls_per_day: u32,
    /// `CALL_TIME_LIMIT_SECONDS`: Twilio ends an answered call then.
    pub time_limit_seconds: u32,
    /// `CALL_RING_TIMEOUT_SECONDS`: how long it may ring.
    pub ring_timeout_seconds: u32,
    /// `VOICE` and `LANGUAGE`, for calls that name none.
    pub speech: Speech,
    /// `ALLOWED_VOICES`: what a call may name.
    pub allowed_voices: AllowedVoices,
}

/// What is asked of Twilio about calls that webhooks have left open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReconcileConfig {
    /// `RECONCILE_UNKNOWN_AFTER_SECONDS`: after how long a dial that Twilio has no call of counts as failed.
    pub unknown_after_seconds: u32,
    /// `RECONCILE_PAGE`: how many calls of a kind are read at a time.
    pub page: u32,
    /// `CALL_TIME_LIMIT_SECONDS`.
    pub time_limit_seconds: u32,
    /// `CALL_RING_TIMEOUT_SECONDS`.
    pub ring_timeout_seconds: u32,
}

impl ReconcileConfig {
    /// How many calls are worked on at once: as many requests of Twilio's are under way at most.
    pub const AT_ONCE: u16 = 16;
}

impl Settings {
    /// What a call may be.
    ///
    /// # Errors
    ///
    /// When a variable is missing or malformed.
    pub fn calls(&self) -> Result<CallConfig, ConfigError> {
        const COUNTRIES: &str = "ISO 3166 codes of two letters, separated by commas, such as US,CA";
        const BLOCKED: &str =
            "numbers in E.164 form, separated by commas, such as +12125550123,+12125550124";
        const HOURS: &str =
            "off, or two different times of a day, HH:MM-HH:MM, such as 08:00-21:00 or 22:00-06:00";
        const ZONE: &str = "the IANA name of a time zone, such as America/New_York";
        const VOICES: &str = "classes of voices (basic, standard, neural, generative) or names of voices, separated by commas, such as basic,standard,Polly.Joanna-Neural";
        const FROM: &str = "a number of the account in E.164 form, such as +12125550123";
        let allowed_countries: Vec<String> =
            entries(self.get("ALLOWED_COUNTRIES")?.unwrap_or("US,CA"))
                .map(str::to_ascii_uppercase)
                .collect();
        if !allowed_countries
            .iter()
            .all(|code| code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase()))
        {
            return Err(ConfigError::malformed("ALLOWED_COUNTRIES", COUNTRIES));
        }
        Ok(CallConfig {
            from_number: self
                .required("TWILIO_FROM_NUMBER", FROM)?
                .parse()
                .map_err(|_| ConfigError::malformed("TWILIO_FROM_NUMBER", FROM))?,
            allowed_countries,
            blocked_numbers: self
                .get("BLOCKED_NUMBERS")?
                .into_iter()
                .flat_map(entries)
                .map(str::parse)
                .collect::<Result<_, _>>()
                .map_err(|_| ConfigError::malformed("BLOCKED_NUMBERS", BLOCKED))?,
            calling_hours: self
                .get("CALLING_HOURS")?
                .filter(|text| *text != "off")
                .map(str::parse)
                .transpose()
                .map_err(|_| ConfigError::malformed("CALLING_HOURS", HOURS))?,
            default_time_zone: self.parsed("DEFAULT_TIME_ZONE", "UTC", ZONE)?,
            max_calls_per_user_per_day: self.number(
                "MAX_CALLS_PER_USER_PER_DAY",
                50,
                0..=1_000_000,
            )?,
            max_calls_per_number_per_day: self.number(
                "MAX_CALLS_PER_NUMBER_PER_DAY",
                10,
                0..=1_000_000,
            )?,
            max_calls_per_day: self.number("MAX_CALLS_PER_DAY", 5_000, 0..=100_000_000)?,
            time_limit_seconds: self.time_limit_seconds()?,
            ring_timeout_seconds: self.ring_timeout_seconds()?,
            speech: self.default_speech()?,
            allowed_voices: self.parsed("ALLOWED_VOICES", "basic,standard,neural", VOICES)?,
        })
    }

    /// What is asked of Twilio about calls that webhooks have left open, and when.
    ///
    /// # Errors
    ///
    /// When a variable is malformed.
    pub fn reconcile(&self) -> Result<ReconcileConfig, ConfigError> {
        Ok(ReconcileConfig {
            unknown_after_seconds: self.number(
                "RECONCILE_UNKNOWN_AFTER_SECONDS",
                600,
                1..=604_800,
            )?,
            page: self.number("RECONCILE_PAGE", 100, 1..=1_000)?,
            time_limit_seconds: self.time_limit_seconds()?,
            ring_timeout_seconds: self.ring_timeout_seconds()?,
        })
    }

    fn time_limit_seconds(&self) -> Result<u32, ConfigError> {
        self.number("CALL_TIME_LIMIT_SECONDS", 600, 1..=14_400)
    }

    fn ring_timeout_seconds(&self) -> Result<u32, ConfigError> {
        self.number("CALL_RING_TIMEOUT_SECONDS", 30, 1..=600)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings<const N: usize>(pairs: [(&str, &str); N]) -> Settings {
        Settings::from_pairs(pairs).unwrap()
    }

    #[test]
    fn a_call_has_the_defaults_of_the_documentation() {
        let from = ("TWILIO_FROM_NUMBER", "+12125550100");
        let off = settings([from, ("CALLING_HOURS", "off")]).calls().unwrap();
        assert_eq!(off.calling_hours, None);
        let calls = settings([from]).calls().unwrap();
        assert_eq!(calls.allowed_countries, ["US", "CA"]);
        assert_eq!(
            (
                calls.max_calls_per_user_per_day,
                calls.max_calls_per_number_per_day,
                calls.max_calls_per_day
            ),
            (50, 10, 5_000)
        );
        assert_eq!(
            (calls.time_limit_seconds, calls.ring_timeout_seconds),
            (600, 30)
        );
        assert!(calls.blocked_numbers.is_empty());
        assert_eq!(calls.calling_hours, None);
        assert_eq!(calls.default_time_zone.as_str(), "UTC");
        assert_eq!(calls.allowed_voices.to_string(), "basic, standard, neural");
        for (name, value) in [
            ("ALLOWED_COUNTRIES", "USA"),
            ("ALLOWED_COUNTRIES", "US,,CA"),
            ("MAX_CALLS_PER_DAY", "-1"),
            ("MAX_CALLS_PER_NUMBER_PER_DAY", "ten"),
            ("CALL_TIME_LIMIT_SECONDS", "0"),
            ("CALL_RING_TIMEOUT_SECONDS", "601"),
            ("BLOCKED_NUMBERS", "+12125550123,2125550124"),
            ("BLOCKED_NUMBERS", "+12125550123,"),
            ("CALLING_HOURS", "08:00"),
            ("CALLING_HOURS", "08:00-08:00"),
            ("DEFAULT_TIME_ZONE", "EDT"),
            ("TWILIO_FROM_NUMBER", "2125550100"),
            ("ALLOWED_VOICES", "basic,neurall"),
            ("ALLOWED_VOICES", "basic,,neural"),
        ] {
            let error = settings([from, (name, value)]).calls().unwrap_err();
            assert!(
                error
                    .to_string()
                    .starts_with(&format!("{name} is malformed")),
                "{error}"
            );
        }
    }

    #[test]
    fn the_reconciler_looks_at_a_page_after_ten_minutes() {
        let reconcile = settings([]).reconcile().unwrap();
        assert_eq!(
            (reconcile.unknown_after_seconds, reconcile.page),
            (600, 100)
        );
        for (name, value) in [
            ("RECONCILE_UNKNOWN_AFTER_SECONDS", "0"),
            ("RECONCILE_PAGE", "0"),
            ("RECONCILE_PAGE", "all"),
        ] {
            let error = settings([(name, value)]).reconcile().unwrap_err();
            assert!(
                error
                    .to_string()
                    .starts_with(&format!("{name} is malformed")),
                "{error}"
            );
        }
    }
}
