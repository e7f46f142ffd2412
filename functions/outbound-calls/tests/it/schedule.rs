//! Tests placing calls for later: when they are stored, and what is refused.

use chrono::{DateTime, TimeDelta, Utc};
use mongodb::bson::{Document, doc};
use serde_json::{Value, json};
use testkit::{Queue, Request};

use crate::support::{Api, having_queue, in_minutes, shown, text, with_key};

/// The calling hours of two hours each day, from a time that is not near.
fn two_hours_from(opens: DateTime<Utc>) -> String {
    let closes = opens + TimeDelta::hours(2);
    format!("{}-{}", opens.format("%H:%M"), closes.format("%H:%M"))
}

async fn with_hours(hours: &str) -> Api {
    let set = |stage| having_queue(stage).set("CALLING_HOURS", hours);
    Api::with(set).await
}

/// A toll-free number: the user's zone alone decides.
const TOLL_FREE: &str = "+18005550109";

#[tokio::test]
async fn call_for_later_is_stored_and_not_dialled() {
    let api = Api::with_queue().await;
    let at = in_minutes(60);
    let mut body = api.body();
    body["scheduled_at"] = json!(at.to_rfc3339());
    body["priority"] = json!("urgent");
    let answer = api.post(&body).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let call = answer.json();
    let id = text(&call["call_id"]);
    assert_eq!(answer.header("location"), format!("/calls/{id}"));
    let stored = api.stage.stored(&id).await;
    assert_eq!(stored.get_str("lane").unwrap(), "urgent");
    assert!(!stored.contains_key("dial_outcome"), "{stored}");
    for (field, value) in [
        ("status", json!("scheduled")),
        ("scheduled_at", json!(shown(at))),
        ("due_at", json!(shown(at))),
        ("expires_at", json!(shown(at + TimeDelta::hours(24)))),
        ("waiting_for", json!("scheduled_time")),
        ("priority", json!("urgent")),
        ("attempt", json!(1)),
        ("first_call_id", json!(id)),
        ("dial_outcome", Value::Null),
        ("dial_begun_at", Value::Null),
        ("retry", Value::Null),
    ] {
        assert_eq!(call[field], value, "{field}: {call}");
    }
    assert!(api.twilio.dials().await.is_empty());
    api.assert_counted(0).await;
    let listed = api.get("/calls?status=scheduled").await.json();
    assert_eq!(listed["calls"][0]["call_id"], json!(id));
}

#[tokio::test]
async fn time_of_the_last_day_means_as_soon_as_possible() {
    let api = Api::with_queue().await;
    let id = api.schedule(in_minutes(-60), &json!({})).await;
    let call = api.call(&id).await;
    assert!(text(&call["due_at"]).as_str() >= &text(&call["created_at"])[..19]);
    assert!(text(&call["due_at"]) <= shown(in_minutes(0)), "{call}");
    assert!(api.twilio.dials().await.is_empty());
}

#[tokio::test]
async fn contradictions_are_named_all_at_once_and_nothing_is_done() {
    let api = Api::with_queue().await;
    let at = |minutes| json!(in_minutes(minutes).to_rfc3339());
    let a_day = 24 * 60;
    for (changes, fields) in [
        (
            json!({
                "scheduled_at": at(366 * a_day),
                "expires_at": at(-1),
                "max_wait_seconds": 86_401,
                "retry": { "on": ["voicemail"] },
            }),
            &[
                "expires_at",
                "max_wait_seconds",
                "max_wait_seconds",
                "retry.on",
                "scheduled_at",
            ][..],
        ),
        (json!({ "scheduled_at": at(-a_day - 1) }), &["scheduled_at"]),
        (
            json!({ "scheduled_at": at(60), "expires_at": at(60) }),
            &["expires_at"],
        ),
        (
            json!({ "expires_at": at(60), "retry": { "delays_seconds": [1_800], "max_attempts": 3 } }),
            &["retry.delays_seconds"],
        ),
        (
            json!({ "retry": { "max_attempts": 11, "on": [], "delays_seconds": [604_801] } }),
            &["retry.delays_seconds", "retry.max_attempts", "retry.on"],
        ),
        (
            json!({ "retry": { "max_attempts": 0 } }),
            &["retry.max_attempts"],
        ),
        (
            json!({ "scheduled_at": "2026-12-01T09:00:00", "priority": "now", "max_wait_seconds": -1, "outside_calling_hours": "dial" }),
            &[
                "max_wait_seconds",
                "outside_calling_hours",
                "priority",
                "scheduled_at",
            ],
        ),
    ] {
        let mut body = api.body();
        for (field, value) in changes.as_object().unwrap() {
            body[field] = value.clone();
        }
        let answer = api.post(&body).await;
        answer.assert_problem(422, "validation_failed");
        let mut named = answer.fields();
        named.sort();
        assert_eq!(named, fields, "{changes}");
    }
    api.assert_untouched().await;
}

#[tokio::test]
async fn number_out_of_range_is_told_in_the_words_of_the_api() {
    let api = Api::with_queue().await;
    for (wait, message) in [
        (json!(86_401), "must be at most 86400"),
        (json!(99_999_999_999_u64), "must be a smaller number"),
        (json!(-1), "must not be negative"),
        (json!(1.5), "must be a whole number"),
        (json!("60"), "must be a whole number"),
    ] {
        let mut body = api.body();
        body["max_wait_seconds"] = wait;
        let answer = api.post(&body).await;
        answer.assert_problem(422, "validation_failed");
        assert_eq!(answer.json()["errors"][0]["message"], message, "{body}");
    }
}

#[tokio::test]
async fn stack_without_a_queue_refuses_what_needs_one() {
    let api = Api::new().await;
    let at = json!(in_minutes(60).to_rfc3339());
    for (field, value) in [
        ("scheduled_at", at.clone()),
        ("expires_at", at),
        ("outside_calling_hours", json!("wait")),
        ("retry", json!({})),
    ] {
        let mut body = api.body();
        body[field] = value;
        let answer = api.post(&body).await;
        answer.assert_problem(422, "scheduling_unavailable");
        assert_eq!(answer.fields(), [field]);
    }
    api.assert_untouched().await;
    let mut body = api.body();
    body["outside_calling_hours"] = json!("refuse");
    body["max_wait_seconds"] = json!(0);
    body["priority"] = json!("urgent");
    assert_eq!(api.post(&body).await.status, 201);
}

#[tokio::test]
async fn call_outside_the_hours_waits_for_them_if_it_may() {
    let opens = in_minutes(6 * 60);
    let api = with_hours(&two_hours_from(opens)).await;
    let mut body = api.body_to(TOLL_FREE);
    api.post(&body)
        .await
        .assert_problem(422, "outside_calling_hours");

    body["outside_calling_hours"] = json!("wait");
    let answer = api.post(&body).await;
    answer.assert_problem(422, "outside_calling_hours");
    assert!(
        answer.text().contains("max_wait_seconds"),
        "{}",
        answer.text()
    );

    body["max_wait_seconds"] = json!(12 * 3_600);
    let answer = api.post(&body).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let call = answer.json();
    assert_eq!(call["waiting_for"], "calling_hours");
    assert_eq!(text(&call["due_at"])[..16], shown(opens)[..16]);
    assert!(api.twilio.dials().await.is_empty());
}

#[tokio::test]
async fn scheduled_call_moves_into_the_hours_or_is_refused() {
    let opens = in_minutes(6 * 60);
    let api = with_hours(&two_hours_from(opens)).await;
    let mut body = api.body_to(TOLL_FREE);
    body["scheduled_at"] = json!(in_minutes(60).to_rfc3339());
    let answer = api.post(&body).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    assert_eq!(answer.json()["waiting_for"], "calling_hours");
    assert_eq!(text(&answer.json()["due_at"])[..16], shown(opens)[..16]);

    body["outside_calling_hours"] = json!("refuse");
    let answer = api.post(&body).await;
    answer.assert_problem(422, "outside_calling_hours");
    assert_eq!(answer.fields(), ["scheduled_at"]);
    let next = text(&answer.json()["next_allowed_at"]);
    assert_eq!(next[..16], shown(opens)[..16]);

    body["outside_calling_hours"] = json!("wait");
    body["expires_at"] = json!(in_minutes(5 * 60).to_rfc3339());
    let answer = api.post(&body).await;
    answer.assert_problem(422, "outside_calling_hours");
    assert_eq!(text(&answer.json()["next_allowed_at"]), next);
    let detail = answer.text();
    assert!(detail.contains("set a later expires_at"), "{detail}");
    assert!(!detail.contains("max_wait_seconds"), "{detail}");

    // The first attempt is at the opening, and the second would be after the end.
    body["expires_at"] = json!((opens + TimeDelta::minutes(30)).to_rfc3339());
    body["retry"] = json!({ "max_attempts": 2, "delays_seconds": [3_600] });
    let answer = api.post(&body).await;
    answer.assert_problem(422, "validation_failed");
    assert_eq!(answer.fields(), ["retry.delays_seconds"]);
    assert_eq!(api.stage.count("calls").await, 1);
}

#[tokio::test]
async fn hours_without_any_minute_refuse_a_scheduled_call() {
    // It is night in Tokyo when the day begins in New York.
    let api = with_hours("08:00-09:00").await;
    let users = api.stage.database().collection::<Document>("users");
    let moved = doc! { "$set": { "time_zone": "Asia/Tokyo" } };
    users.update_many(doc! {}, moved).await.unwrap();
    let mut body = api.body();
    body["scheduled_at"] = json!(in_minutes(60).to_rfc3339());
    api.post(&body)
        .await
        .assert_problem(422, "no_calling_hours");
    api.assert_untouched().await;
}

#[tokio::test]
async fn permanent_rules_hold_when_a_call_is_placed_for_later() {
    let api = Api::with_queue().await;
    let at = json!(in_minutes(60).to_rfc3339());
    let blocked = json!({ "phone_number": "+12125550123" });
    api.send(&Request::post("/blocked-numbers", &blocked)).await;
    for (to, code) in [
        ("+12125550123", "number_blocked"),
        ("+442071838750", "country_not_allowed"),
        ("+19005550123", "number_type_not_allowed"),
    ] {
        let mut body = api.body_to(to);
        body["scheduled_at"] = at.clone();
        let answer = api.post(&body).await;
        assert_eq!(answer.status, 422, "{to}: {}", answer.text());
        assert_eq!(answer.json()["code"], code, "{to}: {}", answer.text());
    }
    api.assert_untouched().await;
}

#[tokio::test]
async fn switch_refuses_immediate_calls_and_not_scheduled_ones() {
    let api = Api::with_queue().await;
    let dao = outdial::dao::Dao::from_settings(&api.stage.settings()).unwrap();
    dao.switch_dialing(false, None, None).await.unwrap();
    api.post(&api.body())
        .await
        .assert_problem(503, "dialing_off");
    let mut waiting = api.body();
    waiting["outside_calling_hours"] = json!("wait");
    api.post(&waiting).await.assert_problem(503, "dialing_off");
    api.schedule(in_minutes(1), &json!({})).await;
}

#[tokio::test]
async fn repeat_of_a_scheduled_call_is_a_202_whatever_became_of_it() {
    let api = Api::with_queue().await;
    let mut body = api.body();
    body["scheduled_at"] = json!("2026-01-01T00:00:00Z");
    api.post_with_key("k", &body)
        .await
        .assert_problem(422, "validation_failed");
    body["scheduled_at"] = json!(in_minutes(60).to_rfc3339());
    body["expires_at"] = json!(in_minutes(90).to_rfc3339());
    let first = api.post_with_key("k", &body).await;
    assert_eq!(first.status, 202, "{}", first.text());
    let id = text(&first.json()["call_id"]);
    for change in [
        doc! {},
        doc! { "status": "canceled", "status_rank": 4 },
        doc! { "status": "failed", "dial_outcome": "refused", "error_status": 400, "error_code": 21_211 },
        doc! { "status": "initiated", "status_rank": 0, "dial_outcome": "pending" },
    ] {
        let mut change = change;
        change.insert("events_dropped", 0_i64);
        api.change_stored(&id, doc! { "$set": change }).await;
        let again = api.post_with_key("k", &body).await;
        assert_eq!(again.status, 202, "{}", again.text());
        assert_eq!(again.header("idempotent-replayed"), "true");
        assert_eq!(again.json()["call_id"], json!(id));
        let status = text(&api.call(&id).await["status"]);
        assert_eq!(again.json()["status"], status);
    }
    let mut other = body.clone();
    other["expires_at"] = json!(in_minutes(91).to_rfc3339());
    with_key("k", &other)
        .send(&api.router)
        .await
        .assert_problem(422, "idempotency_key_reused");
    assert_eq!(api.stage.count("calls").await, 1);
}

#[tokio::test]
async fn call_without_a_permit_waits_or_is_refused() {
    let api = Api::with(|stage| having_queue(stage).set("DIALS_PER_SECOND", "0.1")).await;
    assert_eq!(api.post(&api.body()).await.status, 201);
    let waiting = api.post_with_key("k", &api.body()).await;
    assert_eq!(waiting.status, 202, "{}", waiting.text());
    assert_eq!(waiting.json()["waiting_for"], "permit");
    assert_eq!(waiting.json()["scheduled_at"], Value::Null);
    let again = api.post_with_key("k", &api.body()).await;
    assert_eq!(again.status, 202);
    assert_eq!(again.json(), waiting.json());
    let mut now = api.body();
    now["max_wait_seconds"] = json!(0);
    let refused = api.post(&now).await;
    refused.assert_problem(429, "pace_exceeded");
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(api.twilio.dials().await.len(), 1);
    assert_eq!(api.stage.count("calls").await, 2);
    api.assert_counted(1).await;
}

#[tokio::test]
async fn call_that_is_due_soon_wakes_the_dispatcher() {
    let queue = Queue::new().await;
    let api = Api::with(|stage| having_queue(stage).set("WAKE_QUEUE_URL", queue.url())).await;
    api.schedule(in_minutes(10), &json!({})).await;
    assert!(queue.receive_all().await.is_empty());
    let id = api.schedule(in_minutes(0), &json!({})).await;
    assert_eq!(queue.receive_all().await, [json!({ "wake": true })]);
    let later = json!({ "scheduled_at": in_minutes(10).to_rfc3339() });
    assert_eq!(api.patch(&id, &later).await.status, 200);
    assert!(queue.receive_all().await.is_empty());
    let now = json!({ "scheduled_at": in_minutes(0).to_rfc3339() });
    assert_eq!(api.patch(&id, &now).await.status, 200);
    assert_eq!(queue.receive_all().await, [json!({ "wake": true })]);
}

#[tokio::test]
async fn unreachable_wake_queue_delays_no_call() {
    let url = format!("http://127.0.0.1:{}/1/wake", testkit::free_port().unwrap());
    let api = Api::with(|stage| having_queue(stage).set("WAKE_QUEUE_URL", &url)).await;
    let begun = std::time::Instant::now();
    api.schedule(in_minutes(0), &json!({})).await;
    assert!(begun.elapsed() < std::time::Duration::from_secs(4));
}
