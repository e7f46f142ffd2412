//! Tests that errors and parsed requests print no personal data.

use outdial::{
    config::Settings,
    dao::DaoError,
    domain::{Email, PhoneNumber, Script, UserName},
    http::Problem,
};

#[test]
fn personal_data_is_not_printed() {
    let email: Email = "ada.lovelace@example.com".parse().unwrap();
    let number: PhoneNumber = "+12125550123".parse().unwrap();
    let name: UserName = "Ada Lovelace".parse().unwrap();
    let script: Script = "Your code is 4711".parse().unwrap();
    let printed = format!("{email:?} {email} {number:?} {number} {name:?} {script:?}");
    for personal in ["lovelace", "Lovelace", "2125550", "4711"] {
        assert!(!printed.contains(personal), "{printed}");
    }
}

#[test]
fn error_does_not_contain_the_invalid_value() {
    let refusals = [
        "ada@pa55word".parse::<Email>().unwrap_err(),
        "+1pa55word".parse::<PhoneNumber>().unwrap_err(),
        "pa55word\u{0}".parse::<UserName>().unwrap_err(),
        "pa55word\u{0}".parse::<Script>().unwrap_err(),
    ];
    for refusal in refusals {
        assert!(
            !format!("{refusal:?} {refusal}").contains("pa55word"),
            "{refusal}"
        );
    }
}

#[test]
fn database_errors_show_no_value() {
    let answered = mongodb::error::Error::custom("ada@example.com");
    let error = DaoError::from(answered);
    let printed = format!("{error:?} {error}");
    let printed = format!("{printed} {:?}", Problem::from(error));
    assert!(!printed.contains("ada"), "{printed}");
}

#[test]
fn settings_do_not_print_their_values() {
    let settings = Settings::from_pairs([
        ("ENVIRONMENT", "development"),
        ("MONGO_URI", "mongodb://ada:pa55word@127.0.0.1/"),
        ("TWILIO_ACCOUNT_SID", "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        ("TWILIO_AUTH_TOKEN", "pa55word"),
        ("MEDIA_SIGNING_KEY", "pa55word"),
    ])
    .unwrap();
    let printed = format!(
        "{:?} {:?} {:?}",
        settings.mongo().unwrap(),
        settings.twilio().unwrap(),
        settings.media_signing_key().unwrap()
    );
    assert!(!printed.contains("pa55word"), "{printed}");
}
