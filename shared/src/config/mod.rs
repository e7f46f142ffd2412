//! Configuration: read at start into types that cannot be wrong; what the secret holds is read again when it may have
//! changed.
//!
//! A missing or malformed variable is an error that names it and says what it must look like; it never shows the value.

mod keys;
mod live;
mod url;

use std::{collections::HashMap, str::FromStr};

use mongodb::{
    event::{EventHandler, command::CommandEvent},
    options::ConnectionString,
};
use secrecy::{ExposeSecret, SecretString};

pub use self::{
    keys::{ApiKey, ApiKeys, Scope},
    live::Live,
    url::{PublicUrls, WebhookKind, webhook_url},
};
use crate::{
    domain::{CallingHours, Language, PhoneNumber, TimeZone, Voice},
    secret::{Pauses, Secret},
};

/// Why the configuration was refused: one line that names the variable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl ConfigError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    pub(crate) fn missing(name: &str, expected: &str) -> Self {
        Self(format!("{name} is missing: set it to {expected}"))
    }

    /// A variable that is not what it must be.
    #[must_use]
    pub fn malformed(name: &str, expected: &str) -> Self {
        Self(format!("{name} is malformed: it must be {expected}"))
    }
}

/// `ENVIRONMENT`: production unless it says development.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    /// Plain http URLs are taken, and the API is open where no key is configured.
    Development,
    /// Nothing of the kind.
    Production,
}

/// The variables, by name: the process's environment, under what the secret holds.
#[derive(Clone)]
pub struct Settings {
    values: HashMap<String, SecretString>,
    environment: Environment,
    secret: Option<Secret>,
    observer: Option<EventHandler<CommandEvent>>,
}

/// What a secret may hold; anything else in it is somebody else's.
pub(crate) const SECRET_VARIABLES: [&str; 8] = [
    "API_KEYS",
    "MEDIA_SIGNING_KEY",
    "MONGO_URI",
    "TWILIO_ACCOUNT_SID",
    "TWILIO_API_KEY_SECRET",
    "TWILIO_API_KEY_SID",
    "TWILIO_AUTH_TOKEN",
    "TWILIO_AUTH_TOKEN_SECONDARY",
];

impl Settings {
    /// The process's environment, and what the secret named by `SECRET_ID` holds.
    ///
    /// # Errors
    ///
    /// When `ENVIRONMENT` is malformed, or the secret cannot be read.
    pub async fn load() -> Result<Self, ConfigError> {
        let values = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .map(|(name, value)| (name, value.into()));
        Self::with_secret(values.collect(), Pauses::default()).await
    }

    /// The given variables, and what the secret named by their `SECRET_ID` holds.
    ///
    /// # Errors
    ///
    /// As [`Settings::load`].
    pub async fn with_secret(
        environment: HashMap<String, SecretString>,
        pauses: Pauses,
    ) -> Result<Self, ConfigError> {
        let settings = Self::from_values(environment)?;
        let Some(id) = settings.get("SECRET_ID") else {
            return Ok(settings);
        };
        let secret = Secret::read(id, settings.values.clone(), pauses).await?;
        let (_, read) = secret.latest();
        Ok(Self {
            secret: Some(secret),
            ..Self::clone(&read)
        })
    }

    /// The given variables, and no others.
    ///
    /// # Errors
    ///
    /// When `ENVIRONMENT` is malformed.
    pub fn from_pairs<const N: usize>(pairs: [(&str, &str); N]) -> Result<Self, ConfigError> {
        let values = pairs.map(|(name, value)| (name.to_owned(), SecretString::from(value)));
        Self::from_values(values.into())
    }

    /// Like [`Settings::from_pairs`], by name.
    ///
    /// # Errors
    ///
    /// When `ENVIRONMENT` is malformed.
    pub fn from_values(values: HashMap<String, SecretString>) -> Result<Self, ConfigError> {
        let environment = match values.get("ENVIRONMENT").map(ExposeSecret::expose_secret) {
            None | Some("" | "production") => Environment::Production,
            Some("development") => Environment::Development,
            Some(_) => {
                return Err(ConfigError::malformed(
                    "ENVIRONMENT",
                    "development or production",
                ));
            }
        };
        Ok(Self {
            values,
            environment,
            secret: None,
            observer: None,
        })
    }

    /// The same, and every command that goes to the database is told to `observer`: for tests and measurements.
    #[must_use]
    pub fn observed_by(self, observer: EventHandler<CommandEvent>) -> Self {
        Self {
            observer: Some(observer),
            ..self
        }
    }

    /// Who is told of the commands, if anyone is.
    pub(crate) fn observer(&self) -> Option<&EventHandler<CommandEvent>> {
        self.observer.as_ref()
    }

    /// The secret that the settings are by, if there is one.
    #[must_use]
    pub fn secret(&self) -> Option<&Secret> {
        self.secret.as_ref()
    }

    /// Development or production.
    #[must_use]
    pub fn environment(&self) -> Environment {
        self.environment
    }

    /// The variable's value; one that is set to nothing counts as not set.
    fn get(&self, name: &str) -> Option<&str> {
        self.values
            .get(name)
            .map(ExposeSecret::expose_secret)
            .filter(|value| !value.is_empty())
    }

    fn required(&self, name: &str, expected: &str) -> Result<&str, ConfigError> {
        self.get(name)
            .ok_or_else(|| ConfigError::missing(name, expected))
    }

    fn parsed<T: FromStr>(
        &self,
        name: &str,
        default: &str,
        expected: &str,
    ) -> Result<T, ConfigError> {
        self.get(name)
            .unwrap_or(default)
            .parse()
            .map_err(|_| ConfigError::malformed(name, expected))
    }

    fn number(
        &self,
        name: &str,
        default: u32,
        range: std::ops::RangeInclusive<u32>,
    ) -> Result<u32, ConfigError> {
        let expected = || format!("a whole number from {} to {}", range.start(), range.end());
        let Some(text) = self.get(name) else {
            return Ok(default);
        };
        text.parse()
            .ok()
            .filter(|number| range.contains(number))
            .ok_or_else(|| ConfigError::malformed(name, &expected()))
    }

    /// `MONGO_URI` and `MONGO_DB`.
    ///
    /// # Errors
    ///
    /// When the URI is missing, or one of them is malformed.
    pub fn mongo(&self) -> Result<MongoConfig, ConfigError> {
        const EXPECTED: &str =
            "a MongoDB connection string, such as mongodb+srv://name:password@cluster.example.net/";
        let uri = self.required("MONGO_URI", EXPECTED)?;
        ConnectionString::parse(uri).map_err(|_| ConfigError::malformed("MONGO_URI", EXPECTED))?;
        let database = self.get("MONGO_DB").unwrap_or("atlas");
        if database.len() > 63 || database.contains(['/', '\\', '.', ' ', '"', '$', '\0']) {
            return Err(ConfigError::malformed(
                "MONGO_DB",
                "the name of a database: at most 63 bytes, none of them / \\ . \" $ or a space",
            ));
        }
        // Lambda's own, on managed instances; the runtime takes one request at a time where it is not set.
        let at_once = self.get("AWS_LAMBDA_MAX_CONCURRENCY");
        let at_once: u32 = at_once.and_then(|text| text.parse().ok()).unwrap_or(1);
        Ok(MongoConfig {
            uri: uri.into(),
            database: database.to_owned(),
            max_pool_size: at_once.max(OPERATIONS_AT_ONCE),
        })
    }

    /// Like [`Settings::mongo`], with a connection for each call that `reconcile` works on at once.
    ///
    /// # Errors
    ///
    /// As [`Settings::mongo`].
    pub fn reconcile_mongo(&self) -> Result<MongoConfig, ConfigError> {
        Ok(MongoConfig {
            max_pool_size: ReconcileConfig::AT_ONCE.into(),
            ..self.mongo()?
        })
    }

    /// The account, its tokens and its API key.
    ///
    /// # Errors
    ///
    /// When a variable is missing or malformed.
    pub fn twilio(&self) -> Result<TwilioConfig, ConfigError> {
        const SID: &str = "an account SID: AC and 32 hexadecimal digits";
        let account_sid = self.required("TWILIO_ACCOUNT_SID", SID)?;
        if !is_sid(account_sid, "AC") {
            return Err(ConfigError::malformed("TWILIO_ACCOUNT_SID", SID));
        }
        let api_key = match (
            self.get("TWILIO_API_KEY_SID"),
            self.get("TWILIO_API_KEY_SECRET"),
        ) {
            (None, None) => None,
            (Some(sid), Some(secret)) if is_sid(sid, "SK") => Some((sid.to_owned(), secret.into())),
            (Some(_), Some(_)) => {
                return Err(ConfigError::malformed(
                    "TWILIO_API_KEY_SID",
                    "an API key's SID: SK and 32 hexadecimal digits",
                ));
            }
            (Some(_), None) => {
                return Err(ConfigError::missing(
                    "TWILIO_API_KEY_SECRET",
                    "the secret of the key in TWILIO_API_KEY_SID",
                ));
            }
            (None, Some(_)) => {
                return Err(ConfigError::missing(
                    "TWILIO_API_KEY_SID",
                    "the SID of the key whose secret is in TWILIO_API_KEY_SECRET",
                ));
            }
        };
        let base_url: ::url::Url = self.parsed(
            "TWILIO_API_BASE_URL",
            "https://api.twilio.com",
            "an https URL, such as https://api.twilio.com",
        )?;
        if base_url.host().is_none() || !self.scheme_is_allowed(base_url.scheme()) {
            return Err(ConfigError::malformed(
                "TWILIO_API_BASE_URL",
                "an https URL, such as https://api.twilio.com",
            ));
        }
        Ok(TwilioConfig {
            account_sid: account_sid.to_owned(),
            auth_tokens: self.webhook_tokens()?,
            api_key,
            api_base_url: base_url,
        })
    }

    /// The tokens that may sign a webhook.
    ///
    /// # Errors
    ///
    /// When `TWILIO_AUTH_TOKEN` is missing.
    pub fn webhook_tokens(&self) -> Result<Vec<SecretString>, ConfigError> {
        let first = self.required(
            "TWILIO_AUTH_TOKEN",
            "the auth token of the account in TWILIO_ACCOUNT_SID",
        )?;
        let second = self.get("TWILIO_AUTH_TOKEN_SECONDARY");
        Ok([Some(first), second]
            .into_iter()
            .flatten()
            .map(SecretString::from)
            .collect())
    }

    /// The keys that open the API.
    ///
    /// # Errors
    ///
    /// When an entry is malformed, or production has none.
    pub fn api_keys(&self) -> Result<ApiKeys, ConfigError> {
        let keys = ApiKeys::parse(self.get("API_KEYS"), self.environment)?;
        if keys.is_open() {
            tracing::warn!("API_KEYS is not set: in development the API is open to everybody");
        }
        Ok(keys)
    }

    /// The key that signs media URLs.
    ///
    /// # Errors
    ///
    /// When it is missing, or too short in production.
    pub fn media_signing_key(&self) -> Result<SecretString, ConfigError> {
        const EXPECTED: &str =
            "a random text of 16 characters or more, such as `openssl rand -hex 32` prints";
        let key = self.required("MEDIA_SIGNING_KEY", EXPECTED)?;
        if self.environment == Environment::Production && key.len() < 16 {
            return Err(ConfigError::malformed("MEDIA_SIGNING_KEY", EXPECTED));
        }
        Ok(key.into())
    }

    /// How scripts are spoken.
    ///
    /// # Errors
    ///
    /// When a variable is malformed.
    pub fn speech(&self) -> Result<SpeechConfig, ConfigError> {
        let text = |name: &str| -> Result<Option<String>, ConfigError> {
            match self.get(name) {
                Some(text) if text.parse::<crate::domain::Script>().is_err() => {
                    Err(ConfigError::malformed(
                        name,
                        "a text of at most 3000 characters that XML 1.0 allows",
                    ))
                }
                text => Ok(text.map(str::to_owned)),
            }
        };
        Ok(SpeechConfig {
            voice: self.parsed(
                "VOICE",
                "woman",
                "a voice of Twilio's, such as woman or Polly.Joanna-Neural",
            )?,
            language: self.parsed("LANGUAGE", "en-US", "a language tag, such as en-US")?,
            apology: text("APOLOGY")?.unwrap_or_else(|| DEFAULT_APOLOGY.to_owned()),
            recording_notice: text("RECORDING_NOTICE")?,
        })
    }

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
        const FROM: &str = "a number of the account in E.164 form, such as +12125550123";
        let allowed_countries: Vec<String> = self
            .get("ALLOWED_COUNTRIES")
            .unwrap_or("US,CA")
            .split(',')
            .map(|code| code.trim().to_ascii_uppercase())
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
                .get("BLOCKED_NUMBERS")
                .into_iter()
                .flat_map(|numbers| numbers.split(','))
                .map(|number| number.trim().parse())
                .collect::<Result<_, _>>()
                .map_err(|_| ConfigError::malformed("BLOCKED_NUMBERS", BLOCKED))?,
            calling_hours: self
                .get("CALLING_HOURS")
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
        })
    }

    /// The queue for webhooks that could not be applied when they came; none where they are refused instead.
    ///
    /// # Errors
    ///
    /// When `WEBHOOK_QUEUE_URL` is malformed.
    pub fn webhook_queue(&self) -> Result<Option<::url::Url>, ConfigError> {
        const EXPECTED: &str = "the whole URL of an SQS queue, such as https://sqs.us-east-1.amazonaws.com/123456789012/webhooks";
        let Some(text) = self.get("WEBHOOK_QUEUE_URL") else {
            return Ok(None);
        };
        ::url::Url::parse(text)
            .ok()
            .filter(|url| url.has_host() && self.scheme_is_allowed(url.scheme()))
            .map(Some)
            .ok_or_else(|| ConfigError::malformed("WEBHOOK_QUEUE_URL", EXPECTED))
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

    fn scheme_is_allowed(&self, scheme: &str) -> bool {
        scheme == "https" || (scheme == "http" && self.environment == Environment::Development)
    }
}

fn is_sid(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix)
        .is_some_and(|hex| hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// The apology if `APOLOGY` is not set.
pub const DEFAULT_APOLOGY: &str = "We are sorry, something went wrong on our side. Goodbye.";

/// How many operations of the database a request has under way at most.
const OPERATIONS_AT_ONCE: u32 = 2;

/// Where the database is.
#[derive(Debug, Clone)]
pub struct MongoConfig {
    /// `MONGO_URI`, a connection string whose syntax has been checked.
    pub uri: SecretString,
    /// `MONGO_DB`.
    pub database: String,
    /// As many connections as there can be requests in an environment, and enough for one alone.
    pub max_pool_size: u32,
}

/// How Twilio is reached, and how its webhooks are told from forgeries.
#[derive(Debug, Clone)]
pub struct TwilioConfig {
    /// `TWILIO_ACCOUNT_SID`.
    pub account_sid: String,
    /// `TWILIO_AUTH_TOKEN`, and `TWILIO_AUTH_TOKEN_SECONDARY` where it is set: each of them may sign a webhook.
    pub auth_tokens: Vec<SecretString>,
    /// `TWILIO_API_KEY_SID` and `TWILIO_API_KEY_SECRET`: they go before the auth token at the REST API.
    pub api_key: Option<(String, SecretString)>,
    /// `TWILIO_API_BASE_URL`.
    pub api_base_url: ::url::Url,
}

/// How scripts are spoken.
#[derive(Debug, Clone)]
pub struct SpeechConfig {
    /// `VOICE`, for calls that name none.
    pub voice: Voice,
    /// `LANGUAGE`, for calls that name none.
    pub language: Language,
    /// `APOLOGY`: spoken where the script cannot be known.
    pub apology: String,
    /// `RECORDING_NOTICE`: spoken before the script of a recorded call.
    pub recording_notice: Option<String>,
}

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

#[cfg(test)]
mod tests {
    use super::*;

    const SID: &str = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    fn settings<const N: usize>(pairs: [(&str, &str); N]) -> Settings {
        Settings::from_pairs(pairs).unwrap()
    }

    #[test]
    fn production_is_the_default_and_a_typing_error_is_refused() {
        assert_eq!(settings([]).environment(), Environment::Production);
        assert_eq!(
            settings([("ENVIRONMENT", "development")]).environment(),
            Environment::Development
        );
        assert!(Settings::from_pairs([("ENVIRONMENT", "prod")]).is_err());
    }

    #[test]
    fn a_missing_or_malformed_variable_is_named_and_its_value_never_shown() {
        let missing = settings([]).mongo().unwrap_err().to_string();
        assert!(
            missing.starts_with("MONGO_URI is missing: set it to "),
            "{missing}"
        );
        for bad in ["postgres://pw-marked@h", "mongodb://", "pw-marked"] {
            let error = settings([("MONGO_URI", bad)])
                .mongo()
                .unwrap_err()
                .to_string();
            assert!(
                error.starts_with("MONGO_URI is malformed: it must be "),
                "{error}"
            );
            assert!(!error.contains("pw-marked"), "{error}");
        }
        let uri = ("MONGO_URI", "mongodb://127.0.0.1:27017");
        assert_eq!(settings([uri]).mongo().unwrap().database, "atlas");
        assert!(settings([uri, ("MONGO_DB", "a.b")]).mongo().is_err());
    }

    #[test]
    fn an_environment_has_a_connection_for_each_request_that_it_takes_at_a_time() {
        let uri = ("MONGO_URI", "mongodb://127.0.0.1:27017");
        let size = |at_once| {
            settings([uri, ("AWS_LAMBDA_MAX_CONCURRENCY", at_once)])
                .mongo()
                .unwrap()
                .max_pool_size
        };
        assert_eq!(settings([uri]).mongo().unwrap().max_pool_size, 2);
        assert_eq!(["1", "64", "many"].map(size), [2, 64, 2]);
        let of_reconcile = settings([uri]).reconcile_mongo().unwrap();
        assert_eq!(of_reconcile.max_pool_size, 16);
    }

    #[test]
    fn a_variable_that_is_set_to_nothing_is_not_set() {
        let twilio = settings([
            ("TWILIO_ACCOUNT_SID", SID),
            ("TWILIO_AUTH_TOKEN", "t"),
            ("TWILIO_AUTH_TOKEN_SECONDARY", ""),
            ("TWILIO_API_KEY_SID", ""),
        ])
        .twilio()
        .unwrap();
        assert_eq!(twilio.auth_tokens.len(), 1);
        assert!(twilio.api_key.is_none());
        assert_eq!(twilio.api_base_url.as_str(), "https://api.twilio.com/");
    }

    #[test]
    fn twilio_needs_an_account_a_token_and_whole_api_keys() {
        let base = [("TWILIO_ACCOUNT_SID", SID), ("TWILIO_AUTH_TOKEN", "t")];
        assert!(settings(base).twilio().is_ok());
        let error = |more: (&'static str, &'static str)| {
            settings([base[0], base[1], more])
                .twilio()
                .unwrap_err()
                .to_string()
        };
        assert!(
            error(("TWILIO_ACCOUNT_SID", "AC1")).starts_with("TWILIO_ACCOUNT_SID is malformed")
        );
        assert!(error(("TWILIO_AUTH_TOKEN", "")).starts_with("TWILIO_AUTH_TOKEN is missing"));
        assert!(
            error(("TWILIO_API_KEY_SID", "SK1")).starts_with("TWILIO_API_KEY_SECRET is missing")
        );
        assert!(error(("TWILIO_API_KEY_SECRET", "s")).starts_with("TWILIO_API_KEY_SID is missing"));
        assert!(
            error(("TWILIO_API_BASE_URL", "http://api.twilio.com"))
                .starts_with("TWILIO_API_BASE_URL is malformed")
        );
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
    fn speech_has_a_voice_a_language_and_an_apology() {
        let speech = settings([]).speech().unwrap();
        assert_eq!(
            (speech.voice.as_str(), speech.language.as_str()),
            ("woman", "en-US")
        );
        assert!(!speech.apology.is_empty());
        assert_eq!(speech.recording_notice, None);
        assert!(settings([("APOLOGY", "a\u{7}")]).speech().is_err());
        assert!(settings([("VOICE", "a b")]).speech().is_err());
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

    #[test]
    fn a_queue_is_named_by_its_whole_url() {
        let queue = |pairs: [(&str, &str); 2]| settings(pairs).webhook_queue();
        let production = ("ENVIRONMENT", "production");
        let url = "https://sqs.us-east-1.amazonaws.com/123456789012/webhooks";
        assert_eq!(queue([production, ("WEBHOOK_QUEUE_URL", "")]), Ok(None));
        let named = queue([production, ("WEBHOOK_QUEUE_URL", url)]);
        assert_eq!(named.unwrap().unwrap().as_str(), url);
        for bad in [
            "webhooks",
            "http://127.0.0.1:5000/123456789012/webhooks",
            "arn:aws:sqs:us-east-1:123456789012:webhooks",
        ] {
            assert!(
                queue([production, ("WEBHOOK_QUEUE_URL", bad)]).is_err(),
                "{bad}"
            );
        }
        let local = (
            "WEBHOOK_QUEUE_URL",
            "http://127.0.0.1:5000/123456789012/webhooks",
        );
        assert!(queue([("ENVIRONMENT", "development"), local]).is_ok());
    }

    #[test]
    fn a_media_key_is_long_in_production() {
        assert!(settings([]).media_signing_key().is_err());
        assert!(
            settings([("MEDIA_SIGNING_KEY", "short")])
                .media_signing_key()
                .is_err()
        );
        assert!(
            settings([
                ("MEDIA_SIGNING_KEY", "short"),
                ("ENVIRONMENT", "development")
            ])
            .media_signing_key()
            .is_ok()
        );
    }
}
