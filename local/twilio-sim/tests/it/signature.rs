//! Webhook signatures.

use serde_json::Value;
use twilio_sim::webhook::signature::sign;

#[test]
fn signature_equals_those_that_the_official_library_accepts() {
    let vectors: Value =
        serde_json::from_str(include_str!("../fixtures/signature_vectors.json")).unwrap();
    let mut checked = 0;
    for vector in vectors["vectors"].as_array().unwrap() {
        let made_for_this_url = vector["computed_for_url_as_received"] == vector["signature"];
        if vector["official_valid"] != true
            || vector.get("algorithm").is_some()
            || !made_for_this_url
        {
            continue;
        }
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let params: Vec<(String, String)> = vector["params"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|pair| (text(&pair[0]), text(&pair[1])))
            .collect();
        let signature = sign(&text(&vector["token"]), &text(&vector["url"]), &params);
        assert_eq!(signature, vector["signature"], "{}", vector["id"]);
        checked += 1;
    }
    assert!(checked > 20, "only {checked} vectors were checked");
}

#[test]
fn fragment_is_not_signed() {
    let params = [("CallSid".to_owned(), "CA1".to_owned())];
    assert_eq!(
        sign("t", "https://a.example/b?c=1#rc=3", &params),
        sign("t", "https://a.example/b?c=1", &params)
    );
}
