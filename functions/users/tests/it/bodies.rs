//! Tests which bodies are refused, and that every invalid field is named.

use axum::Router;
use serde_json::{Value, json};
use testkit::{Answer, Request};

use crate::support::{ada, create_ada, start, stored_users};

const LIMIT: usize = 64 * 1024;

fn without(field: &str) -> Value {
    let mut body = ada();
    body.as_object_mut().unwrap().remove(field);
    body
}

fn with(field: &str, value: &Value) -> Value {
    let mut body = ada();
    body[field] = value.clone();
    body
}

async fn post(function: &Router, body: &str) -> Answer {
    Request::post("/users", &json!({}))
        .body(body)
        .send(function)
        .await
}

#[tokio::test]
async fn each_invalid_field_is_named() {
    let (stage, function) = start().await;
    let long = json!("a".repeat(201));
    let long_email = json!(format!(
        "{}@{}.example.com",
        "a".repeat(64),
        "b".repeat(63).repeat(4)
    ));
    for field in ["name", "email", "phone_number"] {
        let answer = Request::post("/users", &without(field))
            .send(&function)
            .await;
        answer.assert_problem(422, "validation_failed");
        assert_eq!(answer.fields(), [field]);
        for value in [
            json!(null),
            json!(""),
            json!("  "),
            json!(1),
            json!(1.5),
            json!(true),
            json!([]),
            json!({}),
            json!(["ada@example.com"]),
        ] {
            let answer = Request::post("/users", &with(field, &value))
                .send(&function)
                .await;
            answer.assert_problem(422, "validation_failed");
            assert_eq!(answer.fields(), [field], "{value}");
        }
    }
    for (field, value) in [
        ("name", long.clone()),
        ("name", json!("Ada\u{0}")),
        ("name", json!("Ada\nLovelace")),
        ("email", long),
        ("email", long_email),
        ("email", json!(format!("{}@example.com", "a".repeat(65)))),
        ("email", json!("ada")),
        ("email", json!("ada@")),
        ("email", json!("@example.com")),
        ("email", json!("ada@localhost")),
        ("email", json!("ada@@example.com")),
        ("email", json!("ada lovelace@example.com")),
        ("email", json!(" ada@example.com")),
        ("email", json!("ada@example.com\n")),
        ("email", json!("Ada <ada@example.com>")),
        ("email", json!("ada@[127.0.0.1]")),
        ("email", json!("ada@example..com")),
        ("time_zone", json!("")),
        ("time_zone", json!("EST5")),
        ("time_zone", json!("america/new_york")),
        ("time_zone", json!("+02:00")),
        ("time_zone", json!(-5)),
        ("phone_number", json!("12125550123")),
        ("phone_number", json!("+0125550123")),
        ("phone_number", json!("+1 212 555 0123")),
        ("phone_number", json!("+1234567890123456")),
        ("phone_number", json!("+123456")),
        ("phone_number", json!("+١٢٣٤٥٦٧٨")),
    ] {
        let answer = Request::post("/users", &with(field, &value))
            .send(&function)
            .await;
        answer.assert_problem(422, "validation_failed");
        assert_eq!(answer.fields(), [field], "{value}");
    }
    assert_eq!(stored_users(&stage).await, 0);
}

#[tokio::test]
async fn all_invalid_fields_are_listed_at_once() {
    let (stage, function) = start().await;
    let body = json!({"name": "", "email": 7, "age": 1, "is_admin": true});
    let answer = Request::post("/users", &body).send(&function).await;
    answer.assert_problem(422, "validation_failed");
    assert_eq!(
        answer.fields(),
        ["age", "email", "is_admin", "name", "phone_number"]
    );
    for error in answer.json()["errors"].as_array().unwrap() {
        assert!(!error["message"].as_str().unwrap().is_empty(), "{error}");
    }
    let answer = Request::post("/users", &json!({})).send(&function).await;
    assert_eq!(answer.fields(), ["email", "name", "phone_number"]);
    assert_eq!(stored_users(&stage).await, 0);
}

#[tokio::test]
async fn response_only_fields_are_unknown_in_bodies() {
    let (_stage, function) = start().await;
    for field in [
        "id",
        "_id",
        "email_lower",
        "created_at",
        "created_by",
        "$set",
        "name ",
    ] {
        let answer = Request::post("/users", &with(field, &json!("x")))
            .send(&function)
            .await;
        answer.assert_problem(422, "validation_failed");
        assert_eq!(answer.fields(), [field]);
    }
}

#[tokio::test]
async fn body_that_is_not_a_json_object_is_400() {
    let (stage, function) = start().await;
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let deep_inside = format!(
        r#"{{"name": {}1{}}}"#,
        "{\"a\":".repeat(5_000),
        "}".repeat(5_000)
    );
    for body in [
        "",
        " ",
        "{",
        "}",
        "{]",
        "nul",
        "{\"name\": }",
        "{'name': 'Ada'}",
        "{\"a\": 1}}",
        "{\"name\": \"\\ud800\"}",
        "{\"a\": 1e999}",
        "{\"a\": NaN}",
        "\u{feff}{}",
        "null",
        "true",
        "1",
        "\"text\"",
        "[]",
        "[{}]",
        &deep,
        &deep_inside,
    ] {
        let answer = post(&function, body).await;
        answer.assert_problem(400, "malformed_json");
        assert_eq!(answer.json()["errors"], json!([]));
    }
    let missing = Request::new("POST", "/users")
        .with_key(testkit::API_KEY)
        .header("content-type", "application/json");
    missing
        .send(&function)
        .await
        .assert_problem(400, "malformed_json");
    let invalid_utf8 = missing.bytes(b"{\"name\": \"\xff\"}");
    invalid_utf8
        .send(&function)
        .await
        .assert_problem(400, "malformed_json");
    assert_eq!(stored_users(&stage).await, 0);
}

#[tokio::test]
async fn content_type_must_be_json() {
    let (stage, function) = start().await;
    let request = Request::post("/users", &ada());
    for media in [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/jsonp",
        "application/problem+json",
        "json",
        "text/plain; application/json",
    ] {
        let answer = request
            .clone()
            .header("content-type", media)
            .send(&function)
            .await;
        answer.assert_problem(415, "unsupported_media_type");
    }
    let answer = request
        .clone()
        .without("content-type")
        .send(&function)
        .await;
    answer.assert_problem(415, "unsupported_media_type");
    let user = format!("/users/{}", bson::oid::ObjectId::new());
    let patch = Request::new("PATCH", &user)
        .with_key(testkit::API_KEY)
        .body("{}");
    patch
        .send(&function)
        .await
        .assert_problem(415, "unsupported_media_type");
    assert_eq!(stored_users(&stage).await, 0);
}

#[tokio::test]
async fn json_may_have_parameters_and_any_case() {
    let (_stage, function) = start().await;
    for (at, media) in [
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/json ;charset=\"UTF-8\"",
    ]
    .into_iter()
    .enumerate()
    {
        let body = with("email", &json!(format!("ada{at}@example.com")));
        let request = Request::post("/users", &body).header("content-type", media);
        assert_eq!(request.send(&function).await.status, 201, "{media}");
    }
}

/// Returns the body, padded with blanks to this many bytes.
fn padded(bytes: usize) -> String {
    let body = ada().to_string();
    let (inside, _) = body.rsplit_once('}').unwrap();
    format!("{inside}{}}}", " ".repeat(bytes - body.len()))
}

#[tokio::test]
async fn body_has_at_most_64_kb() {
    let (stage, function) = start().await;
    let over = post(&function, &padded(LIMIT + 1)).await;
    over.assert_problem(413, "payload_too_large");
    let over = Request::post("/users", &json!({})).bytes(padded(LIMIT + 1).as_bytes());
    over.send(&function)
        .await
        .assert_problem(413, "payload_too_large");
    assert_eq!(stored_users(&stage).await, 0);
    assert_eq!(post(&function, &padded(LIMIT)).await.status, 201);
}

#[tokio::test]
async fn base64_body_is_decoded() {
    let (_stage, function) = start().await;
    let good = Request::post("/users", &json!({}))
        .bytes(with("name", &json!("Ada Ł")).to_string().as_bytes());
    let answer = good.send(&function).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.json()["name"], "Ada Ł");
    let bad = good.bytes(b"{\"name\": 1}");
    assert_eq!(
        bad.send(&function).await.fields(),
        ["email", "name", "phone_number"]
    );
}

#[tokio::test]
async fn every_invalid_field_of_a_change_is_listed() {
    let (_stage, function) = start().await;
    let user = create_ada(&function).await;
    let patch = |body: Value| {
        Request::new("PATCH", &user)
            .with_key(testkit::API_KEY)
            .json(&body)
    };
    let body = json!({"name": null, "email": "nobody", "phone_number": [], "id": "x"});
    let answer = patch(body).send(&function).await;
    answer.assert_problem(422, "validation_failed");
    assert_eq!(answer.fields(), ["email", "id", "name", "phone_number"]);
    let answer = patch(json!([])).send(&function).await;
    answer.assert_problem(400, "malformed_json");
    let answer = patch(json!({}))
        .body(&padded(LIMIT + 1))
        .send(&function)
        .await;
    answer.assert_problem(413, "payload_too_large");
    let unchanged = Request::get(&user).send(&function).await.json();
    assert_eq!(unchanged["name"], "Ada Lovelace");
}
