//! Calls: who may be called, when, how often and for how long; and how `reconcile` settles open calls.

use super::{ConfigError, OpeningConfig, Settings};
use crate::{
    domain::{
        AllowedVoices, AudioHosts, CallingHours, Holidays, PhoneNumber, Speech, SpeechPrice,
        TimeZone, TranscriptionServices,
    },
    variables::entries,
};

/// The limits of calls, and their defaults.
#[derive(Debug, Clone)]
pub struct CallConfig {
    /// `TWILIO_FROM_NUMBER`: the caller ID.
    pub from_number: PhoneNumber,
    /// `ALLOWED_COUNTRIES`: two-letter ISO 3166 codes in upper case.
    pub allowed_countries: Vec<String>,
    /// `BLOCKED_NUMBERS`: numbers that are never called.
    pub blocked_numbers: Vec<PhoneNumber>,
    /// `CALLING_HOURS`, or `None` if calls are allowed at any time of a day that is no holiday.
    pub calling_hours: Option<CallingHours>,
    /// `HOLIDAYS`: dates on which nobody is called.
    pub holidays: Holidays,
    /// `DEFAULT_TIME_ZONE`: applies if neither the user nor the number has a time zone.
    pub default_time_zone: TimeZone,
    /// `MAX_CALLS_PER_USER_PER_DAY`, by UTC days.
    pub max_calls_per_user_per_day: u32,
    /// `MAX_CALLS_PER_NUMBER_PER_DAY`, by UTC days, for all users together.
    pub max_calls_per_number_per_day: u32,
    /// `MAX_CALLS_PER_DAY`, by UTC days.
    pub max_calls_per_day: u32,
    /// `CALL_TIME_LIMIT_SECONDS`: Twilio ends an answered call after this time.
    pub time_limit_seconds: u32,
    /// `CALL_RING_TIMEOUT_SECONDS`: Twilio stops ringing after this time.
    pub ring_timeout_seconds: u32,
    /// `VOICE`, `LANGUAGE` and `DEFAULT_VOICES`: the defaults for calls.
    pub speech: Speech,
    /// `TRANSCRIPTION_SERVICES`: the services that transcribe recordings, by language.
    pub transcription_services: TranscriptionServices,
    /// `ALLOWED_VOICES`: the voices that a request may name.
    pub allowed_voices: AllowedVoices,
    /// `MAX_SPEECH_PRICE`: the highest price of a call's words. `None`: no limit.
    pub max_speech_price: Option<SpeechPrice>,
    /// `OPT_OUT_KEY`, `NOTICES`, `RECORDING_NOTICE` and `CALLBACK_NUMBER`: what calls must say.
    pub opening: OpeningConfig,
    /// `AUDIO_HOSTS`: the hosts whose audio a call may play.
    pub audio_hosts: AudioHosts,
}

/// How `reconcile` settles open calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReconcileConfig {
    /// `RECONCILE_UNKNOWN_AFTER_SECONDS`: when a dial counts as failed if Twilio has no call for it.
    pub unknown_after_seconds: u32,
    /// `RECONCILE_PAGE`: the number of calls of one kind per database read.
    pub page: u32,
    /// `CALL_TIME_LIMIT_SECONDS`.
    pub time_limit_seconds: u32,
    /// `CALL_RING_TIMEOUT_SECONDS`.
    pub ring_timeout_seconds: u32,
}

impl ReconcileConfig {
    /// The number of calls that a run works on concurrently, and so the most concurrent requests to Twilio.
    pub const AT_ONCE: u16 = 16;
}

impl Settings {
    /// Parses the limits and defaults of calls.
    ///
    /// # Errors
    ///
    /// When a variable is missing or malformed.
    pub fn calls(&self) -> Result<CallConfig, ConfigError> {
        const COUNTRIES: &str = "two-letter ISO 3166 codes, separated by commas, such as US,CA";
        const BLOCKED: &str =
            "numbers in E.164 format, separated by commas, such as +12125550123,+12125550124";
        const HOURS: &str = "off, or hours of the week, such as 08:00-21:00 or Mo-Fr 09:00-12:00,13:00-21:00; Sa 22:00-02:00";
        const HOLIDAYS: &str =
            "at most 366 dates, separated by commas, such as 2026-12-25, or 12-25 for every year";
        const ZONE: &str = "the IANA name of a time zone, such as America/New_York";
        const VOICES: &str = "voice classes (basic, standard, neural, generative) or voice names, separated by commas, such as basic,standard,Polly.Joanna-Neural";
        const AUDIO_HOSTS: &str =
            "names of hosts, separated by commas, such as media.example.com,*.example.org";
        const PRICE: &str =
            "an amount in US dollars from 0 to 1000, with at most six decimals, such as 0.25";
        const FROM: &str = "a number of the Twilio account in E.164 format, such as +12125550123";
        let allowed_countries: Vec<String> =
            entries(self.values.get("ALLOWED_COUNTRIES")?.unwrap_or("US,CA"))
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
                .values
                .required("TWILIO_FROM_NUMBER", FROM)?
                .parse()
                .map_err(|_| ConfigError::malformed("TWILIO_FROM_NUMBER", FROM))?,
            allowed_countries,
            blocked_numbers: self
                .values
                .get("BLOCKED_NUMBERS")?
                .into_iter()
                .flat_map(entries)
                .map(str::parse)
                .collect::<Result<_, _>>()
                .map_err(|_| ConfigError::malformed("BLOCKED_NUMBERS", BLOCKED))?,
            calling_hours: self
                .values
                .get("CALLING_HOURS")?
                .filter(|text| *text != "off")
                .map(str::parse)
                .transpose()
                .map_err(|_| ConfigError::malformed("CALLING_HOURS", HOURS))?,
            holidays: self
                .values
                .get("HOLIDAYS")?
                .map_or(Ok(Holidays::default()), str::parse)
                .map_err(|_| ConfigError::malformed("HOLIDAYS", HOLIDAYS))?,
            default_time_zone: self.values.parsed("DEFAULT_TIME_ZONE", "UTC", ZONE)?,
            max_calls_per_user_per_day: self.values.number(
                "MAX_CALLS_PER_USER_PER_DAY",
                50,
                0..=1_000_000,
            )?,
            max_calls_per_number_per_day: self.values.number(
                "MAX_CALLS_PER_NUMBER_PER_DAY",
                10,
                0..=1_000_000,
            )?,
            max_calls_per_day: self
                .values
                .number("MAX_CALLS_PER_DAY", 5_000, 0..=100_000_000)?,
            time_limit_seconds: self.time_limit_seconds()?,
            ring_timeout_seconds: self.ring_timeout_seconds()?,
            speech: self.default_speech()?,
            max_speech_price: self
                .values
                .get("MAX_SPEECH_PRICE")?
                .map(str::parse)
                .transpose()
                .map_err(|_| ConfigError::malformed("MAX_SPEECH_PRICE", PRICE))?,
            opening: self.opening()?,
            audio_hosts: self
                .values
                .get("AUDIO_HOSTS")?
                .map_or(Ok(AudioHosts::default()), str::parse)
                .map_err(|_| ConfigError::malformed("AUDIO_HOSTS", AUDIO_HOSTS))?,
            transcription_services: self.transcription_services()?,
            allowed_voices: self.values.parsed(
                "ALLOWED_VOICES",
                "basic,standard,neural",
                VOICES,
            )?,
        })
    }

    /// Parses how `reconcile` settles open calls.
    ///
    /// # Errors
    ///
    /// When a variable is malformed.
    pub fn reconcile(&self) -> Result<ReconcileConfig, ConfigError> {
        Ok(ReconcileConfig {
            unknown_after_seconds: self.values.number(
                "RECONCILE_UNKNOWN_AFTER_SECONDS",
                600,
                1..=604_800,
            )?,
            page: self.values.number("RECONCILE_PAGE", 100, 1..=1_000)?,
            time_limit_seconds: self.time_limit_seconds()?,
            ring_timeout_seconds: self.ring_timeout_seconds()?,
        })
    }

    fn time_limit_seconds(&self) -> Result<u32, ConfigError> {
        self.values
            .number("CALL_TIME_LIMIT_SECONDS", 600, 1..=14_400)
    }

    fn ring_timeout_seconds(&self) -> Result<u32, ConfigError> {
        self.values.number("CALL_RING_TIMEOUT_SECONDS", 30, 1..=600)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings<const N: usize>(pairs: [(&str, &str); N]) -> Settings {
        Settings::from_pairs(pairs).unwrap()
    }

    #[test]
    fn calls_have_the_documented_defaults() {
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
        assert!(calls.holidays.is_empty());
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
            ("CALLING_HOURS", "Mon-Fri 08:00-21:00"),
            ("CALLING_HOURS", "Mo-Su off"),
            ("HOLIDAYS", "25.12.2026"),
            ("HOLIDAYS", "12-25,"),
            ("DEFAULT_TIME_ZONE", "EDT"),
            ("TWILIO_FROM_NUMBER", "2125550100"),
            ("MAX_SPEECH_PRICE", "$1"),
            ("MAX_SPEECH_PRICE", "1000.5"),
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
    fn reconcile_has_the_documented_defaults() {
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
