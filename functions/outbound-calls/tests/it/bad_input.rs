//! Tests that invalid requests to place a call are refused, and which field a refusal names.

use serde_json::{Value, json};
use testkit::{API_KEY, Answer, FROM_NUMBER, Request};

use crate::support::{Api, post};

/// Sends a body with these fields changed; `null` removes one. Returns the response.
async fn changed(api: &Api, changes: Value) -> Answer {
    let mut body = api.body();
    for (field, value) in changes.as_object().unwrap() {
        if value.is_null() {
            body.as_object_mut().unwrap().remove(field);
        } else {
            body[field] = value.clone();
        }
    }
    api.post(&body).await
}

#[tokio::test]
async fn response_lists_every_invalid_field_and_nothing_is_done() {
    let api = Api::new().await;
    let answer = api
        .post(&json!({
            "to_number": "12125550123",
            "script": "",
            "recording_enabled": "yes",
            "voice": "no such voice!",
            "language": "en_US",
            "machine_detection": "enable",
            "metadata": { "a": 1 },
            "surprise": true,
            "another": null,
        }))
        .await;
    answer.assert_problem(422, "validation_failed");
    assert_eq!(
        answer.fields(),
        [
            "another",
            "language",
            "machine_detection",
            "metadata.a",
            "recording_enabled",
            "script",
            "surprise",
            "to_number",
            "user_id",
            "voice"
        ]
    );
    api.assert_untouched().await;
    api.assert_counted(0).await;
}

#[tokio::test]
async fn value_beyond_its_limit_is_refused() {
    let api = Api::new().await;
    for (field, values) in [
        ("user_id", vec![json!(1), json!([]), json!({}), Value::Null]),
        (
            "to_number",
            vec![
                json!(12_125_550_123_i64),
                json!(""),
                json!("+"),
                json!("+1 212 555 0123"),
                json!("+1212555012a"),
                json!("0012125550123"),
                json!("+0123456789"),
                json!("+1234567890123456"),
                json!("tel:+12125550123"),
                json!("+12125550123\n"),
                json!("+１２１２５５５０１２３"),
                Value::Null,
            ],
        ),
        (
            "script",
            vec![
                json!(""),
                json!(" \n\t"),
                json!("é".repeat(3_001)),
                json!("a\u{0}b"),
                json!("a\u{7}b"),
                json!("\u{1b}[1m"),
                json!("a\u{FFFE}"),
                json!("a\u{FFFF}"),
                json!(3),
                json!(["Hello."]),
                Value::Null,
            ],
        ),
        (
            "recording_enabled",
            vec![json!("true"), json!(1), json!([])],
        ),
        (
            "voice",
            vec![
                json!(""),
                json!("a b"),
                json!("\"><Hangup/>"),
                json!("a".repeat(65)),
                json!(1),
            ],
        ),
        (
            "language",
            vec![
                json!(""),
                json!("en_US"),
                json!("e n"),
                json!("e".repeat(65)),
                json!(1),
            ],
        ),
        (
            "machine_detection",
            vec![json!(""), json!("enable"), json!("none"), json!(true)],
        ),
        (
            "metadata",
            vec![
                json!("x"),
                json!([]),
                json!({ "": "x" }),
                json!({ "a\u{0}": "x" }),
                json!({ "k": "v".repeat(2_048) }),
            ],
        ),
    ] {
        for value in values {
            let answer = changed(&api, json!({ field: value })).await;
            answer.assert_problem(422, "validation_failed");
            assert_eq!(answer.fields(), [field], "{value}: {}", answer.text());
        }
    }
    let nested = changed(&api, json!({ "metadata": { "a": { "b": "c" } } })).await;
    nested.assert_problem(422, "validation_failed");
    assert_eq!(nested.fields(), ["metadata.a"]);
    api.assert_untouched().await;
    api.assert_counted(0).await;
}

#[tokio::test]
async fn value_at_its_limit_is_accepted() {
    let api = Api::new().await;
    for changes in [
        json!({ "script": "😀".repeat(3_000) }),
        json!({ "script": "a" }),
        json!({ "script": "tab\tline\r\n<Say>&amp;]]>\u{85}\u{FFFD}" }),
        json!({ "metadata": { "k": "v".repeat(2_047) } }),
        json!({ "machine_detection": "Enable" }),
        json!({ "voice": format!("Polly.{}", "a".repeat(58)) }),
        json!({ "to_number": "+14165550109" }),
    ] {
        let answer = changed(&api, changes.clone()).await;
        assert_eq!(answer.status, 201, "{changes}: {}", answer.text());
        for (field, value) in changes.as_object().unwrap() {
            assert_eq!(answer.json()[field], *value);
        }
    }
}

#[tokio::test]
async fn refusal_of_a_number_names_the_rule() {
    let api = Api::new().await;
    for (number, code) in [
        ("+11235550123", "number_not_valid"),
        ("+1212555012", "number_not_valid"),
        ("+9999999999", "number_not_valid"),
        ("+19005550123", "number_type_not_allowed"),
        ("+881612345678", "number_type_not_allowed"),
        ("+870773111632", "number_type_not_allowed"),
        ("+442079460000", "country_not_allowed"),
        ("+18765230123", "country_not_allowed"),
        ("+12423456789", "country_not_allowed"),
        (FROM_NUMBER, "own_number"),
    ] {
        let answer = changed(&api, json!({ "to_number": number })).await;
        answer.assert_problem(422, code);
        assert_eq!(answer.fields(), ["to_number"]);
    }
    api.assert_untouched().await;
    api.assert_counted(0).await;
}

#[tokio::test]
async fn configured_countries_are_allowed() {
    let api = Api::with(|stage| stage.set("ALLOWED_COUNTRIES", "gb, de")).await;
    let london = changed(&api, json!({ "to_number": "+442079460000" })).await;
    assert_eq!(london.status, 201, "{}", london.text());
    let new_york = changed(&api, json!({})).await;
    new_york.assert_problem(422, "country_not_allowed");
    let detail = new_york.text();
    assert!(detail.contains("GB, DE"), "{detail}");
}

#[tokio::test]
async fn unknown_user_is_not_found() {
    let api = Api::new().await;
    for id in [
        "65f0a1b2c3d4e5f601234567",
        "",
        "1",
        "../../etc",
        "65f0a1b2c3d4e5f60123456z",
        "é",
    ] {
        let answer = changed(&api, json!({ "user_id": id })).await;
        answer.assert_problem(404, "not_found");
        assert!(answer.text().contains("user"), "{}", answer.text());
    }
    api.assert_untouched().await;
    api.assert_counted(0).await;
}

#[tokio::test]
async fn body_that_is_not_a_json_object_is_malformed() {
    let api = Api::new().await;
    let json = |body: &str| {
        Request::new("POST", "/calls/outbound")
            .with_key(API_KEY)
            .header("content-type", "application/json")
            .body(body)
    };
    for body in [
        "",
        "{",
        "[]",
        "null",
        "\"x\"",
        "3",
        "{}{}",
        "{\"script\": \"\\ud800\"}",
        "\u{feff}{}",
    ] {
        let answer = json(body).send(&api.router).await;
        answer.assert_problem(400, "malformed_json");
    }
    let not_utf8 = json("")
        .bytes(b"{\"script\": \"\xff\"}")
        .send(&api.router)
        .await;
    not_utf8.assert_problem(400, "malformed_json");
    let no_body = Request::new("POST", "/calls/outbound")
        .with_key(API_KEY)
        .header("content-type", "application/json")
        .send(&api.router)
        .await;
    no_body.assert_problem(400, "malformed_json");
    api.assert_untouched().await;
}

#[tokio::test]
async fn repeated_field_does_not_evade_the_rules() {
    let api = Api::new().await;
    let body = format!(
        r#"{{"user_id": "{}", "to_number": "+442079460000", "script": "Hello.", "to_number": "+442079460000"}}"#,
        api.user
    );
    let answer = post(&json!({})).body(&body).send(&api.router).await;
    answer.assert_problem(422, "country_not_allowed");
    api.assert_untouched().await;
}

#[tokio::test]
async fn other_content_types_are_refused() {
    let api = Api::new().await;
    for media in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "",
    ] {
        let request = post(&api.body()).header("content-type", media);
        request
            .send(&api.router)
            .await
            .assert_problem(415, "unsupported_media_type");
    }
    let none = post(&api.body())
        .without("content-type")
        .send(&api.router)
        .await;
    none.assert_problem(415, "unsupported_media_type");
    api.assert_untouched().await;

    let charset = post(&api.body()).header("content-type", "Application/JSON; charset=utf-8");
    assert_eq!(charset.send(&api.router).await.status, 201);
}

#[tokio::test]
async fn body_over_64_kb_is_too_large() {
    let api = Api::new().await;
    let padded = |length: usize| {
        let body = api.body().to_string();
        let padding = " ".repeat(length - body.len());
        post(&json!({})).body(&format!("{body}{padding}"))
    };
    let large = padded(64 * 1_024 + 1).send(&api.router).await;
    large.assert_problem(413, "payload_too_large");
    api.assert_untouched().await;
    let fits = padded(64 * 1_024).send(&api.router).await;
    assert_eq!(fits.status, 201);
}

#[tokio::test]
async fn unknown_method_is_405_and_unknown_path_404() {
    let api = Api::new().await;
    let id = outdial::domain::CallId::generate();
    for (method, path, allow) in [
        ("GET", "/calls/outbound".to_owned(), "POST"),
        ("DELETE", "/calls/outbound".to_owned(), "POST"),
        ("POST", format!("/calls/{id}"), "GET"),
        ("GET", format!("/calls/{id}/hangup"), "POST"),
        ("POST", format!("/calls/{id}/recordings"), "GET"),
        (
            "PUT",
            "/recordings/65f0a1b2c3d4e5f601234567".to_owned(),
            "GET",
        ),
    ] {
        let answer = Request::new(method, &path)
            .with_key(API_KEY)
            .send(&api.router)
            .await;
        answer.assert_problem(405, "method_not_allowed");
        assert!(
            answer.header("allow").contains(allow),
            "{method} {path}: {}",
            answer.header("allow")
        );
    }
    for path in ["/calls/", "/calls/a/b/c", "/recordings", "/stats/x", "/%zz"] {
        api.get(path).await.assert_problem(404, "not_found");
    }
}
