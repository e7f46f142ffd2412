//! Tests that the init phase names a missing or malformed variable.

use health::App;
use outdial::config::Settings;
use testkit::ACCOUNT_SID;

fn refusal(changed: (&str, &str)) -> String {
    let mut variables = [
        ("MONGO_URI", "mongodb://127.0.0.1:1/?tls=true"),
        ("MONGO_DB", "db"),
        ("TWILIO_ACCOUNT_SID", ACCOUNT_SID),
        ("TWILIO_AUTH_TOKEN", "token"),
        ("TWILIO_API_KEY_SID", ""),
        ("TWILIO_API_KEY_SECRET", ""),
        ("TWILIO_API_BASE_URL", ""),
    ];
    for variable in &mut variables {
        if variable.0 == changed.0 {
            *variable = changed;
        }
    }
    let settings = Settings::from_pairs(variables).unwrap();
    App::from_settings(&settings)
        .err()
        .map(|error| error.to_string())
        .unwrap_or_default()
}

#[tokio::test]
async fn missing_or_malformed_variable_is_named() {
    assert_eq!(refusal(("", "")), "");
    for name in ["MONGO_URI", "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"] {
        let error = refusal((name, ""));
        assert!(
            error.starts_with(&format!("{name} is missing: set it to ")),
            "{error}"
        );
    }
    for (name, value) in [
        ("MONGO_URI", "pa55word"),
        ("TWILIO_ACCOUNT_SID", "pa55word"),
        ("TWILIO_ACCOUNT_SID", "ACpa55word"),
        ("TWILIO_API_BASE_URL", "pa55word"),
        ("TWILIO_API_BASE_URL", "http://api.twilio.com/pa55word"),
        ("TWILIO_API_BASE_URL", "mailto:pa55word@example.com"),
    ] {
        let error = refusal((name, value));
        assert!(
            error.starts_with(&format!("{name} is malformed: it must be ")),
            "{error}"
        );
        assert!(!error.contains("pa55word"), "{error}");
    }
    let error = refusal(("TWILIO_API_KEY_SID", "SK00000000000000000000000000000000"));
    assert!(
        error.starts_with("TWILIO_API_KEY_SECRET is missing"),
        "{error}"
    );
    let error = refusal(("TWILIO_API_KEY_SECRET", "pa55word"));
    assert!(
        error.starts_with("TWILIO_API_KEY_SID is missing"),
        "{error}"
    );
}
