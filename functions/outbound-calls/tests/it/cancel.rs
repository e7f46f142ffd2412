//! Tests canceling calls: waiting ones, started ones, ended ones, and what would follow them.

use mongodb::bson::{DateTime, Document, doc};
use outdial::domain::CallId;
use serde_json::{Value, json};

use crate::support::{Api, in_minutes, text};

/// Places a call with retries, and gives it the status of a dialled one. Returns its `call_id`.
async fn dialled(api: &Api, status: &str, rank: i32) -> String {
    let retry = json!({ "retry": { "max_attempts": 3, "delays_seconds": [60] } });
    let id = api.schedule(in_minutes(0), &retry).await;
    let begun = doc! { "status": status, "status_rank": rank, "dial_outcome": "accepted" };
    api.change_stored(&id, doc! { "$set": begun, "$unset": { "waiting_for": "" } })
        .await;
    id
}

/// Notes the effect of the call's end, as the update that ends it does.
async fn note_end(api: &Api, id: &str) {
    let effect =
        doc! { "n": 1_i64, "type": "next_attempt", "at": DateTime::now(), "status": "busy" };
    api.change_stored(
        id,
        doc! { "$set": { "effects": [effect], "effects_n": 1_i64 } },
    )
    .await;
}

/// Stores the next attempt of a call with this status, and links it. Returns its `call_id`.
async fn next_attempt(api: &Api, id: &str, status: &str) -> String {
    let previous = api.stage.stored(id).await;
    let attempt = previous.get_i64("attempt").unwrap_or(1) + 1;
    let first: CallId = previous.get_str("first_call_id").unwrap().parse().unwrap();
    let next = CallId::of_attempt(first, u32::try_from(attempt).unwrap());
    let mut call = previous.clone();
    call.extend(doc! {
        "_id": next.object_id(),
        "call_id": next.to_string(),
        "attempt": attempt,
        "previous_call_id": id,
        "status": status,
        "status_rank": if status == "scheduled" { -1 } else { 4 },
        "effects": [],
    });
    if status == "scheduled" {
        call.remove("dial_outcome");
    }
    let calls = api.stage.database().collection::<Document>("calls");
    calls.insert_one(call).await.unwrap();
    let linked = doc! { "next_call_id": next.to_string(), "effects": [] };
    api.change_stored(id, doc! { "$set": linked }).await;
    next.to_string()
}

#[track_caller]
fn assert_canceled(call: &Value) {
    assert_eq!(call["status"], "canceled", "{call}");
    assert_eq!(call["status_reason"], "requested");
    assert_eq!(call["waiting_for"], Value::Null);
    let events = call["events"].as_array().unwrap();
    assert_eq!(events.len(), 1, "{call}");
    assert_eq!(events[0]["source"], "api");
}

#[tokio::test]
async fn waiting_call_is_canceled_once_and_repeats_are_the_same() {
    let api = Api::with_queue().await;
    let id = api.schedule(in_minutes(60), &json!({})).await;
    let lease = doc! { "lease_id": "of-a-message", "lease_until": DateTime::from_millis(4_000_000_000_000) };
    api.change_stored(&id, doc! { "$set": lease }).await;
    let first = api.cancel(&id).await;
    assert_eq!(first.status, 200, "{}", first.text());
    assert_canceled(&first.json());
    let stored = api.stage.stored(&id).await;
    assert!(!stored.contains_key("lease_id"), "{stored}");
    let again = api.cancel(&id).await;
    assert_eq!(again.status, 200);
    assert_eq!(again.json(), first.json());
    assert!(api.twilio.requests("POST", ".json").await.is_empty());
}

#[tokio::test]
async fn hang_up_cancels_a_waiting_call() {
    let api = Api::with_queue().await;
    let id = api.schedule(in_minutes(60), &json!({})).await;
    for _ in 0..2 {
        let answer = api.hang_up(&id).await;
        assert_eq!(answer.status, 202, "{}", answer.text());
        assert_canceled(&answer.json());
        assert_eq!(answer.json()["hangup_requested"], false);
    }
    assert!(api.twilio.requests("POST", ".json").await.is_empty());
}

#[tokio::test]
async fn started_or_ended_call_is_not_canceled() {
    let api = Api::with_queue().await;
    for (status, code) in [
        ("initiated", "call_started"),
        ("ringing", "call_started"),
        ("completed", "call_ended"),
        ("expired", "call_ended"),
    ] {
        let id = api.schedule(in_minutes(60), &json!({})).await;
        api.change_stored(&id, doc! { "$set": { "status": status } })
            .await;
        let before = api.call(&id).await;
        api.cancel(&id).await.assert_problem(409, code);
        assert_eq!(api.call(&id).await, before);
    }
    let placed = api.post(&api.body()).await;
    let id = text(&placed.json()["call_id"]);
    api.cancel(&id).await.assert_problem(409, "call_started");
    let unknown = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";
    api.cancel(unknown).await.assert_problem(404, "not_found");
    api.cancel("1").await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn cancel_between_two_attempts_stops_the_next_one() {
    let api = Api::with_queue().await;
    for by_hang_up in [false, true] {
        let id = dialled(&api, "busy", 4).await;
        note_end(&api, &id).await;
        for _ in 0..2 {
            let answer = if by_hang_up {
                api.hang_up(&id).await
            } else {
                api.cancel(&id).await
            };
            let expected = if by_hang_up { 202 } else { 200 };
            assert_eq!(answer.status, expected, "{}", answer.text());
            assert_eq!(answer.json()["status"], "busy");
            assert_eq!(answer.json()["hangup_requested"], true);
        }
    }
}

#[tokio::test]
async fn ended_call_that_nothing_follows_is_a_409() {
    let api = Api::with_queue().await;
    let id = dialled(&api, "completed", 4).await;
    api.cancel(&id).await.assert_problem(409, "call_ended");
    api.hang_up(&id).await.assert_problem(409, "call_ended");
    assert_eq!(api.call(&id).await["hangup_requested"], false);
}

#[tokio::test]
async fn given_up_call_gets_no_next_attempt_after_a_cancel() {
    let api = Api::with_queue().await;
    let id = dialled(&api, "failed", 3).await;
    let answer = api.cancel(&id).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["hangup_requested"], true);
}

#[tokio::test]
async fn cancel_of_any_attempt_cancels_the_one_that_waits() {
    let api = Api::with_queue().await;
    for named in 0..3 {
        let first = dialled(&api, "busy", 4).await;
        let second = next_attempt(&api, &first, "no-answer").await;
        let third = next_attempt(&api, &second, "scheduled").await;
        let ids = [first, second, third];
        for _ in 0..2 {
            let answer = api.cancel(&ids[named]).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert_eq!(answer.json()["call_id"], json!(ids[named]));
        }
        assert_eq!(api.call(&ids[2]).await["status"], "canceled");
        assert_eq!(api.call(&ids[0]).await["status"], "busy");
    }
}

#[tokio::test]
async fn refusal_names_the_later_attempt_that_goes_on() {
    let api = Api::with_queue().await;
    let first = dialled(&api, "busy", 4).await;
    let second = next_attempt(&api, &first, "ringing").await;
    let answer = api.cancel(&first).await;
    answer.assert_problem(409, "call_started");
    assert!(answer.text().contains(&second), "{}", answer.text());
    let answer = api.hang_up(&first).await;
    answer.assert_problem(409, "call_ended");
    assert!(answer.text().contains(&second), "{}", answer.text());
    assert_eq!(api.call(&second).await["status"], "ringing");
}

#[tokio::test]
async fn no_attempt_follows_a_call_that_a_client_hung_up() {
    let api = Api::with_queue().await;
    let mut body = api.body();
    body["retry"] = json!({});
    let placed = api.post(&body).await;
    assert_eq!(placed.status, 201, "{}", placed.text());
    let id = text(&placed.json()["call_id"]);
    let answer = api.hang_up(&id).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let call = api.call(&id).await;
    assert_eq!(call["status"], "canceled");
    assert_eq!(call["hangup_requested"], true);
    assert_eq!(api.hang_up(&id).await.status, 202);
    assert_eq!(api.cancel(&id).await.status, 200);
}

#[tokio::test]
async fn cancel_and_dial_never_both_win() {
    let api = Api::with_queue().await;
    let dao = outdial::dao::Dao::from_settings(&api.stage.settings()).unwrap();
    for _ in 0..8 {
        let id = api.schedule(in_minutes(-1), &json!({})).await;
        let until = DateTime::from_millis(in_minutes(1).timestamp_millis());
        let lease = doc! { "lease_id": "l", "lease_until": until };
        api.change_stored(&id, doc! { "$set": lease }).await;
        let leased = dao.get_leased_call(id.parse().unwrap(), "l").await;
        let leased = outdial::domain::Call {
            counted_as: Some(mongodb::bson::oid::ObjectId::new()),
            ..leased.unwrap().unwrap()
        };
        let dial = dao.begin_queued_dial(&leased, "l", std::time::Duration::from_secs(30));
        let (begun, canceled) = tokio::join!(dial, api.cancel(&id));
        let is_begun = begun.unwrap().is_some();
        let expected = if is_begun { 409 } else { 200 };
        assert_eq!(canceled.status, expected, "{}", canceled.text());
        let status = if is_begun { "initiated" } else { "canceled" };
        assert_eq!(api.call(&id).await["status"], status);
    }
}
