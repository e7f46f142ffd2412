//! Tests whole calls, from the request to the last webhook.

use axum::{Router, extract::Request};
use lambda_http::RequestExt;
use routers::Routers;
use serde_json::{Value, json};
use testkit::{Stage, Twilio};
use tokio::net::TcpListener;
use tower::ServiceExt;
use twilio_sim::clock::Speed;

use crate::support::{Api, eventually, text};

/// The function, and the functions that receive webhooks from Twilio.
pub struct Played {
    pub api: Api,
}

impl Played {
    pub async fn start(speed: Speed) -> Self {
        Self::with(Twilio::start_at(speed).await).await
    }

    /// Starts the functions with this Twilio.
    pub async fn with(twilio: Twilio) -> Self {
        Self::with_stage(twilio, |stage| stage).await
    }

    /// Starts the functions with this Twilio and other variables.
    pub async fn with_stage(twilio: Twilio, change: impl FnOnce(Stage) -> Stage) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let stage = Stage::new().await.playing(&twilio).set("BASE_URL", &origin);
        let stage = change(stage);
        twilio.report_transcripts(&origin).await;
        twilio.answer_callbacks(&origin).await;
        let functions = Routers::new(&stage.settings()).unwrap();
        let webhooks = Router::new().fallback(async move |request: Request| {
            let path = request.uri().path().to_owned();
            let function = functions.at(&path).clone();
            function.oneshot(request.with_raw_http_path(path)).await
        });
        tokio::spawn(async move { axum::serve(listener, webhooks).await });
        Self {
            api: Api::of(stage, twilio).await,
        }
    }
}

/// Places a call that is answered, waits until it and its recordings are completed, and returns its `call_id`.
pub async fn play(played: &Played, changes: &Value) -> String {
    let api = &played.api;
    let mut body = api.body_to("+12125550123");
    for (field, value) in changes.as_object().unwrap() {
        body[field] = value.clone();
    }
    let answer = api.post(&body).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let id = text(&answer.json()["call_id"]);
    eventually("the call is completed", async || {
        let call = api.call(&id).await;
        let listed = api.get(&format!("/calls/{id}/recordings")).await.json();
        let first = &listed["recordings"][0]["status"];
        let is_recorded = call["recording_url"].is_string() && first == "completed";
        let is_whole = is_recorded || call["recording_enabled"] == false;
        (call["status"] == "completed" && is_whole).then_some(())
    })
    .await;
    id
}

#[tokio::test]
async fn recorded_call_runs_from_dial_to_recording() {
    let played = Played::start(Speed::parse("40").unwrap()).await;
    let api = &played.api;
    let script = "Hello & welcome: 1 < 2.";
    let id = play(
        &played,
        &json!({ "script": script, "recording_enabled": true, "machine_detection": "Enable" }),
    )
    .await;
    let call = api.call(&id).await;
    let words: Vec<_> = call["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| &event["status"])
        .collect();
    assert_eq!(words, ["initiated", "ringing", "in-progress", "completed"]);
    assert!(call["duration_seconds"].as_i64().unwrap() > 0);
    assert_eq!(call["answered_by"], "human");
    assert_eq!(call["sip_response_code"], 200);
    let at_twilio = eventually("Twilio has all answers", async || {
        let call = api.twilio.calls().await[0].clone();
        (call["callbacks"]["sent"] == call["callbacks"]["delivered"]).then_some(call)
    })
    .await;
    assert_eq!(at_twilio["sid"], call["twilio_sid"]);
    assert!(
        at_twilio["spoken"].to_string().contains(script),
        "{at_twilio}"
    );
    let recordings = api.get(&format!("/calls/{id}/recordings")).await.json();
    let recordings = recordings["recordings"].as_array().unwrap();
    assert_eq!(recordings.len(), 1);
    assert_eq!(recordings[0]["status"], "completed");
    assert_eq!(recordings[0]["recording_url"], call["recording_url"]);
}

#[tokio::test]
async fn unanswered_call_ends_with_twilios_status() {
    let played = Played::start(Speed::parse("100").unwrap()).await;
    let api = &played.api;
    for (number, status) in [
        ("+12125550101", "busy"),
        ("+12125550102", "no-answer"),
        ("+12125550103", "failed"),
    ] {
        let answer = api.post(&api.body_to(number)).await;
        let id = text(&answer.json()["call_id"]);
        eventually(status, async || {
            (api.call(&id).await["status"] == status).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn repeated_late_or_lost_callbacks_end_in_the_same_call() {
    let played = Played::start(Speed::parse("40").unwrap()).await;
    let api = &played.api;
    api.twilio
        .faults(&json!({ "callbacks": [
            { "kind": "status", "event": "initiated", "action": "reorder" },
            { "kind": "status", "event": "ringing", "action": "drop" },
            { "kind": "status", "event": "in-progress", "action": "delay", "delay_ms": 1_500 },
            { "kind": "status", "event": "completed", "action": "duplicate" },
            { "kind": "recording", "action": "duplicate" },
        ] }))
        .await;
    let id = play(&played, &json!({ "recording_enabled": true })).await;
    let call = eventually("the late callback", async || {
        let call = api.call(&id).await;
        (call["events"].as_array()?.len() == 3).then_some(call)
    })
    .await;
    assert_eq!(call["status"], "completed");
    let words: Vec<_> = call["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| &event["status"])
        .collect();
    assert_eq!(words, ["initiated", "in-progress", "completed"]);
    let recordings = api.get(&format!("/calls/{id}/recordings")).await.json();
    assert_eq!(recordings["recordings"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn hang_up_ends_a_live_call() {
    let played = Played::start(Speed::parse("2").unwrap()).await;
    let api = &played.api;
    let mut body = api.body_to("+12125550123");
    body["script"] = json!("A long story. ".repeat(200));
    let id = text(&api.post(&body).await.json()["call_id"]);
    eventually("it is answered", async || {
        (api.call(&id).await["status"] == "in-progress").then_some(())
    })
    .await;
    let answer = api.hang_up(&id).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    assert_eq!(api.twilio.calls().await[0]["status"], "completed");
    let call = eventually("Twilio reports the end", async || {
        let call = api.call(&id).await;
        let last = call["events"].as_array()?.last()?.clone();
        (last["status"] == "completed" && last["source"] == "twilio").then_some(call)
    })
    .await;
    assert_eq!(call["events"].as_array().unwrap().len(), 4);
    api.hang_up(&id).await.assert_problem(409, "call_ended");
}
