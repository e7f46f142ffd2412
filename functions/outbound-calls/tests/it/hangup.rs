//! Tests hanging up: what Twilio gets, and what is stored.

use mongodb::bson::DateTime;
use outdial::domain::{CallEvent, CallStatus, DialOutcome, EventSource};
use serde_json::{Value, json};
use testkit::{Request, Twilio, new_sid};

use crate::support::{Api, RINGS, eventually, status_callback, status_router, text};

async fn twilio_status(twilio: &Twilio) -> String {
    text(&twilio.calls().await[0]["status"])
}

#[tokio::test]
async fn hang_up_cancels_a_queued_call_at_twilio_and_here() {
    let api = Api::new().await;
    let id = text(&api.post(&api.body()).await.json()["call_id"]);
    let answer = api.hang_up(&id).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    assert_eq!(answer.json()["status"], "canceled");
    assert_eq!(twilio_status(&api.twilio).await, "canceled");
    let call = api.call(&id).await;
    assert_eq!(call["status"], "canceled");
    let events = call["events"].as_array().unwrap();
    let last = events.last().unwrap();
    assert_eq!(
        (&last["status"], &last["source"]),
        (&json!("canceled"), &json!("api"))
    );

    api.hang_up(&id).await.assert_problem(409, "call_ended");
}

#[tokio::test]
async fn hang_up_ends_a_ringing_call() {
    let api = Api::new().await;
    let id = text(&api.post(&api.body_to(RINGS)).await.json()["call_id"]);
    eventually("it rings", async || {
        (twilio_status(&api.twilio).await == "ringing").then_some(())
    })
    .await;
    let answer = api.hang_up(&id).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    assert_eq!(twilio_status(&api.twilio).await, "canceled");
}

#[tokio::test]
async fn call_that_twilio_does_not_complete_is_canceled() {
    let api = Api::new().await;
    let id = text(&api.post(&api.body()).await.json()["call_id"]);
    let plan = json!({ "rest": [{ "on": "update", "action": "refuse", "status": 400, "code": 21220, "requests": [1] }] });
    api.twilio.faults(&plan).await;
    let answer = api.hang_up(&id).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    assert_eq!(answer.json()["status"], "canceled");
    let updates: Vec<_> = api
        .twilio
        .requests("POST", ".json")
        .await
        .into_iter()
        .filter(|entry| !text(&entry["path"]).ends_with("/Calls.json"))
        .map(|entry| entry["params"].clone())
        .collect();
    assert_eq!(
        updates,
        [json!(["Status=completed"]), json!(["Status=canceled"])]
    );
}

#[tokio::test]
async fn ended_call_is_a_409() {
    let api = Api::new().await;
    for status in [
        CallStatus::Completed,
        CallStatus::Busy,
        CallStatus::NoAnswer,
        CallStatus::Canceled,
        CallStatus::Failed,
    ] {
        let call = api.stage.call(|call| call.status = status).await;
        let answer = api.hang_up(&call.call_id.to_string()).await;
        answer.assert_problem(409, "call_ended");
    }
    assert!(api.twilio.requests("POST", ".json").await.is_empty());
}

#[tokio::test]
async fn hang_up_updates_a_call_that_ended_unnoticed() {
    let api = Api::new().await;
    let id = text(&api.post(&api.body()).await.json()["call_id"]);
    // Another client of Twilio ends the call, and no callback arrives.
    let other = Api::with(|stage| stage.playing(&api.twilio)).await;
    let sid = api.sids().await[0].clone();
    let theirs = other
        .stage
        .call(|call| call.twilio_sid = Some(sid.parse().unwrap()))
        .await;
    assert_eq!(other.hang_up(&theirs.call_id.to_string()).await.status, 202);
    assert_eq!(api.call(&id).await["status"], "queued");

    api.hang_up(&id).await.assert_problem(409, "call_ended");
    let call = api.call(&id).await;
    assert_eq!(call["status"], "canceled");
    assert_eq!(call["events"][0]["source"], "api");
}

#[tokio::test]
async fn hang_up_waits_for_the_webhook_with_the_call_sid() {
    let api = Api::new().await;
    api.twilio
        .faults(&json!({ "rest": [{ "on": "create", "when": "after", "action": "garbage" }] }))
        .await;
    let id = text(&api.post(&api.body()).await.json()["call_id"]);
    let answer = api.hang_up(&id).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    assert_eq!(answer.json()["hangup_requested"], true);
    assert_eq!(api.hang_up(&id).await.status, 202);
    assert_eq!(twilio_status(&api.twilio).await, "queued");

    let sid = api.sids().await[0].clone();
    let told = status_callback(&id, &sid, "initiated", 0)
        .send(&status_router(&api.stage))
        .await;
    assert_eq!(told.status, 200);
    assert_eq!(twilio_status(&api.twilio).await, "canceled");
    assert_eq!(api.call(&id).await["status"], "canceled");
}

#[tokio::test]
async fn hang_up_during_the_dial_follows_twilios_response() {
    let api = Api::new().await;
    api.twilio
        .faults(&json!({ "rest": [{ "on": "create", "when": "after", "action": "stall", "delay_ms": 1_500 }] }))
        .await;
    let hang_up = async {
        eventually("Twilio has the call", async || api.sids().await.pop()).await;
        let calls = api
            .stage
            .database()
            .collection::<mongodb::bson::Document>("calls");
        let call = calls
            .find_one(mongodb::bson::doc! {})
            .await
            .unwrap()
            .unwrap();
        let answer = api.hang_up(call.get_str("call_id").unwrap()).await;
        assert_eq!(answer.status, 202, "{}", answer.text());
    };
    let body = api.body();
    let (answer, ()) = tokio::join!(api.post(&body), hang_up);
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(twilio_status(&api.twilio).await, "canceled");
    let call = api.call(&text(&answer.json()["call_id"])).await;
    assert_eq!(call["status"], "canceled");
    assert_eq!(answer.json()["status"], "canceled");
}

#[tokio::test]
async fn unreachable_twilio_is_a_502() {
    let api = Api::new().await;
    let id = text(&api.post(&api.body()).await.json()["call_id"]);
    api.twilio
        .faults(&json!({ "rest": [{ "on": "update", "action": "error", "status": 500 }] }))
        .await;
    api.hang_up(&id)
        .await
        .assert_problem(502, "twilio_unreachable");
    assert_eq!(api.call(&id).await["status"], "queued");
    api.twilio.faults(&json!({})).await;
    assert_eq!(api.hang_up(&id).await.status, 202);
}

/// The next attempt could follow before Twilio has answered.
#[tokio::test]
async fn hang_up_stops_the_retries_before_twilio_is_asked() {
    let api = Api::with_queue().await;
    let mut body = api.body();
    body["retry"] = json!({ "delays_seconds": [0] });
    let id = text(&api.post(&body).await.json()["call_id"]);
    api.twilio
        .faults(&json!({ "rest": [{ "on": "update", "action": "error", "status": 500 }] }))
        .await;
    let answer = api.hang_up(&id).await;
    answer.assert_problem(502, "twilio_unreachable");
    let call = api.call(&id).await;
    assert_eq!(call["status"], "queued");
    assert_eq!(call["hangup_requested"], true);
    api.twilio.faults(&json!({})).await;
    let answer = api.hang_up(&id).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    assert_eq!(answer.json()["status"], "canceled");
}

#[tokio::test]
async fn refusal_of_an_unknown_call_has_twilios_message() {
    let api = Api::new().await;
    let call = api
        .stage
        .call(|call| call.twilio_sid = Some(new_sid()))
        .await;
    let answer = api.hang_up(&call.call_id.to_string()).await;
    answer.assert_problem(502, "twilio_refused");
    assert_eq!(answer.json()["twilio_code"], 20404);
}

#[tokio::test]
async fn unknown_call_is_not_found() {
    let api = Api::new().await;
    for id in [
        "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        "1",
        "6ba7b8109dad11d180b400c04fd430c8",
    ] {
        api.hang_up(id).await.assert_problem(404, "not_found");
    }
    let call = api.stage.call(|_| ()).await;
    let path = format!("/calls/{}/hangup", call.call_id);
    Request::new("POST", &path)
        .send(&api.router)
        .await
        .assert_problem(401, "unauthorized");
}

#[tokio::test]
async fn refused_call_has_ended() {
    let api = Api::new().await;
    let call = api
        .stage
        .call(|call| {
            call.twilio_sid = None;
            call.dial_outcome = Some(DialOutcome::Refused);
            call.status = CallStatus::Failed;
            call.events = vec![CallEvent {
                status: CallStatus::Failed,
                at: DateTime::now(),
                source: EventSource::Api,
                sequence: None,
                token: None,
            }];
        })
        .await;
    let id = call.call_id.to_string();
    api.hang_up(&id).await.assert_problem(409, "call_ended");
    assert_eq!(api.call(&id).await["hangup_requested"], Value::Bool(false));
}
