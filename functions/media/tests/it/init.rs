//! Tests that the init phase names a missing or too short variable.

use media::App;
use outdial::config::Settings;
use testkit::ACCOUNT_SID;

fn refusal(environment: &str, key: &str, token: &str) -> String {
    let settings = Settings::from_pairs([
        ("ENVIRONMENT", environment),
        ("MEDIA_SIGNING_KEY", key),
        ("TWILIO_ACCOUNT_SID", ACCOUNT_SID),
        ("TWILIO_AUTH_TOKEN", token),
    ]);
    let app = App::from_settings(&settings.unwrap());
    app.err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn missing_or_too_short_variable_is_named() {
    let long = "0123456789abcdef";
    assert_eq!(refusal("production", long, "token"), "");
    assert_eq!(refusal("development", "short", "token"), "");
    let error = refusal("production", "", "token");
    assert!(
        error.starts_with("MEDIA_SIGNING_KEY is missing: set it to a random text"),
        "{error}"
    );
    let error = refusal("production", "pa55word", "token");
    assert!(
        error.starts_with("MEDIA_SIGNING_KEY is malformed") && !error.contains("pa55word"),
        "{error}"
    );
    let error = refusal("production", long, "");
    assert!(error.starts_with("TWILIO_AUTH_TOKEN is missing"), "{error}");
}
