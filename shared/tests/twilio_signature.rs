//! Tests Twilio's signature against the verdicts of its official validator, and cases that no vector covers.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use outdial::twilio::{Signed, sign};
use proptest::prelude::*;
use secrecy::SecretString;
use serde::Deserialize;

const URL: &str = "https://api.example.com/twilio/status?call_id=1";
const TOKEN: &str = "12345678901234567890abcdefabcdef";
const FORM: &str = "application/x-www-form-urlencoded";

#[derive(Deserialize)]
struct Vectors {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    id: String,
    token: String,
    url: String,
    content_type: String,
    body_urlencoded: Option<String>,
    body: Option<String>,
    algorithm: Option<String>,
    signature: String,
    official_valid: bool,
    params: Option<Vec<(String, String)>>,
    computed_for_url_as_received: Option<String>,
}

fn vectors() -> Vec<Vector> {
    let vectors: Vectors =
        serde_json::from_str(include_str!("fixtures/signature_vectors.json")).unwrap();
    assert_eq!(vectors.vectors.len(), 61);
    vectors.vectors
}

fn tokens(tokens: &[&str]) -> Vec<SecretString> {
    tokens.iter().map(|&token| token.into()).collect()
}

fn status(signature: &str) -> Signed<'_> {
    Signed {
        url: URL,
        signature: Some(signature),
        settings: None,
        content_type: Some(FORM),
        body: b"CallStatus=busy&CallSid=CA1",
    }
}

fn good_signature() -> String {
    sign(URL, &[("CallSid", "CA1"), ("CallStatus", "busy")], TOKEN)
}

#[test]
fn every_vector_gets_the_verdict_of_the_official_validator() {
    for vector in vectors() {
        let settings = vector
            .algorithm
            .map(|name| format!("key=webhooks_sharedkey_1,algorithm={name}"));
        let body = vector.body_urlencoded.or(vector.body).unwrap_or_default();
        let request = Signed {
            url: &vector.url,
            signature: Some(&vector.signature),
            settings: settings.as_deref(),
            content_type: Some(&vector.content_type),
            body: body.as_bytes(),
        };
        assert_eq!(
            request.is_valid(&tokens(&[&vector.token])),
            vector.official_valid,
            "{}",
            vector.id
        );
    }
}

#[test]
fn signature_equals_that_of_the_official_library() {
    let mut signed = 0;
    for vector in vectors() {
        let (Some(params), Some(expected), None) = (
            vector.params,
            vector.computed_for_url_as_received,
            vector.algorithm,
        ) else {
            continue;
        };
        let params: Vec<_> = params
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(sign(&vector.url, &params, &vector.token), expected);
        signed += 1;
    }
    assert!(signed > 40, "{signed}");
}

#[test]
fn any_of_the_tokens_may_have_signed() {
    let signature = good_signature();
    assert!(status(&signature).is_valid(&tokens(&["another", TOKEN])));
    assert!(status(&signature).is_valid(&tokens(&[TOKEN, "another"])));
    assert!(!status(&signature).is_valid(&tokens(&["another"])));
    assert!(!status(&signature).is_valid(&[]));
}

#[test]
fn request_without_a_signature_is_invalid() {
    for signature in [None, Some(""), Some("="), Some("é"), Some("AAAA")] {
        let request = Signed {
            signature,
            ..status("")
        };
        assert!(!request.is_valid(&tokens(&[TOKEN])), "{signature:?}");
    }
}

#[test]
fn content_type_may_have_parameters_or_be_absent() {
    let signature = good_signature();
    for content_type in [
        None,
        Some("application/x-www-form-urlencoded; charset=UTF-8"),
        Some("Application/X-WWW-Form-Urlencoded"),
    ] {
        let request = Signed {
            content_type,
            ..status(&signature)
        };
        assert!(request.is_valid(&tokens(&[TOKEN])), "{content_type:?}");
    }
}

#[test]
fn body_other_than_a_form_needs_its_hash_in_the_url() {
    let signature = sign(URL, &[], TOKEN);
    let json = Signed {
        content_type: Some("application/json"),
        body: b"{}",
        ..status(&signature)
    };
    assert!(!json.is_valid(&tokens(&[TOKEN])));
    assert!(Signed { body: b"", ..json }.is_valid(&tokens(&[TOKEN])));
}

#[test]
fn settings_without_an_algorithm_mean_sha1() {
    let signature = good_signature();
    for (settings, valid) in [
        ("", true),
        ("key=k", true),
        ("key=k,algorithm=", true),
        ("key=k, algorithm=HMAC_SHA1", true),
        ("key=k,algorithm=HMAC_SHA256", false),
        ("algorithm=none", false),
    ] {
        let request = Signed {
            settings: Some(settings),
            ..status(&signature)
        };
        assert_eq!(request.is_valid(&tokens(&[TOKEN])), valid, "{settings}");
    }
}

proptest! {
    #[test]
    fn absurd_input_is_rejected_without_a_panic(
        url in ".*", signature in ".*", settings in ".*", content_type in ".*",
        body in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let request = Signed {
            url: &url,
            signature: Some(&signature),
            settings: Some(&settings),
            content_type: Some(&content_type),
            body: &body,
        };
        prop_assert!(!request.is_valid(&tokens(&[TOKEN])));
    }

    #[test]
    fn signed_form_is_valid_and_a_changed_one_is_not(
        url in "https?://[a-z:0-9@\\[\\].]{0,20}/[ -~]{0,20}",
        // Twilio signs only one of two equal parameters.
        params in proptest::collection::btree_map(".{0,8}", ".{0,8}", 1..8),
    ) {
        let params: Vec<_> = params.into_iter().collect();
        let encoded = |params: &[(String, String)]| {
            form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish()
        };
        let pairs: Vec<_> = params.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let signature = sign(&url, &pairs, TOKEN);
        let body = encoded(&params);
        let request = Signed { url: &url, body: body.as_bytes(), ..status(&signature) };
        prop_assert!(request.is_valid(&tokens(&[TOKEN])));
        let mut changed = params.clone();
        changed[0].1.push('x');
        let body = encoded(&changed);
        let request = Signed { url: &url, body: body.as_bytes(), ..status(&signature) };
        prop_assert!(!request.is_valid(&tokens(&[TOKEN])));
    }
}
