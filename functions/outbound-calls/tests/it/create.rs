//! Placing a call: the stored call, the dial request, and the response.

use mongodb::bson::{Bson, DateTime};
use serde_json::{Value, json};
use testkit::{API_KEY, FROM_NUMBER, Request, api_key};

use crate::support::{Api, QUEUED, post, status_callback, status_router, text};

/// The values of a parameter in the dial request.
pub fn sent(dial: &Value, name: &str) -> Vec<String> {
    let pairs = dial["params"].as_array().cloned().unwrap_or_default();
    let values = pairs.iter().filter_map(|pair| {
        let (key, value) = pair.as_str()?.split_once('=')?;
        (key == name).then(|| value.to_owned())
    });
    values.collect()
}

fn names(dial: &Value) -> Vec<String> {
    let pairs = dial["params"].as_array().cloned().unwrap_or_default();
    let names = pairs
        .iter()
        .filter_map(|pair| Some(pair.as_str()?.split_once('=')?.0.to_owned()));
    let mut names: Vec<_> = names.collect();
    names.sort();
    names.dedup();
    names
}

#[tokio::test]
async fn call_is_stored_dialled_and_returned() {
    let api = Api::new().await;
    let answer = api.post(&api.body()).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("idempotent-replayed"), "");
    let body = answer.json();
    let id = text(&body["call_id"]);
    assert_eq!(answer.header("location"), format!("/calls/{id}"));

    let sids = api.sids().await;
    assert_eq!(sids.len(), 1);
    for (field, value) in [
        ("user_id", json!(api.user)),
        ("twilio_sid", json!(sids[0])),
        ("to_number", json!(QUEUED)),
        ("from_number", json!(FROM_NUMBER)),
        ("status", json!("queued")),
        ("dial_outcome", json!("accepted")),
        ("script", json!("Hello.")),
        ("voice", Value::Null),
        ("language", Value::Null),
        ("machine_detection", Value::Null),
        ("metadata", json!({})),
        ("recording_enabled", json!(false)),
        ("recording_url", Value::Null),
        ("hangup_requested", json!(false)),
        ("duration_seconds", Value::Null),
        ("error_code", Value::Null),
        ("events", json!([])),
        ("created_by", json!("tester")),
    ] {
        assert_eq!(body[field], value, "{field} of {body}");
    }
    for field in ["created_at", "updated_at"] {
        let time = text(&body[field]);
        assert_eq!(time.len(), "2026-01-01T00:00:00.000Z".len(), "{time}");
        assert!(time.ends_with('Z') && time.contains('T'), "{time}");
    }
    let read = api.get(&format!("/calls/{id}")).await;
    assert_eq!(read.text(), answer.text());

    let stored = api.stage.stored(&id).await;
    for (field, value) in [
        ("user_id", Bson::from(api.user.as_str())),
        ("twilio_sid", sids[0].as_str().into()),
        ("to_number", QUEUED.into()),
        ("from_number", FROM_NUMBER.into()),
        ("status", "queued".into()),
        ("dial_outcome", "accepted".into()),
        ("script", "Hello.".into()),
        ("recording_enabled", false.into()),
        ("recording_url", Bson::Null),
        ("answered_status", 201.into()),
    ] {
        assert_eq!(stored.get(field), Some(&value), "{field} of {stored}");
    }
    let created = stored.get_datetime("created_at").unwrap();
    assert!(*created <= DateTime::now());
    assert!(stored.get_datetime("dial_deadline").unwrap() > created);
    assert!(!stored.contains_key("idempotency_scope"));
}

#[tokio::test]
async fn dial_request_has_webhook_urls_and_events() {
    let api = Api::new().await;
    let id = text(&api.post(&api.body()).await.json()["call_id"]);
    let dials = api.twilio.dials().await;
    assert_eq!(dials.len(), 1);
    let fragment = "#rc=3&rp=all&ct=2000&rt=6500&tt=15000";
    let origin = testkit::BASE_URL;
    for (name, values) in [
        ("To", vec![QUEUED.to_owned()]),
        ("From", vec![FROM_NUMBER.to_owned()]),
        (
            "Url",
            vec![format!(
                "{origin}/twilio/voice?call_id={id}&lang=en-US{fragment}"
            )],
        ),
        ("Method", vec!["POST".to_owned()]),
        (
            "FallbackUrl",
            vec![format!(
                "{origin}/twilio/voice?call_id={id}&lang=en-US&fallback=1{fragment}"
            )],
        ),
        ("FallbackMethod", vec!["POST".to_owned()]),
        (
            "StatusCallback",
            vec![format!("{origin}/twilio/status?call_id={id}{fragment}")],
        ),
        ("StatusCallbackMethod", vec!["POST".to_owned()]),
        (
            "StatusCallbackEvent",
            ["initiated", "ringing", "answered", "completed"]
                .map(str::to_owned)
                .to_vec(),
        ),
        ("Timeout", vec!["30".to_owned()]),
        ("TimeLimit", vec!["600".to_owned()]),
    ] {
        assert_eq!(sent(&dials[0], name), values, "{name}");
    }
    assert_eq!(
        names(&dials[0]),
        [
            "FallbackMethod",
            "FallbackUrl",
            "From",
            "Method",
            "StatusCallback",
            "StatusCallbackEvent",
            "StatusCallbackMethod",
            "TimeLimit",
            "Timeout",
            "To",
            "Url"
        ]
    );
}

#[tokio::test]
async fn dial_request_of_a_recorded_call_asks_for_recording() {
    let api = Api::new().await;
    let mut body = api.body();
    body["recording_enabled"] = json!(true);
    let answer = api.post(&body).await.json();
    assert_eq!(answer["recording_enabled"], true);
    let dials = api.twilio.dials().await;
    assert_eq!(sent(&dials[0], "Record"), ["true"]);
    let url = &sent(&dials[0], "RecordingStatusCallback")[0];
    let id = text(&answer["call_id"]);
    let expected = format!("{}/twilio/recording?call_id={id}#", testkit::BASE_URL);
    assert!(url.starts_with(&expected), "{url}");
    assert_eq!(
        sent(&dials[0], "RecordingStatusCallbackEvent"),
        ["in-progress", "completed", "absent"]
    );
}

#[tokio::test]
async fn optional_fields_are_stored_and_passed_on() {
    let api = Api::with(|stage| {
        stage
            .set("CALL_TIME_LIMIT_SECONDS", "90")
            .set("CALL_RING_TIMEOUT_SECONDS", "20")
    })
    .await;
    let mut body = api.body();
    body["voice"] = json!("Polly.Joanna-Neural");
    body["language"] = json!("de-DE");
    body["machine_detection"] = json!("DetectMessageEnd");
    body["metadata"] = json!({ "order": "4711", "$dollar.dot": "é", "empty": "" });
    let answer = api.post(&body).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let call = answer.json();
    for field in ["voice", "language", "machine_detection", "metadata"] {
        assert_eq!(call[field], body[field], "{field}");
    }
    assert_eq!(
        api.call(&text(&call["call_id"])).await["metadata"],
        body["metadata"]
    );
    let dials = api.twilio.dials().await;
    assert_eq!(sent(&dials[0], "MachineDetection"), ["DetectMessageEnd"]);
    assert_eq!(sent(&dials[0], "TimeLimit"), ["90"]);
    assert_eq!(sent(&dials[0], "Timeout"), ["20"]);
}

#[tokio::test]
async fn dial_request_uses_the_functions_own_urls() {
    let api = Api::with(|stage| {
        stage
            .set("VOICE_URL", "https://v.example.com/twilio/voice")
            .set("STATUS_URL", "https://s.example.com/twilio/status")
            .set("RECORDING_URL", "https://r.example.com/twilio/recording")
    })
    .await;
    let mut body = api.body();
    body["recording_enabled"] = json!(true);
    let id = text(&api.post(&body).await.json()["call_id"]);
    let dials = api.twilio.dials().await;
    for (name, url, ending) in [
        ("Url", "https://v.example.com/twilio/voice", "&lang=en-US#"),
        ("StatusCallback", "https://s.example.com/twilio/status", "#"),
        (
            "RecordingStatusCallback",
            "https://r.example.com/twilio/recording",
            "#",
        ),
    ] {
        let sent = sent(&dials[0], name);
        assert!(
            sent[0].starts_with(&format!("{url}?call_id={id}{ending}")),
            "{sent:?}"
        );
    }
}

#[tokio::test]
async fn configured_values_reach_twilio_trimmed() {
    let api = Api::with(|stage| {
        stage
            .set("BASE_URL", " https://calls.example.com \n")
            .set("VOICE_URL", "https://v.example.com/twilio/voice\r\n")
            .set("TWILIO_FROM_NUMBER", "\t+12125550100\u{a0}")
            .set("TWILIO_ACCOUNT_SID", &format!("{} ", testkit::ACCOUNT_SID))
            .set("TWILIO_AUTH_TOKEN", &format!("{}\n", testkit::AUTH_TOKEN))
    })
    .await;
    let answer = api.post(&api.body()).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let dials = api.twilio.dials().await;
    for (name, beginning) in [
        ("Url", "https://v.example.com/twilio/voice?"),
        ("StatusCallback", "https://calls.example.com/twilio/status?"),
    ] {
        assert!(sent(&dials[0], name)[0].starts_with(beginning), "{name}");
    }
    assert_eq!(sent(&dials[0], "From"), ["+12125550100"]);
}

#[tokio::test]
async fn base64_body_and_upper_case_user_id_are_accepted() {
    let api = Api::new().await;
    let mut body = api.body();
    body["user_id"] = json!(api.user.to_uppercase());
    let answer = post(&json!({}))
        .bytes(body.to_string().as_bytes())
        .send(&api.router)
        .await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.json()["user_id"], api.user);
}

#[tokio::test]
async fn null_equals_an_absent_field() {
    let api = Api::new().await;
    let mut body = api.body();
    for field in ["voice", "language", "machine_detection"] {
        body[field] = Value::Null;
    }
    assert_eq!(api.post(&body).await.status, 201);
}

#[tokio::test]
async fn placing_a_call_needs_an_api_key() {
    let api = Api::new().await;
    let none = post(&api.body())
        .without("authorization")
        .send(&api.router)
        .await;
    none.assert_problem(401, "unauthorized");
    assert!(none.header("www-authenticate").starts_with("Bearer"));
    let wrong = post(&api.body())
        .with_key("another")
        .send(&api.router)
        .await;
    wrong.assert_problem(401, "unauthorized");
    api.assert_untouched().await;

    let x = post(&api.body())
        .without("authorization")
        .header("x-api-key", API_KEY)
        .send(&api.router)
        .await;
    assert_eq!(x.status, 201);
}

#[tokio::test]
async fn development_without_keys_accepts_every_caller() {
    let api = Api::with(|stage| stage.set("API_KEYS", "")).await;
    let request = Request::new("POST", "/calls/outbound").json(&api.body());
    let answer = request.send(&api.router).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.json()["created_by"], Value::Null);
}

#[tokio::test]
async fn key_without_the_scope_is_refused_before_the_body_is_read() {
    let api =
        Api::with(|stage| stage.set("API_KEYS", &api_key("reader", API_KEY, "calls:read"))).await;
    for body in [api.body(), json!({})] {
        api.post(&body).await.assert_problem(403, "missing_scope");
    }
    api.assert_untouched().await;
    let call = api.stage.call(|_| ()).await;
    let id = call.call_id.to_string();
    assert_eq!(api.call(&id).await["call_id"], *id);
    api.hang_up(&id).await.assert_problem(403, "missing_scope");
}

#[tokio::test]
async fn call_in_twilios_queue_is_queued_until_twilio_dials() {
    let api = Api::new().await;
    let call = api.post(&api.body()).await.json();
    let (id, sid) = (text(&call["call_id"]), text(&call["twilio_sid"]));
    assert_eq!(call["status"], "queued");
    assert_eq!(api.call(&id).await["status"], "queued");
    let status = status_router(&api.stage);
    for (sequence, word) in [(0, "initiated"), (1, "ringing")] {
        let told = status_callback(&id, &sid, word, sequence);
        assert_eq!(told.send(&status).await.status, 200);
        assert_eq!(api.call(&id).await["status"], word);
    }
}
