//! Tests `PATCH /calls/{call_id}`.

use chrono::TimeDelta;
use futures_util::future::join_all;
use mongodb::bson::{DateTime, doc};
use serde_json::{Value, json};
use testkit::{Request, api_key};

use crate::support::{Api, having_queue, in_minutes, shown, text};

#[tokio::test]
async fn every_field_of_a_waiting_call_can_be_changed() {
    let api = Api::with_queue().await;
    let id = api.schedule(in_minutes(60), &json!({})).await;
    let before = api.call(&id).await;
    let (at, end) = (in_minutes(120), in_minutes(600));
    let answer = api
        .patch(
            &id,
            &json!({
                "scheduled_at": at.to_rfc3339(),
                "expires_at": end.to_rfc3339(),
                "priority": "bulk",
                "script": "Bonjour.",
                "voice": "alice",
                "language": "fr-FR",
                "recording_enabled": true,
                "machine_detection": "Enable",
                "metadata": { "a": "b" },
                "retry": { "max_attempts": 2, "on": ["voicemail", "busy"], "delays_seconds": [60] },
            }),
        )
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let call = api.call(&id).await;
    for (field, value) in [
        ("status", json!("scheduled")),
        ("scheduled_at", json!(shown(at))),
        ("due_at", json!(shown(at))),
        ("expires_at", json!(shown(end))),
        ("priority", json!("bulk")),
        ("script", json!("Bonjour.")),
        ("voice", json!("alice")),
        ("language", json!("fr-FR")),
        ("recording_enabled", json!(true)),
        ("machine_detection", json!("Enable")),
        ("metadata", json!({ "a": "b" })),
        (
            "retry",
            json!({ "max_attempts": 2, "on": ["busy", "voicemail"], "delays_seconds": [60], "expires_at": shown(end) }),
        ),
        ("created_at", before["created_at"].clone()),
    ] {
        assert_eq!(call[field], value, "{field}");
        assert_eq!(answer.json()[field], value, "{field}");
    }
    let stored = api.stage.stored(&id).await;
    assert_eq!(stored.get_str("lane").unwrap(), "bulk");
    assert!(stored.get_bool("effects_open").unwrap());

    let removed = json!({ "expires_at": null, "voice": null, "language": null, "machine_detection": null, "retry": null, "metadata": {}, "priority": "normal" });
    let answer = api.patch(&id, &removed).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let call = api.call(&id).await;
    for field in ["voice", "language", "machine_detection", "retry"] {
        assert_eq!(call[field], Value::Null, "{field}");
    }
    assert_eq!(call["expires_at"], json!(shown(at + TimeDelta::hours(24))));
    assert_eq!(call["metadata"], json!({}));
    let stored = api.stage.stored(&id).await;
    assert_eq!(stored.get_str("lane").unwrap(), "normal");
    assert!(!stored.contains_key("effects_open"), "{stored}");
}

#[tokio::test]
async fn change_takes_the_call_from_a_dial_that_is_about_to_begin() {
    let api = Api::with_queue().await;
    let id = api.schedule(in_minutes(60), &json!({})).await;
    let lease = doc! { "lease_id": "of-a-message", "lease_until": DateTime::from_millis(4_000_000_000_000) };
    api.change_stored(&id, doc! { "$set": lease }).await;
    let answer = api.patch(&id, &json!({ "script": "Wait!" })).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let stored = api.stage.stored(&id).await;
    assert!(!stored.contains_key("lease_id") && !stored.contains_key("lease_until"));
}

#[tokio::test]
async fn change_of_the_content_keeps_the_times() {
    let api = Api::with_queue().await;
    let id = api.schedule(in_minutes(60), &json!({})).await;
    // It waits for a cap until the day after it should have been dialled.
    let due_at = DateTime::from_millis(in_minutes(25 * 60).timestamp_millis());
    let waits = doc! { "due_at": due_at, "expires_at": due_at, "waiting_for": "daily_cap" };
    api.change_stored(&id, doc! { "$set": waits }).await;
    let before = api.call(&id).await;
    let answer = api.patch(&id, &json!({ "script": "Later." })).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    for field in ["scheduled_at", "due_at", "expires_at", "waiting_for"] {
        assert_eq!(answer.json()[field], before[field], "{field}");
    }
}

#[tokio::test]
async fn call_that_waits_no_longer_is_not_changed() {
    let api = Api::with_queue().await;
    for (status, code) in [
        ("initiated", "call_started"),
        ("queued", "call_started"),
        ("in-progress", "call_started"),
        ("completed", "call_ended"),
        ("canceled", "call_ended"),
        ("expired", "call_ended"),
    ] {
        let id = api.schedule(in_minutes(60), &json!({})).await;
        api.change_stored(&id, doc! { "$set": { "status": status } })
            .await;
        let before = api.call(&id).await;
        let answer = api.patch(&id, &json!({ "script": "No." })).await;
        answer.assert_problem(409, code);
        assert_eq!(api.call(&id).await, before);
    }
    let unknown = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";
    let answer = api.patch(unknown, &json!({})).await;
    answer.assert_problem(404, "not_found");
}

#[tokio::test]
async fn invalid_change_names_its_fields_and_changes_nothing() {
    let api = Api::with_queue().await;
    let id = api.schedule(in_minutes(60), &json!({})).await;
    let before = api.call(&id).await;
    let at = |minutes| json!(in_minutes(minutes).to_rfc3339());
    for (change, fields) in [
        (json!({ "scheduled_at": null }), &["scheduled_at"][..]),
        (
            json!({ "script": "", "priority": 1, "to_number": "+12125550123" }),
            &["priority", "script", "to_number"],
        ),
        (json!({ "expires_at": at(30) }), &["expires_at"]),
        (json!({ "expires_at": at(-1) }), &["expires_at"]),
        (json!({ "scheduled_at": at(60 * 26) }), &["expires_at"]),
        (
            json!({ "scheduled_at": at(366 * 24 * 60), "expires_at": null }),
            &["scheduled_at"],
        ),
        (json!({ "retry": { "on": ["voicemail"] } }), &["retry.on"]),
        (
            json!({ "retry": { "delays_seconds": [86_400] } }),
            &["retry.delays_seconds"],
        ),
        (json!({ "voice": "Polly.Ruth-Generative" }), &["voice"]),
    ] {
        let answer = api.patch(&id, &change).await;
        assert_eq!(answer.status, 422, "{change}: {}", answer.text());
        let mut named = answer.fields();
        named.sort();
        assert_eq!(named, fields, "{change}");
    }
    assert_eq!(api.call(&id).await, before);
}

#[tokio::test]
async fn rules_are_checked_again() {
    let first = in_minutes(6 * 60);
    let closes = first + TimeDelta::hours(2);
    let hours = format!("{}-{}", first.format("%H:%M"), closes.format("%H:%M"));
    let api = Api::with(|stage| having_queue(stage).set("CALLING_HOURS", &hours)).await;
    let toll_free = json!({ "to_number": "+18005550109" });
    let id = api.schedule(in_minutes(6 * 60 + 1), &toll_free).await;
    let later = in_minutes(20 * 60);
    let closed = json!({ "scheduled_at": later.to_rfc3339(), "outside_calling_hours": "refuse" });
    let answer = api.patch(&id, &closed).await;
    answer.assert_problem(422, "outside_calling_hours");
    let closed = json!({ "scheduled_at": later.to_rfc3339(), "expires_at": null });
    let answer = api.patch(&id, &closed).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["waiting_for"], "calling_hours");
    let opens = first + TimeDelta::hours(24);
    assert_eq!(text(&answer.json()["due_at"])[..16], shown(opens)[..16]);

    let end = opens + TimeDelta::minutes(30);
    let crowded = json!({
        "expires_at": end.to_rfc3339(),
        "retry": { "max_attempts": 2, "delays_seconds": [3_600] },
        "scheduled_at": later.to_rfc3339(),
    });
    let answer = api.patch(&id, &crowded).await;
    answer.assert_problem(422, "validation_failed");
    assert_eq!(answer.fields(), ["retry.delays_seconds"]);

    let blocked = json!({ "phone_number": "+18005550109" });
    api.send(&Request::post("/blocked-numbers", &blocked)).await;
    let answer = api.patch(&id, &json!({ "script": "Hello?" })).await;
    answer.assert_problem(422, "number_blocked");
}

#[tokio::test]
async fn concurrent_changes_all_hold() {
    let api = Api::with_queue().await;
    let id = api.schedule(in_minutes(60), &json!({})).await;
    let changes = [
        json!({ "script": "Two." }),
        json!({ "priority": "urgent" }),
        json!({ "metadata": { "a": "b" } }),
        json!({ "recording_enabled": true }),
    ];
    for answer in join_all(changes.iter().map(|change| api.patch(&id, change))).await {
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let call = api.call(&id).await;
    for change in &changes {
        for (field, value) in change.as_object().unwrap() {
            assert_eq!(call[field], *value, "{field}");
        }
    }
}

#[tokio::test]
async fn call_of_a_batch_stays_in_its_lane() {
    let api = Api::with_queue().await;
    let id = api.schedule(in_minutes(60), &json!({})).await;
    let batch = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";
    let of_batch =
        doc! { "batch_id": batch, "lane": format!("bulk:{batch}"), "waiting_for": "batch" };
    api.change_stored(&id, doc! { "$set": of_batch }).await;
    let change = json!({ "scheduled_at": in_minutes(90).to_rfc3339(), "priority": "urgent" });
    let answer = api.patch(&id, &change).await;
    assert_eq!(answer.status, 422, "{}", answer.text());
    assert_eq!(answer.json()["errors"][0]["field"], "priority");
    let change = json!({ "scheduled_at": in_minutes(90).to_rfc3339(), "priority": "bulk" });
    let answer = api.patch(&id, &change).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["waiting_for"], "batch");
    let stored = api.stage.stored(&id).await;
    assert_eq!(stored.get_str("lane").unwrap(), format!("bulk:{batch}"));
}

#[tokio::test]
async fn change_and_cancel_need_a_key_that_writes_calls() {
    let api = Api::with(|stage| {
        let keys = api_key("reader", "reads", "calls:read");
        let all = stage.variable("API_KEYS").unwrap_or_default().to_owned();
        having_queue(stage).set("API_KEYS", &format!("{all},{keys}"))
    })
    .await;
    let id = api.schedule(in_minutes(60), &json!({})).await;
    let change = Request::new("PATCH", &format!("/calls/{id}")).json(&json!({}));
    let cancel = Request::new("POST", &format!("/calls/{id}/cancel"));
    for request in [change, cancel] {
        let refused = request.clone().with_key("reads").send(&api.router).await;
        refused.assert_problem(403, "missing_scope");
        let refused = request.without("authorization").send(&api.router).await;
        refused.assert_problem(401, "unauthorized");
    }
    assert_eq!(api.call(&id).await["status"], "scheduled");
}
