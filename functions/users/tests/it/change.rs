//! Tests changing and deleting a user.

use mongodb::bson::{doc, oid::ObjectId};
use outdial::domain::CallStatus;
use serde_json::{Value, json};
use testkit::{API_KEY, Request};

use crate::support::{ada, create, create_ada, is_recent, start, store_call, stored_users, text};

fn patch(path: &str, body: &Value) -> Request {
    Request::new("PATCH", path).with_key(API_KEY).json(body)
}

fn delete(path: &str) -> Request {
    Request::new("DELETE", path).with_key(API_KEY)
}

#[tokio::test]
async fn change_leaves_other_fields_unchanged() {
    let (_stage, function) = start().await;
    let created = create(&function, &ada()).await;
    let path = format!("/users/{}", text(&created, "id"));
    let mut expected = created.clone();
    for (field, value) in [
        ("name", "Ada King"),
        ("email", "countess@example.org"),
        ("phone_number", "+442079460000"),
    ] {
        let answer = patch(&path, &json!({field: value})).send(&function).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let user = answer.json();
        expected[field] = value.into();
        expected["updated_at"] = user["updated_at"].clone();
        assert_eq!(user, expected);
        assert!(is_recent(text(&user, "updated_at")));
        assert!(text(&user, "updated_at") >= text(&created, "updated_at"));
        assert_eq!(Request::get(&path).send(&function).await.json(), expected);
    }
}

#[tokio::test]
async fn time_zone_is_set_changed_and_removed() {
    let (_stage, function) = start().await;
    let path = create_ada(&function).await;
    for (change, zone) in [
        (
            json!({"time_zone": "Asia/Kathmandu"}),
            json!("Asia/Kathmandu"),
        ),
        (json!({"name": "Ada King"}), json!("Asia/Kathmandu")),
        (
            json!({"time_zone": "Europe/London"}),
            json!("Europe/London"),
        ),
        (json!({"time_zone": null}), Value::Null),
        (json!({"time_zone": null}), Value::Null),
    ] {
        let answer = patch(&path, &change).send(&function).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json()["time_zone"], zone, "{change}");
        assert_eq!(
            Request::get(&path).send(&function).await.json(),
            answer.json()
        );
    }
    for bad in [json!("EDT"), json!(""), json!("Europe/Atlantis"), json!(1)] {
        let answer = patch(&path, &json!({"time_zone": bad}))
            .send(&function)
            .await;
        answer.assert_problem(422, "validation_failed");
        assert_eq!(answer.fields(), ["time_zone"], "{bad}");
    }
}

#[tokio::test]
async fn empty_change_changes_nothing() {
    let (_stage, function) = start().await;
    let created = create(&function, &ada()).await;
    let path = format!("/users/{}", text(&created, "id"));
    let answer = patch(&path, &json!({})).send(&function).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json(), created);
}

#[tokio::test]
async fn change_cannot_take_another_users_address_but_can_change_case() {
    let (_stage, function) = start().await;
    let path = create_ada(&function).await;
    let mut bob = ada();
    bob["email"] = "bob@example.com".into();
    create(&function, &bob).await;
    let answer = patch(
        &path,
        &json!({"email": "BOB@example.com", "name": "Changed"}),
    )
    .send(&function)
    .await;
    answer.assert_problem(409, "email_taken");
    let user = Request::get(&path).send(&function).await.json();
    assert_eq!(
        (&user["email"], &user["name"]),
        (&json!("ada@example.com"), &json!("Ada Lovelace"))
    );
    for email in ["ADA@Example.com", "ada@example.com"] {
        let answer = patch(&path, &json!({"email": email})).send(&function).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json()["email"], email);
    }
}

#[tokio::test]
async fn abandoned_address_is_free() {
    let (_stage, function) = start().await;
    let path = create_ada(&function).await;
    patch(&path, &json!({"email": "new@example.com"}))
        .send(&function)
        .await;
    create(&function, &ada()).await;
}

#[tokio::test]
async fn deleted_user_is_404() {
    let (stage, function) = start().await;
    let path = create_ada(&function).await;
    let answer = delete(&path).send(&function).await;
    assert_eq!(answer.status, 204);
    assert!(answer.body.is_empty());
    for request in [
        delete(&path),
        Request::get(&path),
        patch(&path, &json!({"name": "x"})),
        patch(&path, &json!({})),
    ] {
        request
            .send(&function)
            .await
            .assert_problem(404, "not_found");
    }
    assert_eq!(stored_users(&stage).await, 0);
    create(&function, &ada()).await;
}

#[tokio::test]
async fn user_with_an_open_batch_cannot_be_deleted() {
    let (stage, function) = start().await;
    let path = create_ada(&function).await;
    let user = path.trim_start_matches("/users/");
    let batches = stage.database().collection("batches");
    for status in ["running", "canceled"] {
        let batch = doc! { "_id": status, "user_id": user, "status": status };
        batches.insert_one(batch).await.unwrap();
    }
    let answer = delete(&path).send(&function).await;
    answer.assert_problem(409, "user_has_batches");
    batches.delete_one(doc! { "_id": "running" }).await.unwrap();
    assert_eq!(delete(&path).send(&function).await.status, 204);
}

#[tokio::test]
async fn user_with_calls_cannot_be_deleted() {
    let (stage, function) = start().await;
    let path = create_ada(&function).await;
    store_call(
        &stage,
        path.trim_start_matches("/users/"),
        CallStatus::Completed,
        1,
    )
    .await;
    let answer = delete(&path).send(&function).await;
    answer.assert_problem(409, "user_has_calls");
    assert_eq!(Request::get(&path).send(&function).await.status, 200);
}

#[tokio::test]
async fn malformed_user_id_is_404() {
    let (_stage, function) = start().await;
    let unknown = ObjectId::new().to_hex();
    for id in [
        unknown.as_str(),
        "1",
        "me",
        "zzzzzzzzzzzzzzzzzzzzzzzz",
        "65f0a1b2c3d4e5f6012345678",
        "%ff%fe",
        "%",
        "%zz",
        "%00",
        "..%2f..",
        "65f0a1b2c3d4e5f60123456%37x",
        "{user_id}",
        "ünï",
        "🙂",
        "a b",
        "$where",
    ] {
        let path = format!("/users/{id}");
        for request in [
            Request::get(&path),
            patch(&path, &json!({"name": "x"})),
            delete(&path),
            Request::get(&format!("{path}/calls")),
        ] {
            request
                .send(&function)
                .await
                .assert_problem(404, "not_found");
        }
    }
}

#[tokio::test]
async fn id_is_case_insensitive() {
    let (_stage, function) = start().await;
    let path = create_ada(&function).await;
    let upper = path.replace("/users/", "").to_uppercase();
    assert_eq!(
        Request::get(&format!("/users/{upper}"))
            .send(&function)
            .await
            .status,
        200
    );
}
