//! Tests creating a batch, and what its fields may be.

use mongodb::bson::{DateTime, Document, doc};
use serde_json::{Value, json};
use testkit::{Request, api_key};

use crate::support::{Api, router, text};

#[tokio::test]
async fn new_batch_is_a_draft_with_a_location_and_defaults() {
    let api = Api::new().await;
    let answer = api.send(&Request::post("/batches", &api.body())).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let batch = answer.json();
    let id = text(&batch["batch_id"]);
    assert_eq!(answer.header("location"), format!("/batches/{id}"));
    assert_eq!(batch["status"], "draft");
    assert_eq!(batch["priority"], "bulk");
    assert_eq!(batch["created_by"], "tester");
    for absent in [
        "voice",
        "language",
        "machine_detection",
        "retry",
        "scheduled_at",
        "calls_per_second",
        "started_at",
    ] {
        assert_eq!(batch[absent], Value::Null, "{absent}");
    }
    let at = |name: &str| DateTime::parse_rfc3339_str(text(&batch[name])).unwrap();
    let life = at("expires_at").timestamp_millis() - at("created_at").timestamp_millis();
    assert_eq!(life, 7 * 86_400_000);
    let stored = api.stage.database().collection::<Document>("batches");
    let stored = stored.find_one(doc! { "_id": &id }).await.unwrap().unwrap();
    assert_eq!(stored.get_str("status").unwrap(), "draft");
    let read = api.read(&id).await;
    assert_eq!(
        read["progress"],
        json!({
            "recipients": 0, "attempts": 0, "by_status": {}, "by_result": {}, "other_results": 0,
            "eta": null,
        })
    );
}

#[tokio::test]
async fn every_field_of_the_request_is_kept() {
    let api = Api::new().await;
    let at = |hours: i64| {
        let at = DateTime::now().timestamp_millis() / 1_000 * 1_000 + hours * 3_600_000;
        DateTime::from_millis(at).try_to_rfc3339_string().unwrap()
    };
    let mut body = api.body();
    let more = json!({
        "voice": "woman", "language": "en-US", "machine_detection": "Enable", "recording_enabled": true,
        "metadata": { "campaign": "June" }, "priority": "bulk", "calls_per_second": 2,
        "retry": { "max_attempts": 2, "on": ["busy", "voicemail"], "delays_seconds": [60] },
    });
    let fields = body.as_object_mut().unwrap();
    fields.extend(more.as_object().unwrap().clone());
    fields.insert("scheduled_at".to_owned(), at(24).into());
    fields.insert("expires_at".to_owned(), at(48).into());
    let batch = api.read(&api.batch_of(&body).await).await;
    for (field, value) in more.as_object().unwrap() {
        match field.as_str() {
            "calls_per_second" => assert_eq!(batch[field], 2.0),
            "retry" => {
                assert_eq!(batch["retry"]["max_attempts"], 2);
                assert_eq!(batch["retry"]["expires_at"], batch["expires_at"]);
            }
            _ => assert_eq!(batch[field], *value, "{field}"),
        }
    }
    for name in ["scheduled_at", "expires_at"] {
        let [sent, shown] = [&body, &batch].map(|it| DateTime::parse_rfc3339_str(text(&it[name])));
        assert_eq!(sent.unwrap(), shown.unwrap(), "{name}");
    }
}

#[tokio::test]
async fn batch_without_expiry_lives_seven_days_after_its_schedule() {
    let api = Api::new().await;
    let mut body = api.body();
    let at = DateTime::from_millis(DateTime::now().timestamp_millis() + 86_400_000);
    body["scheduled_at"] = at.try_to_rfc3339_string().unwrap().into();
    let batch = api.read(&api.batch_of(&body).await).await;
    let expires_at = DateTime::parse_rfc3339_str(text(&batch["expires_at"])).unwrap();
    let life = expires_at.timestamp_millis() - at.timestamp_millis();
    assert_eq!(life, 7 * 86_400_000);
}

#[tokio::test]
async fn invalid_fields_are_named_all_at_once() {
    let api = Api::new().await;
    for (field, values) in [
        (
            "name",
            vec![
                json!(""),
                json!(" "),
                json!("a\nb"),
                json!("a".repeat(201)),
                json!(1),
            ],
        ),
        (
            "script",
            vec![
                json!(""),
                json!("{% for x in y %}{% endfor %}"),
                json!("{{ name"),
                json!("{{ name | shout }}"),
                json!("a".repeat(3_001)),
                json!("\u{7}"),
            ],
        ),
        (
            "priority",
            vec![json!("urgent"), json!("normal"), json!("low"), json!(1)],
        ),
        (
            "calls_per_second",
            vec![json!(0), json!(0.05), json!(1_001), json!("1"), json!(-1)],
        ),
        (
            "expires_at",
            vec![json!("2020-01-01T00:00:00Z"), json!("tomorrow")],
        ),
        (
            "scheduled_at",
            vec![json!("2020-01-01T00:00:00Z"), json!("2999-01-01T00:00:00Z")],
        ),
        ("retry.max_attempts", vec![]),
        ("to_number", vec![json!("+12125550123")]),
        (
            "metadata",
            vec![json!({ "a": "b".repeat(3_000) }), json!([])],
        ),
    ] {
        for value in values {
            let mut body = api.body();
            body[field] = value.clone();
            let answer = api.send(&Request::post("/batches", &body)).await;
            answer.assert_problem(422, "validation_failed");
            assert_eq!(answer.fields(), [field], "{value}");
        }
    }
    let mut body = api.body();
    body["calls_per_second"] = json!("1");
    let answer = api.send(&Request::post("/batches", &body)).await;
    assert_eq!(
        answer.json()["errors"][0]["message"],
        "must be a number",
        "{}",
        answer.text()
    );
    let body = json!({
        "name": 1, "user_id": api.user, "script": "Hello.",
        "retry": { "max_attempts": 11, "on": [], "delays_seconds": [] },
    });
    let answer = api.send(&Request::post("/batches", &body)).await;
    answer.assert_problem(422, "validation_failed");
    let wanted = [
        "name",
        "retry.delays_seconds",
        "retry.max_attempts",
        "retry.on",
    ];
    assert_eq!(answer.fields(), wanted);
    assert_eq!(api.stage.count("batches").await, 0);
}

#[tokio::test]
async fn retries_must_fit_before_the_batch_expires() {
    let api = Api::new().await;
    let mut body = api.body();
    body["retry"] = json!({ "max_attempts": 3, "delays_seconds": [604_800] });
    let answer = api.send(&Request::post("/batches", &body)).await;
    answer.assert_problem(422, "validation_failed");
    assert_eq!(answer.fields(), ["retry.delays_seconds"]);
    body["retry"] = json!({ "on": ["voicemail"] });
    let answer = api.send(&Request::post("/batches", &body)).await;
    assert_eq!(answer.fields(), ["retry.on"]);
}

#[tokio::test]
async fn unknown_users_and_refused_voices_create_no_batch() {
    let api = Api::new().await;
    for id in ["65f0a1b2c3d4e5f601234567", "nobody", ""] {
        let mut body = api.body();
        body["user_id"] = id.into();
        let answer = api.send(&Request::post("/batches", &body)).await;
        answer.assert_problem(404, "not_found");
    }
    let mut body = api.body();
    body["voice"] = "Polly.Joanna-Generative".into();
    let answer = api.send(&Request::post("/batches", &body)).await;
    answer.assert_problem(422, "voice_not_allowed");
    assert_eq!(api.stage.count("batches").await, 0);
}

#[tokio::test]
async fn stack_without_a_dial_queue_has_no_batches() {
    let api = Api::new().await;
    let id = api.filled(1).await;
    let api = Api {
        router: router(&api.stage.clone().set("DIAL_QUEUE_URL", "")),
        ..api
    };
    let answer = api.send(&Request::post("/batches", &api.body())).await;
    answer.assert_problem(422, "scheduling_unavailable");
    let answer = api
        .add(&id, &json!([{ "to_number": "+12125550123" }]))
        .await;
    answer.assert_problem(422, "scheduling_unavailable");
    let answer = api.change(&id, "start").await;
    answer.assert_problem(422, "scheduling_unavailable");
    assert_eq!(api.read(&id).await["status"], "draft");
    assert_eq!(api.change(&id, "cancel").await.status, 202);
}

#[tokio::test]
async fn each_route_needs_its_scope() {
    let keys = [
        api_key("all", testkit::API_KEY, ""),
        api_key("reads", "reads", "calls:read"),
        api_key("writes", "writes", "calls:write"),
    ];
    let api = Api::with(|stage| stage.set("API_KEYS", &keys.join(","))).await;
    let id = api.filled(1).await;
    let path = format!("/batches/{id}");
    for path in ["/batches", &path, &format!("{path}/results")] {
        assert_eq!(
            api.send(&Request::new("GET", path).with_key("reads"))
                .await
                .status,
            200
        );
        let answer = api
            .send(&Request::new("GET", path).with_key("writes"))
            .await;
        answer.assert_problem(403, "missing_scope");
        let answer = api.send(&Request::new("GET", path)).await;
        answer.assert_problem(401, "unauthorized");
    }
    for what in ["", "/recipients", "/start", "/pause", "/resume", "/cancel"] {
        let path = if what.is_empty() {
            "/batches".to_owned()
        } else {
            format!("{path}{what}")
        };
        let answer = api
            .send(&Request::new("POST", &path).with_key("reads"))
            .await;
        answer.assert_problem(403, "missing_scope");
    }
    assert_eq!(api.read(&id).await["status"], "draft");
}
