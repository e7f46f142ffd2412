//! Tests that the init phase names a missing or malformed variable.

use outdial::config::Settings;
use testkit::api_key;
use users::App;

/// Returns the error of the init phase with these variables.
fn refusal<const N: usize>(variables: [(&str, &str); N]) -> String {
    let settings = Settings::from_pairs(variables).unwrap();
    App::from_settings(&settings)
        .err()
        .map(|error| error.to_string())
        .unwrap_or_default()
}

const URI: (&str, &str) = ("MONGO_URI", "mongodb://user:pa55word@127.0.0.1:1/?tls=true");

#[tokio::test]
async fn missing_variable_is_named() {
    let keys = api_key("a", "b", "");
    let error = refusal([("API_KEYS", &keys)]);
    assert!(
        error.starts_with("MONGO_URI is missing: set it to a MongoDB connection string"),
        "{error}"
    );
    let error = refusal([("API_KEYS", &keys), ("MONGO_URI", "")]);
    assert!(error.starts_with("MONGO_URI is missing"), "{error}");
    let error = refusal([URI]);
    assert!(error.starts_with("API_KEYS is missing"), "{error}");
    let error = refusal([URI, ("ENVIRONMENT", "production")]);
    assert!(error.starts_with("API_KEYS is missing"), "{error}");
    assert_eq!(refusal([URI, ("ENVIRONMENT", "development")]), "");
    assert_eq!(refusal([URI, ("API_KEYS", &keys)]), "");
}

#[tokio::test]
async fn malformed_variable_is_named_without_its_value() {
    let keys = api_key("a", "b", "");
    for (name, value) in [
        ("MONGO_URI", "localhost/pa55word"),
        ("MONGO_URI", "http://pa55word"),
        ("MONGO_URI", "mongodb://"),
        ("MONGO_URI", "mongodb://h:pa55word/"),
        (
            "MONGO_URI",
            "mongodb://h/?w=pa55word&readPreference=pa55word",
        ),
        ("MONGO_DB", "pa55word/x"),
        ("API_KEYS", "pa55word"),
        ("API_KEYS", "a:pa55word"),
        ("API_KEYS", "a:pa55word:everything"),
    ] {
        let mut variables = [("API_KEYS", keys.as_str()), URI, ("MONGO_DB", "db")];
        for variable in &mut variables {
            if variable.0 == name {
                variable.1 = value;
            }
        }
        let error = refusal(variables);
        assert!(
            error.starts_with(&format!("{name} is malformed")),
            "{value}: {error}"
        );
        assert!(
            !error.contains("pa55word") && !error.contains('\n'),
            "{error}"
        );
    }
    let environment = Settings::from_pairs([("ENVIRONMENT", "staging")])
        .err()
        .unwrap()
        .to_string();
    assert_eq!(
        environment,
        "ENVIRONMENT is malformed: it must be development or production"
    );
}
