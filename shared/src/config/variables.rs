//! The variables by name, and the blanks in their values.

use std::{collections::HashMap, ffi::OsString};

use secrecy::SecretString;

use super::ConfigError;

/// Every variable that this service reads, but for the AWS credentials, which are the SDK's.
pub const VARIABLES: [&str; 42] = [
    "ALLOWED_COUNTRIES",
    "ALLOWED_VOICES",
    "API_KEYS",
    "APOLOGY",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    "AWS_ENDPOINT_URL_SQS",
    "AWS_LAMBDA_MAX_CONCURRENCY",
    "AWS_REGION",
    "BASE_URL",
    "BLOCKED_NUMBERS",
    "CALLING_HOURS",
    "CALL_RING_TIMEOUT_SECONDS",
    "CALL_TIME_LIMIT_SECONDS",
    "DEFAULT_TIME_ZONE",
    "ENVIRONMENT",
    "LANGUAGE",
    "LOG_LEVEL",
    "MAX_CALLS_PER_DAY",
    "MAX_CALLS_PER_NUMBER_PER_DAY",
    "MAX_CALLS_PER_USER_PER_DAY",
    "MEDIA_SIGNING_KEY",
    "MEDIA_URL",
    "MONGO_DB",
    "MONGO_URI",
    "RECONCILE_PAGE",
    "RECONCILE_UNKNOWN_AFTER_SECONDS",
    "RECORDING_NOTICE",
    "RECORDING_URL",
    "SECRET_ID",
    "STACK_NAME",
    "STATUS_URL",
    "TWILIO_ACCOUNT_SID",
    "TWILIO_API_BASE_URL",
    "TWILIO_API_KEY_SECRET",
    "TWILIO_API_KEY_SID",
    "TWILIO_AUTH_TOKEN",
    "TWILIO_AUTH_TOKEN_SECONDARY",
    "TWILIO_FROM_NUMBER",
    "VOICE",
    "VOICE_URL",
    "WEBHOOK_QUEUE_URL",
];

/// The variables that the AWS client reads from the process itself.
pub(super) const AWS: [&str; 4] = [
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    "AWS_ENDPOINT_URL_SQS",
    "AWS_REGION",
];

/// Texts that are spoken, and lists, whose entries may have blanks around them and are checked one by one.
const WITH_BLANKS: [&str; 6] = [
    "ALLOWED_COUNTRIES",
    "ALLOWED_VOICES",
    "API_KEYS",
    "APOLOGY",
    "BLOCKED_NUMBERS",
    "RECORDING_NOTICE",
];

/// The value without the blanks and line ends at its ends, such as a copy from a terminal or a file has.
#[must_use]
pub fn trimmed(value: &str) -> &str {
    value.trim_matches(is_blank)
}

/// The entries of a list: they have commas between them, and may have blanks around them.
pub(super) fn entries(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(trimmed)
}

/// Refuses a value with blanks inside, unless it is a text or a list.
///
/// `Url::parse`, for one, would drop a line end without a word.
///
/// # Errors
///
/// The name of the variable, never its value.
pub(super) fn check(name: &str, value: &str) -> Result<(), ConfigError> {
    let has_blanks = value.contains(|c: char| is_blank(c) || c.is_control());
    if has_blanks && !WITH_BLANKS.contains(&name) {
        return Err(ConfigError::malformed(
            name,
            "one word, without blanks, line ends or invisible characters inside",
        ));
    }
    Ok(())
}

/// White space, and the characters without width that editors and web pages leave behind: soft hyphens, joiners, marks of
/// direction and of byte order.
fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\u{AD}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}

/// The process's variable without the blanks at its ends; `None` if it is not set, or blank.
#[must_use]
pub fn variable(name: &str) -> Option<String> {
    let value = std::env::var(name).ok()?;
    Some(trimmed(&value).to_owned()).filter(|value| !value.is_empty())
}

/// The process's variables.
///
/// # Errors
///
/// When one of [`VARIABLES`] is not UTF-8.
pub fn environment() -> Result<HashMap<String, SecretString>, ConfigError> {
    texts(std::env::vars_os())
}

fn texts(
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> Result<HashMap<String, SecretString>, ConfigError> {
    let mut texts = HashMap::new();
    for (name, value) in variables {
        let Ok(name) = name.into_string() else {
            continue;
        };
        match value.into_string() {
            Ok(value) => {
                texts.insert(name, value.into());
            }
            Err(_) if VARIABLES.contains(&name.as_str()) => {
                return Err(ConfigError::malformed(&name, "text in UTF-8"));
            }
            Err(_) => {}
        }
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

    use super::*;
    use crate::config::{SECRET_VARIABLES, Settings};

    const HASH: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    const SID: &str = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    /// A value of each variable that `Settings` reads, and one with blanks inside that is refused.
    fn values() -> Vec<(&'static str, String, String)> {
        [
            ("ALLOWED_COUNTRIES", "US, CA", "U S"),
            ("ALLOWED_VOICES", "basic, Polly.Mia", "ba sic"),
            (
                "API_KEYS",
                &format!("a:{HASH}, b:{HASH}"),
                &format!("a b:{HASH}"),
            ),
            ("AWS_LAMBDA_MAX_CONCURRENCY", "10", "1 0"),
            (
                "BASE_URL",
                "https://calls.example.com",
                "https://calls.\nexample.com",
            ),
            (
                "BLOCKED_NUMBERS",
                "+12125550123, +12125550124",
                "+1212 5550123",
            ),
            ("CALLING_HOURS", "08:00-21:00", "08:00 -21:00"),
            ("CALL_RING_TIMEOUT_SECONDS", "30", "3 0"),
            ("CALL_TIME_LIMIT_SECONDS", "600", "6\t00"),
            ("DEFAULT_TIME_ZONE", "America/New_York", "America/New York"),
            ("LANGUAGE", "en-US", "en -US"),
            ("MAX_CALLS_PER_DAY", "5", "5 0"),
            ("MAX_CALLS_PER_NUMBER_PER_DAY", "5", "5\u{a0}0"),
            ("MAX_CALLS_PER_USER_PER_DAY", "5", "5 0"),
            (
                "MEDIA_SIGNING_KEY",
                "0123456789abcdef",
                "0123456789\nabcdef",
            ),
            (
                "MEDIA_URL",
                "https://m.example/media",
                "https://m.example/me\tdia",
            ),
            ("MONGO_DB", "atlas", "at\nlas"),
            (
                "MONGO_URI",
                "mongodb+srv://u:p@h.example.net/",
                "mongodb+srv://u:p\n@h.example.net/",
            ),
            ("RECONCILE_PAGE", "10", "1 0"),
            ("RECONCILE_UNKNOWN_AFTER_SECONDS", "10", "1 0"),
            (
                "RECORDING_URL",
                "https://r.example/r",
                "https://r.example/\u{feff}r",
            ),
            ("STATUS_URL", "https://s.example/s", "https://s.example/ s"),
            (
                "TWILIO_ACCOUNT_SID",
                SID,
                "ACaaaaaaaaaaaaaaaa aaaaaaaaaaaaaaa",
            ),
            (
                "TWILIO_API_BASE_URL",
                "https://api.twilio.com",
                "https://api.twilio.com/\nv1",
            ),
            ("TWILIO_API_KEY_SECRET", "secret-of-key", "secret of key"),
            (
                "TWILIO_API_KEY_SID",
                &SID.replacen("AC", "SK", 1),
                "SKaaaaaaaaaaaaaaaa aaaaaaaaaaaaaaa",
            ),
            ("TWILIO_AUTH_TOKEN", "token", "to\u{200b}ken"),
            ("TWILIO_AUTH_TOKEN_SECONDARY", "other", "oth\u{200e}er"),
            ("TWILIO_FROM_NUMBER", "+12125550100", "+1 2125550100"),
            ("VOICE", "Polly.Joanna", "Polly. Joanna"),
            ("VOICE_URL", "https://v.example/v", "https://v.example/v v"),
            (
                "WEBHOOK_QUEUE_URL",
                "https://sqs.example/1/q",
                "https://sqs.example/1/\r\nq",
            ),
        ]
        .map(|(name, good, bad)| (name, good.to_owned(), bad.to_owned()))
        .to_vec()
    }

    /// Everything that is parsed of these values, as text, with the secrets; or the first error.
    fn parsed(values: &[(&str, String)]) -> Result<String, ConfigError> {
        use secrecy::ExposeSecret;
        let map = values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone().into()));
        let settings = Settings::from_values(map.collect())?;
        let (mongo, twilio) = (settings.mongo()?, settings.twilio()?);
        let keys = settings.api_keys()?;
        let secrets = [
            mongo.uri.expose_secret(),
            twilio
                .auth_tokens
                .iter()
                .map(ExposeSecret::expose_secret)
                .collect::<Vec<_>>()
                .join("|")
                .as_str(),
            twilio
                .api_key
                .as_ref()
                .map_or("", |(_, secret)| secret.expose_secret()),
            settings.media_signing_key()?.expose_secret(),
        ]
        .join("\n");
        Ok(format!(
            "{secrets} {mongo:?} {twilio:?} {:?} {:?} {:?} {:?} {:?} {} {}",
            settings.calls()?,
            settings.speech()?,
            settings.public_urls()?,
            settings.webhook_queue()?.map(|url| url.to_string()),
            settings.reconcile()?,
            keys.find("test").is_some(),
            settings.get("SECRET_ID")?.unwrap_or_default(),
        ))
    }

    fn with(name: &str, value: &str) -> Vec<(&'static str, String)> {
        values()
            .into_iter()
            .map(|(other, good, _)| {
                let value = if other == name { value } else { &good };
                (other, value.to_owned())
            })
            .collect()
    }

    #[test]
    fn blanks_at_the_ends_of_any_value_change_nothing() {
        let values = values();
        let plain = parsed(&with("", "")).unwrap();
        for (name, good, _) in &values {
            for (before, after) in [
                (" ", " "),
                ("", "\n"),
                ("\t", "\r\n"),
                ("\u{feff}", "\u{a0}"),
                ("", " \u{200b}\u{2028}"),
                ("\u{202a}", "\u{200e}\u{202c}"),
            ] {
                let padded = with(name, &format!("{before}{good}{after}"));
                assert_eq!(parsed(&padded).as_ref(), Ok(&plain), "{name}");
            }
        }
    }

    #[test]
    fn a_blank_inside_a_value_is_refused_by_name() {
        for (name, _, bad) in values() {
            // A whole URL goes before BASE_URL.
            let mut values = with(name, &bad);
            if name == "BASE_URL" {
                values.retain(|(name, _)| !name.ends_with("_URL") || *name == "BASE_URL");
            }
            let error = parsed(&values).expect_err(name).to_string();
            assert!(
                error.starts_with(&format!("{name} is malformed")),
                "{name}: {error}"
            );
            assert!(!error.contains(&bad), "{error}");
        }
    }

    #[test]
    fn a_value_of_blanks_alone_is_not_set() {
        for blank in [" ", "\r\n", "\u{a0}\t", "\u{feff}"] {
            let spoken = Settings::from_pairs([("APOLOGY", blank), ("RECORDING_NOTICE", blank)]);
            let speech = spoken.unwrap().speech().unwrap();
            assert_eq!(speech.apology, crate::config::DEFAULT_APOLOGY);
            assert_eq!(speech.recording_notice, None);
            let settings = Settings::from_pairs([("MONGO_URI", blank), ("ENVIRONMENT", blank)]);
            let error = settings.unwrap().mongo().unwrap_err().to_string();
            assert!(error.starts_with("MONGO_URI is missing"), "{error}");
        }
    }

    #[test]
    fn a_text_keeps_the_blanks_inside() {
        let settings = Settings::from_pairs([("APOLOGY", " Sorry.\nGood bye. \n")]);
        assert_eq!(
            settings.unwrap().speech().unwrap().apology,
            "Sorry.\nGood bye."
        );
    }

    #[test]
    fn the_environment_is_read_without_its_line_end() {
        let settings = Settings::from_pairs([("ENVIRONMENT", " development\n")]).unwrap();
        assert_eq!(
            settings.environment(),
            crate::config::Environment::Development
        );
        let error = Settings::from_pairs([("ENVIRONMENT", "develop ment")])
            .err()
            .unwrap();
        assert!(
            error.to_string().starts_with("ENVIRONMENT is malformed"),
            "{error}"
        );
    }

    #[test]
    fn every_variable_is_tried_and_documented() {
        let readme =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
        let (_, table) = readme
            .split_once("\n| variable | meaning | default |\n")
            .unwrap();
        let table: String = table
            .split("\n\n")
            .next()
            .unwrap()
            .lines()
            .filter_map(|line| line.split('|').nth(1))
            .collect();
        let tried: Vec<_> = values().into_iter().map(|(name, ..)| name).collect();
        for name in VARIABLES {
            // Lambda's own, and the SDK's, which the table has in one row.
            let is_of_aws = name.starts_with("AWS_");
            assert!(
                is_of_aws || table.contains(&format!("`{name}`")),
                "README: {name}"
            );
            let is_tried = tried.contains(&name) || AWS.contains(&name);
            let of_its_own = [
                "APOLOGY",
                "ENVIRONMENT",
                "LOG_LEVEL",
                "RECORDING_NOTICE",
                "SECRET_ID",
                "STACK_NAME",
            ];
            assert!(
                is_tried || of_its_own.contains(&name),
                "{name} is not tried"
            );
        }
        for name in table
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|name| !name.starts_with("AWS_"))
        {
            assert!(VARIABLES.contains(&name), "{name} of README's table");
        }
        for name in SECRET_VARIABLES {
            assert!(tried.contains(&name), "{name}");
        }
    }

    #[test]
    fn a_variable_that_is_not_utf_8_is_refused_by_name() {
        let bad = |name: &str| [(OsString::from(name), OsStr::from_bytes(b"a\xff").to_owned())];
        let error = texts(bad("MONGO_URI").into_iter()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "MONGO_URI is malformed: it must be text in UTF-8"
        );
        assert!(texts(bad("SOMEBODY_ELSES").into_iter()).unwrap().is_empty());
    }
}
