//! Tests the script that is stored beside steps.

use serde_json::json;

use crate::support::steps;

#[test]
fn script_has_the_words_of_the_say_steps() {
    let ask = json!({ "id": "a", "ask": "Press 1.", "max_digits": 1 });
    let other = json!({ "id": "b", "ask": "Press 2.", "max_digits": 1 });
    for (value, script) in [
        (
            json!([{ "say": "Hello." }, ask, { "say": ["One.", { "spell": "A1" }] }]),
            "Hello. One. A, 1",
        ),
        (json!([ask, other]), "Press 1."),
        (json!([{ "hang_up": true }]), " "),
    ] {
        assert_eq!(steps(value).plain_text().as_str(), script);
    }
}

#[test]
fn script_of_long_steps_has_3000_characters() {
    let long = "é".repeat(2_000);
    let steps = steps(json!([{ "say": long }, { "say": long }]));
    assert_eq!(steps.plain_text().as_str().chars().count(), 3_000);
}
