//! Tests that one `Idempotency-Key` dials once.

use futures_util::future::join_all;
use mongodb::bson::{DateTime, Document, doc, oid::ObjectId};
use serde_json::{Value, json};
use testkit::{API_KEY, Answer, api_key};

use crate::support::{
    Api, eventually, in_minutes, router, status_callback, status_router, text, with_key,
};

#[track_caller]
fn assert_replayed(answer: &Answer, status: u16) {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.text());
    assert_eq!(answer.header("idempotent-replayed"), "true");
}

#[tokio::test]
async fn replay_has_the_first_status_and_the_current_call() {
    let api = Api::new().await;
    let first = api.post_with_key("order-4711", &api.body()).await;
    assert_eq!(first.status, 201, "{}", first.text());
    assert_eq!(first.header("idempotent-replayed"), "");
    let id = text(&first.json()["call_id"]);

    let second = api.post_with_key("order-4711", &api.body()).await;
    assert_replayed(&second, 201);
    assert_eq!(second.json(), first.json());
    assert_eq!(second.header("location"), format!("/calls/{id}"));

    let sid = text(&first.json()["twilio_sid"]);
    let told = status_callback(&id, &sid, "ringing", 1)
        .send(&status_router(&api.stage))
        .await;
    assert_eq!(told.status, 200, "{}", told.text());
    let third = api.post_with_key("order-4711", &api.body()).await;
    assert_replayed(&third, 201);
    assert_eq!(third.json()["status"], "ringing");

    assert_eq!(api.twilio.dials().await.len(), 1);
    assert_eq!(api.stage.count("calls").await, 1);
    api.assert_counted(1).await;
}

#[tokio::test]
async fn equivalent_body_is_the_same_request() {
    let api = Api::new().await;
    let user = &api.user;
    let bodies = [
        format!(
            r#"{{"user_id":"{user}","to_number":"+12125550109","script":"Hello.","metadata":{{"a":"1","b":"2"}}}}"#
        ),
        format!(
            r#"{{ "metadata": {{"b":"2","a":"1"}}, "script": "\u0048ello.", "to_number": "+12125550109", "user_id": "{user}" }}"#
        ),
        format!(
            r#"{{"recording_enabled":false,"voice":null,"user_id":"{user}","to_number":"+12125550109","script":"Hello.","metadata":{{"a":"1","b":"2"}}}}"#
        ),
    ];
    let mut ids = Vec::new();
    for body in &bodies {
        let answer = with_key("k", &json!({})).body(body).send(&api.router).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        ids.push(text(&answer.json()["call_id"]));
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert_eq!(api.twilio.dials().await.len(), 1);
}

/// A client may repeat a request after the deployment of a new version.
#[tokio::test]
async fn hash_of_a_request_without_new_fields_is_that_of_earlier_versions() {
    // A version without the fields for scheduling stored it.
    const EARLIER: &str = "BIfGq6I9mLICig_m5xvPhTVpovHzpnIt1vhBfzyplTA";
    const USER: &str = "65f0a1b2c3d4e5f601234567";
    let api = Api::with_queue().await;
    let users = api.stage.database().collection::<Document>("users");
    let mut user = users.find_one(doc! {}).await.unwrap().unwrap();
    user.insert("_id", ObjectId::parse_str(USER).unwrap());
    user.insert("email_lower", "ada@example.org");
    user.insert("email", "ada@example.org");
    users.insert_one(user).await.unwrap();
    let bare = json!({ "user_id": USER, "to_number": "+12125550109", "script": "Hello." });
    let mut with_defaults = bare.clone();
    with_defaults["priority"] = json!("normal");
    with_defaults["max_wait_seconds"] = json!(3_600);
    with_defaults["outside_calling_hours"] = json!("refuse");
    with_defaults["scheduled_at"] = Value::Null;
    let mut scheduled = bare.clone();
    scheduled["scheduled_at"] = json!(in_minutes(60).to_rfc3339());
    for (key, body, is_earlier) in [
        ("a", bare, true),
        ("b", with_defaults, true),
        ("c", scheduled, false),
    ] {
        let call = api.post_with_key(key, &body).await.json();
        let stored = api.stage.stored(&text(&call["call_id"])).await;
        let is_same = stored.get_str("request_hash").unwrap() == EARLIER;
        assert_eq!(is_same, is_earlier, "{body}");
    }
}

#[tokio::test]
async fn default_that_a_client_names_is_the_same_request() {
    let api = Api::with_queue().await;
    let at = json!(in_minutes(60).to_rfc3339());
    for (at, default, other) in [(Value::Null, "refuse", "wait"), (at, "wait", "refuse")] {
        let mut body = api.body();
        body["scheduled_at"] = at.clone();
        let first = api.post_with_key(default, &body).await;
        body["outside_calling_hours"] = json!(default);
        let again = api.post_with_key(default, &body).await;
        assert_replayed(&again, first.status.as_u16());
        body["outside_calling_hours"] = json!(other);
        api.post_with_key(default, &body)
            .await
            .assert_problem(422, "idempotency_key_reused");
    }
    let mut body = api.body();
    body["retry"] = json!({});
    let first = api.post_with_key("retry", &body).await;
    body["retry"] = json!({
        "max_attempts": 3,
        "on": ["no-answer", "failed", "busy", "busy"],
        "delays_seconds": [300, 3_600],
    });
    let again = api.post_with_key("retry", &body).await;
    assert_replayed(&again, first.status.as_u16());
}

#[tokio::test]
async fn key_with_another_request_is_refused() {
    let api = Api::new().await;
    assert_eq!(api.post_with_key("k", &api.body()).await.status, 201);
    let user = api.stage.user().await;
    for (field, value) in [
        ("script", json!("Hello!")),
        ("user_id", json!(user)),
        ("to_number", json!("+12125550123")),
        ("recording_enabled", json!(true)),
        ("metadata", json!({ "a": "b" })),
    ] {
        let mut other = api.body();
        other[field] = value;
        let answer = api.post_with_key("k", &other).await;
        answer.assert_problem(422, "idempotency_key_reused");
        assert_eq!(answer.fields(), ["Idempotency-Key"]);
    }
    assert_eq!(api.twilio.dials().await.len(), 1);
    assert_eq!(api.stage.count("calls").await, 1);
    api.assert_counted(1).await;
}

#[tokio::test]
async fn keys_are_independent_of_each_other_and_of_other_callers() {
    let api = Api::with(|stage| {
        let mine = stage.variable("API_KEYS").unwrap_or_default().to_owned();
        let other = api_key("another", "another key", "");
        stage.set("API_KEYS", &format!("{mine},{other}"))
    })
    .await;
    let mine = api.post_with_key("k", &api.body()).await;
    let theirs = with_key("k", &api.body())
        .with_key("another key")
        .send(&api.router)
        .await;
    let another = api.post_with_key("K", &api.body()).await;
    for answer in [&mine, &theirs, &another] {
        assert_eq!(answer.status, 201, "{}", answer.text());
        assert_eq!(answer.header("idempotent-replayed"), "");
    }
    assert_eq!(theirs.json()["created_by"], "another");
    assert_eq!(api.twilio.dials().await.len(), 3);
}

#[tokio::test]
async fn each_request_without_a_key_dials() {
    let api = Api::new().await;
    let first = api.post(&api.body()).await.json();
    let second = api.post(&api.body()).await.json();
    assert_ne!(first["call_id"], second["call_id"]);
    assert_eq!(api.twilio.dials().await.len(), 2);
}

#[tokio::test]
async fn key_has_1_to_255_visible_ascii_characters() {
    let api = Api::new().await;
    for key in ["", " ", "a b", "a\tb", &"k".repeat(256)] {
        let answer = api.post_with_key(key, &api.body()).await;
        answer.assert_problem(422, "validation_failed");
        assert_eq!(answer.fields(), ["Idempotency-Key"], "{key:?}");
    }
    let answer = api.post_with_key("schlüssel", &api.body()).await;
    answer.assert_problem(422, "validation_failed");
    api.assert_untouched().await;
    let longest = api.post_with_key(&"~".repeat(255), &api.body()).await;
    assert_eq!(longest.status, 201, "{}", longest.text());
}

#[tokio::test]
async fn repeat_during_the_first_request_is_a_409() {
    let api = Api::new().await;
    let id = text(&api.post_with_key("k", &api.body()).await.json()["call_id"]);
    let soon = DateTime::from_millis(DateTime::now().timestamp_millis() + 20_000);
    let pending = doc! { "$set": { "dial_outcome": "pending", "dial_deadline": soon },
    "$unset": { "twilio_sid": "", "answered_status": "" } };
    api.change_stored(&id, pending).await;
    let answer = api.post_with_key("k", &api.body()).await;
    answer.assert_problem(409, "request_in_progress");
    let seconds: u32 = answer.header("retry-after").parse().unwrap();
    assert!((1..=30).contains(&seconds));

    let past = DateTime::from_millis(DateTime::now().timestamp_millis() - 1);
    api.change_stored(&id, doc! { "$set": { "dial_deadline": past } })
        .await;
    let answer = api.post_with_key("k", &api.body()).await;
    assert_replayed(&answer, 202);
    assert_eq!(answer.json()["dial_outcome"], "unknown");
    assert_eq!(answer.header("location"), format!("/calls/{id}"));

    let mut other = api.body();
    other["script"] = json!("Another.");
    api.post_with_key("k", &other)
        .await
        .assert_problem(422, "idempotency_key_reused");
    assert_eq!(api.twilio.dials().await.len(), 1);
}

#[tokio::test]
async fn repeat_after_a_webhook_still_waits_for_the_first_request() {
    let api = Api::new().await;
    let plan = json!({ "rest": [
        { "on": "create", "when": "after", "action": "stall", "delay_ms": 3000 }
    ] });
    api.twilio.faults(&plan).await;
    let first = async { api.post_with_key("k", &api.body()).await };
    let meanwhile = async {
        let sid = eventually("Twilio has the call", async || api.sids().await.pop()).await;
        let calls = api.twilio.calls().await;
        let url = text(&calls[0]["url"]);
        let id = url
            .split_once("call_id=")
            .map(|(_, id)| &id[..36])
            .unwrap_or_default();
        status_callback(id, &sid, "initiated", 0)
            .send(&status_router(&api.stage))
            .await;
        assert_eq!(api.call(id).await["dial_outcome"], "accepted");
        api.post_with_key("k", &api.body())
            .await
            .assert_problem(409, "request_in_progress");
    };
    let (first, ()) = tokio::join!(first, meanwhile);
    assert_eq!(first.status, 201, "{}", first.text());
    assert_replayed(&api.post_with_key("k", &api.body()).await, 201);
    assert_eq!(api.twilio.dials().await.len(), 1);
}

#[tokio::test]
async fn replay_of_a_refused_call_is_the_same_refusal() {
    let api = Api::new().await;
    let plan =
        json!({ "rest": [{ "on": "create", "action": "refuse", "status": 400, "code": 21216 }] });
    api.twilio.faults(&plan).await;
    let first = api.post_with_key("k", &api.body()).await;
    first.assert_problem(422, "twilio_refused");
    api.twilio.faults(&json!({})).await;
    let second = api.post_with_key("k", &api.body()).await;
    second.assert_problem(422, "twilio_refused");
    assert_replayed(&second, 422);
    assert_eq!(second.header("retry-after"), "");
    for field in ["twilio_code", "twilio_message", "detail", "errors"] {
        assert_eq!(second.json()[field], first.json()[field]);
    }
    assert_eq!(api.twilio.dials().await.len(), 1);
    api.assert_counted(0).await;
}

#[tokio::test]
async fn replay_of_an_unknown_outcome_is_a_202_with_the_current_call() {
    let api = Api::new().await;
    let plan = json!({ "rest": [{ "on": "create", "when": "after", "action": "garbage" }] });
    api.twilio.faults(&plan).await;
    let first = api.post_with_key("k", &api.body()).await;
    assert_eq!(first.status, 202, "{}", first.text());
    let second = api.post_with_key("k", &api.body()).await;
    assert_replayed(&second, 202);
    assert_eq!(second.json()["dial_outcome"], "unknown");

    let id = text(&first.json()["call_id"]);
    let sid = &api.sids().await[0];
    status_callback(&id, sid, "ringing", 1)
        .send(&status_router(&api.stage))
        .await;
    let third = api.post_with_key("k", &api.body()).await;
    assert_replayed(&third, 202);
    assert_eq!(third.json()["dial_outcome"], "accepted");
    assert_eq!(third.json()["twilio_sid"], **sid);
    assert_eq!(api.twilio.dials().await.len(), 1);
}

#[tokio::test]
async fn repeat_precedes_every_rule() {
    let api = Api::with(|stage| stage.set("MAX_CALLS_PER_USER_PER_DAY", "1")).await;
    let first = api.post_with_key("k", &api.body()).await;
    assert_eq!(first.status, 201);
    api.post_with_key("other", &api.body())
        .await
        .assert_problem(429, "user_daily_cap");
    assert_replayed(&api.post_with_key("k", &api.body()).await, 201);

    for (name, value) in [
        ("ALLOWED_COUNTRIES", "DE"),
        ("TWILIO_FROM_NUMBER", crate::support::QUEUED),
        ("MAX_CALLS_PER_DAY", "0"),
    ] {
        let stricter = router(&api.stage.clone().set(name, value));
        let repeat = with_key("k", &api.body()).send(&stricter).await;
        assert_replayed(&repeat, 201);
    }
    let users = api.stage.database().collection::<Document>("users");
    users.delete_many(doc! {}).await.unwrap();
    assert_replayed(&api.post_with_key("k", &api.body()).await, 201);
    assert_eq!(api.twilio.dials().await.len(), 1);
    api.assert_counted(1).await;
}

#[tokio::test]
async fn twenty_requests_with_one_key_dial_once() {
    let api = Api::with(|stage| stage.set("MAX_CALLS_PER_USER_PER_DAY", "3")).await;
    // Two requests for each router: as many as it has connections, so that none times out in the queue.
    let routers: Vec<_> = (0..10).map(|_| router(&api.stage)).collect();
    let request = with_key("once", &api.body());
    let requests = (0..20).map(|number| request.send(&routers[number % routers.len()]));
    let answers = join_all(requests).await;
    let mut ids = Vec::new();
    for answer in &answers {
        match answer.status.as_u16() {
            201 => ids.push(text(&answer.json()["call_id"])),
            409 => {
                answer.assert_problem(409, "request_in_progress");
            }
            status => panic!("{status}: {}", answer.text()),
        }
    }
    let news = answers.iter().filter(|answer| answer.status == 201);
    let news = news.filter(|answer| answer.header("idempotent-replayed").is_empty());
    assert_eq!(news.count(), 1);
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert_eq!(api.twilio.dials().await.len(), 1);
    assert_eq!(api.stage.count("calls").await, 1);
    api.assert_counted(1).await;
    let repeat = api.post_with_key("once", &api.body()).await;
    assert_replayed(&repeat, 201);
}

/// Each request counts for a moment, so even the first one may reach the cap.
#[tokio::test]
async fn requests_with_one_key_may_use_the_last_call_of_the_day() {
    let caps = [
        "MAX_CALLS_PER_USER_PER_DAY",
        "MAX_CALLS_PER_NUMBER_PER_DAY",
        "MAX_CALLS_PER_DAY",
    ];
    for cap in caps.repeat(2) {
        let api = Api::with(|stage| stage.set(cap, "1")).await;
        let routers: Vec<_> = (0..12).map(|_| router(&api.stage)).collect();
        let request = with_key("once", &api.body());
        let answers = join_all(routers.iter().map(|router| request.send(router))).await;
        api.assert_placed_once(&answers).await;
    }
}

#[tokio::test]
async fn database_never_contains_a_key() {
    let api = Api::new().await;
    let id = text(&api.post_with_key("my-secret-key", &api.body()).await.json()["call_id"]);
    let stored = api.stage.stored(&id).await;
    assert!(stored.get_str("idempotency_scope").is_ok());
    let shown = stored.to_string();
    assert!(
        !shown.contains("my-secret-key") && !shown.contains(API_KEY),
        "{shown}"
    );
    let answer = api.call(&id).await;
    assert_eq!(answer.get("idempotency_scope"), None::<&Value>);
}
