//! Every variable: its blanks, and its entry in the README.

use secrecy::ExposeSecret;

use super::{
    ConfigError, DEFAULT_APOLOGY, Environment, SECRET_VARIABLES, Settings, VARIABLES, WebhookKind,
    webhook_url,
};
use crate::variables::SDK_VARIABLES;

const HASH: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const SID: &str = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// A valid value of each variable that `Settings` reads, and one with a blank inside, which is invalid.
#[expect(clippy::too_many_lines, reason = "one line for each variable")]
fn values() -> Vec<(&'static str, String, String)> {
    [
        ("ALLOWED_COUNTRIES", "US, CA", "U S"),
        ("ALLOWED_VOICES", "basic, Polly.Mia", "ba sic"),
        (
            "API_KEYS",
            &format!("a:{HASH}, b:{HASH}"),
            &format!("a b:{HASH}"),
        ),
        (
            "AUDIO_HOSTS",
            "a.example.com, *.example.org",
            "a. example.com",
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
        (
            "CALLING_HOURS",
            "Mo-Fr 08:00-21:00; Sa 10:00-18:00",
            "08:00 -21:00",
        ),
        ("CALLBACK_NUMBER", "+12125550100", "+1 2125550100"),
        ("CALL_RING_TIMEOUT_SECONDS", "30", "3 0"),
        ("CALL_TIME_LIMIT_SECONDS", "600", "6\t00"),
        ("DEFAULT_TIME_ZONE", "America/New_York", "America/New York"),
        ("DIALS_PER_SECOND", "2.5", "2 .5"),
        (
            "DEFAULT_VOICES",
            r#"{"es-MX": "Polly.Mia-Neural"}"#,
            r#"{"es -MX": "Polly.Mia-Neural"}"#,
        ),
        (
            "DIAL_QUEUE_URL",
            "https://sqs.example/1/d",
            "https://sqs.example/1/ d",
        ),
        (
            "EFFECTS_QUEUE_URL",
            "https://sqs.example/1/e",
            "https://sqs.example/1/\te",
        ),
        (
            "FALLBACK_URL",
            "https://f.example/f",
            "https://f.example/ f",
        ),
        ("HOLIDAYS", "2026-12-25, 01-01", "2026-12- 25"),
        ("INBOUND_FORWARD_TO", "+12125550199", "+1 2125550199"),
        ("INBOUND_URL", "https://i.example/i", "https://i.example/ i"),
        ("LANGUAGE", "en-US", "en -US"),
        ("MAX_CALLS_PER_DAY", "5", "5 0"),
        ("MAX_CALLS_PER_NUMBER_PER_DAY", "5", "5\u{a0}0"),
        ("MAX_CALLS_PER_USER_PER_DAY", "5", "5 0"),
        ("MAX_SPEECH_PRICE", "0.25", "0. 25"),
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
        ("MACHINE_URL", "https://k.example/k", "https://k.example/ k"),
        ("MONGO_DB", "atlas", "at\nlas"),
        (
            "MONGO_URI",
            "mongodb+srv://u:p@h.example.net/",
            "mongodb+srv://u:p\n@h.example.net/",
        ),
        ("OPT_OUT_KEY", "9", "9 0"),
        ("RECONCILE_PAGE", "10", "1 0"),
        ("RECONCILE_UNKNOWN_AFTER_SECONDS", "10", "1 0"),
        (
            "RECORDING_URL",
            "https://r.example/r",
            "https://r.example/\u{feff}r",
        ),
        ("STATUS_URL", "https://s.example/s", "https://s.example/ s"),
        (
            "TRANSCRIPTION_SERVICES",
            r#"{"en-US": "GA0123456789abcdef0123456789abcdef"}"#,
            r#"{"en -US": "GA0123456789abcdef0123456789abcdef"}"#,
        ),
        (
            "TRANSCRIPT_URL",
            "https://r.example/t",
            "https://r.example/ t",
        ),
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
        (
            "TWILIO_INTELLIGENCE_BASE_URL",
            "https://intelligence.twilio.com",
            "https://intelligence.twilio.com/\nv2",
        ),
        ("VOICE", "Polly.Joanna", "Polly. Joanna"),
        ("VOICE_URL", "https://v.example/v", "https://v.example/v v"),
        (
            "WAKE_QUEUE_URL",
            "https://sqs.example/1/w",
            "https://sqs.example/1/\nw",
        ),
        (
            "WEBHOOK_QUEUE_URL",
            "https://sqs.example/1/q",
            "https://sqs.example/1/\r\nq",
        ),
    ]
    .map(|(name, good, bad)| (name, good.to_owned(), bad.to_owned()))
    .to_vec()
}

/// Everything that `Settings` parses from these values, secrets included, as text; or the first error.
fn parsed(values: &[(&str, String)]) -> Result<String, ConfigError> {
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
        "{secrets} {mongo:?} {twilio:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {} {}",
        settings.calls()?,
        settings.pace()?,
        settings.speech()?,
        settings.public_urls()?,
        webhook_url(&settings, WebhookKind::Transcript)?,
        webhook_url(&settings, WebhookKind::Inbound)?,
        settings.forward_to()?,
        queues(&settings)?,
        settings.reconcile()?,
        keys.find("test").is_some(),
        settings.values.get("SECRET_ID")?.unwrap_or_default(),
    ))
}

fn queues(settings: &Settings) -> Result<[Option<String>; 4], ConfigError> {
    let queues = [
        settings.dial_queue()?,
        settings.effects_queue()?,
        settings.wake_queue()?,
        settings.webhook_queue()?,
    ];
    Ok(queues.map(|url| url.map(|url| url.to_string())))
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
fn blanks_at_the_ends_of_a_value_are_ignored() {
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
fn blank_inside_a_value_is_rejected_by_name() {
    for (name, _, bad) in values() {
        // A URL variable of its own takes precedence over BASE_URL.
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
fn blank_value_counts_as_not_set() {
    for blank in [" ", "\r\n", "\u{a0}\t", "\u{feff}"] {
        let spoken = Settings::from_pairs([("APOLOGY", blank), ("RECORDING_NOTICE", blank)]);
        let speech = spoken.unwrap().speech().unwrap();
        assert_eq!(speech.apology, DEFAULT_APOLOGY);
        assert_eq!(speech.recording_notice, None);
        let settings = Settings::from_pairs([("MONGO_URI", blank), ("ENVIRONMENT", blank)]);
        let error = settings.unwrap().mongo().unwrap_err().to_string();
        assert!(error.starts_with("MONGO_URI is missing"), "{error}");
    }
}

#[test]
fn spoken_text_keeps_its_inner_blanks() {
    let settings = Settings::from_pairs([("APOLOGY", " Sorry.\nGood bye. \n")]);
    assert_eq!(
        settings.unwrap().speech().unwrap().apology,
        "Sorry.\nGood bye."
    );
}

#[test]
fn environment_is_trimmed() {
    let settings = Settings::from_pairs([("ENVIRONMENT", " development\n")]).unwrap();
    assert_eq!(settings.environment(), Environment::Development);
    let error = Settings::from_pairs([("ENVIRONMENT", "develop ment")])
        .err()
        .unwrap();
    assert!(
        error.to_string().starts_with("ENVIRONMENT is malformed"),
        "{error}"
    );
}

#[test]
fn every_variable_is_tested_and_documented() {
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
    let tested: Vec<_> = values().into_iter().map(|(name, ..)| name).collect();
    for name in VARIABLES {
        // Lambda and the SDK define these; the table has one row for them.
        let belongs_to_aws = name.starts_with("AWS_");
        assert!(
            belongs_to_aws || table.contains(&format!("`{name}`")),
            "README lacks {name}"
        );
        let is_tested = tested.contains(&name) || SDK_VARIABLES.contains(&name);
        let read_elsewhere = [
            "APOLOGY",
            "ENVIRONMENT",
            "LOG_LEVEL",
            "NOTICES",
            "RECORDING_NOTICE",
            "SECRET_ID",
            "STACK_NAME",
        ];
        assert!(
            is_tested || read_elsewhere.contains(&name),
            "{name} is not tested"
        );
    }
    for name in table
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|name| !name.starts_with("AWS_"))
    {
        assert!(VARIABLES.contains(&name), "README has an unknown {name}");
    }
    for name in SECRET_VARIABLES {
        assert!(tested.contains(&name), "{name}");
    }
}
