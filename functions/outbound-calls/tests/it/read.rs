//! Tests `GET /calls/{call_id}` and its timeline.

use mongodb::bson::DateTime;
use outdial::domain::{CallEvent, CallStatus, Delivery, EventSource};
use serde_json::{Value, json};
use testkit::Request;

use crate::support::{Api, status_callback, status_router};

#[tokio::test]
async fn timeline_is_in_twilios_order_for_any_order_of_arrival() {
    let api = Api::new().await;
    let call = api.stage.call(|_| ()).await;
    let (id, sid) = (
        call.call_id.to_string(),
        call.twilio_sid.unwrap().to_string(),
    );
    let status = status_router(&api.stage);
    for (sequence, word) in [
        (3, "completed"),
        (0, "initiated"),
        (2, "in-progress"),
        (1, "ringing"),
    ] {
        let told = status_callback(&id, &sid, word, sequence)
            .send(&status)
            .await;
        assert_eq!(told.status, 200, "{}", told.text());
    }
    let call = api.call(&id).await;
    assert_eq!(call["status"], "completed");
    let at = "2026-01-01T00:00:00.000Z";
    let event = |status: &str| json!({ "status": status, "at": at, "source": "twilio" });
    assert_eq!(
        call["events"],
        json!([
            event("initiated"),
            event("ringing"),
            event("in-progress"),
            event("completed")
        ])
    );
}

#[tokio::test]
async fn undelivered_script_shows_in_the_call() {
    let api = Api::new().await;
    for (delivery, told) in [
        (None, Value::Null),
        (Some(Delivery::None), "none".into()),
        (Some(Delivery::Full), "full".into()),
    ] {
        let call = api.stage.call(|call| call.delivery = delivery).await;
        assert_eq!(api.call(&call.call_id.to_string()).await["delivery"], told);
    }
}

#[tokio::test]
async fn events_without_a_sequence_follow_by_time() {
    let api = Api::new().await;
    let event = |status, millis, sequence| CallEvent {
        status,
        at: DateTime::from_millis(millis),
        source: EventSource::Twilio,
        sequence,
        token: None,
    };
    let call = api
        .stage
        .call(|call| {
            call.events = vec![
                event(CallStatus::Completed, 3_000, None),
                event(CallStatus::InProgress, 2_000, None),
                event(CallStatus::Ringing, 9_000, Some(1)),
                event(CallStatus::Initiated, 9_500, Some(0)),
            ];
        })
        .await;
    let shown = api.call(&call.call_id.to_string()).await;
    let words: Vec<_> = shown["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| &event["status"])
        .collect();
    assert_eq!(words, ["initiated", "ringing", "in-progress", "completed"]);
}

#[tokio::test]
async fn unknown_call_is_not_found() {
    let api = Api::new().await;
    api.stage.call(|_| ()).await;
    for id in [
        "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        "1",
        "65f0a1b2c3d4e5f601234567",
        "6ba7b8109dad11d180b400c04fd430c8",
        "%ff",
        "%zz",
        "a%2Fb",
    ] {
        api.get(&format!("/calls/{id}"))
            .await
            .assert_problem(404, "not_found");
        api.get(&format!("/calls/{id}/recordings"))
            .await
            .assert_problem(404, "not_found");
    }
}

#[tokio::test]
async fn upper_case_call_id_is_accepted() {
    let api = Api::new().await;
    let call = api.stage.call(|_| ()).await;
    let id = call.call_id.to_string();
    let shown = api.get(&format!("/calls/{}", id.to_uppercase())).await;
    assert_eq!(shown.status, 200);
    assert_eq!(shown.json()["call_id"], *id);
}

#[tokio::test]
async fn reading_a_call_needs_an_api_key() {
    let api = Api::new().await;
    let call = api.stage.call(|_| ()).await;
    let path = format!("/calls/{}", call.call_id);
    Request::new("GET", &path)
        .send(&api.router)
        .await
        .assert_problem(401, "unauthorized");
}

#[tokio::test]
async fn call_of_the_earlier_service_is_returned() {
    let api = Api::new().await;
    let calls = api
        .stage
        .database()
        .collection::<mongodb::bson::Document>("calls");
    let id = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";
    calls
        .insert_one(mongodb::bson::doc! {
            "call_id": id,
            "user_id": "65f0a1b2c3d4e5f601234567",
            "twilio_sid": null,
            "to_number": "+12125550123",
            "from_number": "+12125550100",
            "status": "initiated",
            "script": "Hello.",
            "recording_enabled": true,
            "recording_url": null,
            "created_at": DateTime::now(),
            "updated_at": DateTime::now(),
        })
        .await
        .unwrap();
    let call = api.call(id).await;
    assert_eq!(call["twilio_sid"], Value::Null);
    assert_eq!(call["dial_outcome"], Value::Null);
    assert_eq!(call["events"], json!([]));
}
