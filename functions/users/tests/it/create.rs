//! Tests creating a user, and that an address belongs to one user.

use mongodb::bson::{Document, doc};
use serde_json::json;
use testkit::{Request, Stage};

use crate::support::{ada, create, function, is_recent, start, stored_users, text};

#[tokio::test]
async fn new_user_has_a_location() {
    let (stage, function) = start().await;
    let answer = Request::post("/users", &ada()).send(&function).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "application/json");
    let user = answer.json();
    let id = text(&user, "id");
    assert_eq!(answer.header("location"), format!("/users/{id}"));
    assert!(id.len() == 24 && id.bytes().all(|b| b.is_ascii_hexdigit()));
    let mut fields: Vec<_> = user
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "created_at",
            "created_by",
            "email",
            "id",
            "name",
            "phone_number",
            "time_zone",
            "updated_at"
        ]
    );
    assert_eq!(user["name"], "Ada Lovelace");
    assert_eq!(user["email"], "ada@example.com");
    assert_eq!(user["phone_number"], "+12125550123");
    assert_eq!(user["time_zone"], json!(null));
    assert_eq!(user["created_by"], "tester");
    assert!(is_recent(text(&user, "created_at")), "{user}");
    assert_eq!(user["created_at"], user["updated_at"]);

    let read = Request::get(answer.header("location"))
        .send(&function)
        .await;
    assert_eq!(read.status, 200);
    assert_eq!(read.json(), user);

    let stored = stage.database().collection::<Document>("users");
    let stored = stored.find_one(doc! {}).await.unwrap().unwrap();
    assert_eq!(stored.get_object_id("_id").unwrap().to_hex(), id);
    assert_eq!(stored.get_str("email_lower").unwrap(), "ada@example.com");
    assert!(stored.get_datetime("created_at").is_ok());
}

#[tokio::test]
async fn user_may_have_a_time_zone() {
    let (stage, function) = start().await;
    let mut body = ada();
    body["time_zone"] = "America/New_York".into();
    let user = create(&function, &body).await;
    assert_eq!(user["time_zone"], "America/New_York");
    let stored = stage.database().collection::<Document>("users");
    let stored = stored.find_one(doc! {}).await.unwrap().unwrap();
    assert_eq!(stored.get_str("time_zone").unwrap(), "America/New_York");
}

#[tokio::test]
async fn user_created_without_a_key_has_no_creator() {
    let stage = Stage::new().await.set("API_KEYS", "");
    let function = function(&stage);
    let answer = Request::new("POST", "/users")
        .json(&ada())
        .send(&function)
        .await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.json()["created_by"], json!(null));
}

#[tokio::test]
async fn address_is_unique_in_any_case() {
    let (stage, function) = start().await;
    create(&function, &ada()).await;
    for email in ["ada@example.com", "ADA@example.com", "Ada@Example.COM"] {
        let mut other = ada();
        other["email"] = email.into();
        let answer = Request::post("/users", &other).send(&function).await;
        answer.assert_problem(409, "email_taken");
        assert!(
            !answer.text().to_lowercase().contains("ada@"),
            "{}",
            answer.text()
        );
    }
    assert_eq!(stored_users(&stage).await, 1);
}

#[tokio::test]
async fn address_keeps_its_case() {
    let (_stage, function) = start().await;
    let mut body = ada();
    body["email"] = "Ada@Example.com".into();
    assert_eq!(create(&function, &body).await["email"], "Ada@Example.com");
}

#[tokio::test]
async fn concurrent_requests_create_one_user_per_address() {
    let (stage, function) = start().await;
    let body = ada();
    let request = Request::post("/users", &body);
    let answers = tokio::join!(
        request.send(&function),
        request.send(&function),
        request.send(&function),
        request.send(&function)
    );
    let mut statuses =
        [answers.0, answers.1, answers.2, answers.3].map(|answer| answer.status.as_u16());
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409]);
    assert_eq!(stored_users(&stage).await, 1);
}

#[tokio::test]
async fn values_at_their_limits_are_accepted() {
    let (_stage, function) = start().await;
    let long_local = "a".repeat(64);
    for (name, email, phone_number) in [
        ("x".to_owned(), "a@b.co".to_owned(), "+1234567"),
        (
            "é".repeat(200),
            "o'brien+tag@mail.example.org".to_owned(),
            "+123456789012345",
        ),
        (
            "  名前 太郎  ".to_owned(),
            format!("{long_local}@example.com"),
            "+442079460000",
        ),
    ] {
        let body = json!({"name": name, "email": email, "phone_number": phone_number});
        let user = create(&function, &body).await;
        assert_eq!(user["name"], name.trim());
        assert_eq!(user["email"], email.as_str());
        assert_eq!(user["phone_number"], phone_number);
    }
}
