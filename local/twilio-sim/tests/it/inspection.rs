//! The inspection API under `/_sim/`.

use futures_util::StreamExt as _;
use serde_json::{Value, json};

use crate::support::{App, DEADLINE, LISTENER, Sim};

#[tokio::test]
async fn log_is_complete_in_order_and_can_start_at_any_entry() {
    let (sim, app) = (Sim::start().await, App::start().await);
    let first = sim
        .call(
            LISTENER,
            &[
                ("Url", &app.url("/voice")),
                ("StatusCallback", &app.url("/status")),
            ],
        )
        .await;
    sim.wait_for_log(&first, |entry| entry["webhook"] == "status")
        .await;
    let second = sim.call("+12125550101", &[("Twiml", "<Response/>")]).await;
    sim.wait_for_status(&second, "busy").await;
    let read = async |query: &str| {
        let answer = sim
            .client
            .get(format!("{}/_sim/log{query}", sim.origin))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.headers()["content-type"], "application/x-ndjson");
        let text = answer.text().await.unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect::<Vec<Value>>()
    };
    let all = read("").await;
    assert!(
        all.iter()
            .enumerate()
            .all(|(at, entry)| entry["n"] == at && entry["at"].is_string())
    );
    let own: Vec<&Value> = all
        .iter()
        .filter(|entry| entry["call_sid"] == first.as_str())
        .collect();
    for kind in ["rest", "call.status", "webhook", "verb"] {
        assert!(own.iter().any(|entry| entry["kind"] == kind), "{kind}");
    }
    assert!(
        all.iter()
            .any(|entry| entry["kind"] == "rest" && entry["status"] == 201)
    );
    let states: Vec<_> = own
        .iter()
        .filter(|entry| entry["kind"] == "call.status")
        .map(|entry| entry["status"].clone())
        .collect();
    assert_eq!(
        states,
        ["queued", "initiated", "ringing", "in-progress", "completed"]
    );
    let webhook = own
        .iter()
        .find(|entry| entry["webhook"] == "voice")
        .unwrap();
    assert_eq!(
        (webhook["attempt"].as_u64(), webhook["status"].as_u64()),
        (Some(1), Some(200))
    );
    assert!(
        read(&format!("?call_sid={second}"))
            .await
            .iter()
            .all(|entry| entry["call_sid"] == second.as_str())
    );
    assert_eq!(read("?since=3").await[0], all[3]);
    assert!(
        all.iter()
            .all(|entry| !entry.to_string().contains(&sim.token))
    );
}

#[tokio::test]
async fn log_can_be_followed() {
    let sim = Sim::start().await;
    let answer = sim
        .client
        .get(format!("{}/_sim/log?follow=true", sim.origin))
        .send()
        .await
        .unwrap();
    let mut stream = answer.bytes_stream();
    let sid = sim.call("+12125550101", &[("Twiml", "<Response/>")]).await;
    let mut seen = String::new();
    let follow = async {
        while !(seen.contains("\"busy\"") && seen.contains(&sid)) {
            seen.push_str(std::str::from_utf8(&stream.next().await.unwrap().unwrap()).unwrap());
        }
    };
    tokio::time::timeout(DEADLINE, follow).await.unwrap();
}

#[tokio::test]
async fn calls_report_what_happened() {
    let (sim, app) = (
        Sim::start().await,
        App::with_twiml("<Response><Say>One.</Say><Say>Two.</Say></Response>").await,
    );
    let voice = app.url("/voice?call_id=7");
    let form = [
        ("Url", &*voice),
        ("StatusCallback", &app.url("/status")),
        ("Record", "true"),
        ("RecordingStatusCallback", &app.url("/recording")),
    ];
    let sid = sim.call(LISTENER, &form).await;
    let recording = app.wait("/recording", 1).await[0]
        .param("RecordingSid")
        .to_owned();
    sim.wait_for_log(&sid, |entry| entry["webhook"] == "recording")
        .await;
    let call = sim.report(&sid).await;
    assert_eq!(call["spoken"], json!(["One.", "Two."]));
    assert_eq!(call["url"], voice.as_str());
    assert_eq!(
        (call["to"].as_str(), call["status"].as_str()),
        (Some(LISTENER), Some("completed"))
    );
    assert_eq!(call["callbacks"]["sent"], 2);
    assert_eq!(
        call["recordings"],
        json!([{ "sid": recording, "status": "completed", "duration": 2, "error_code": null }])
    );
    assert!(call["answered_at"].is_string());
}

#[tokio::test]
async fn health_needs_no_credentials() {
    let sim = Sim::start().await;
    assert_eq!(
        sim.client
            .get(format!("{}/_sim/health", sim.origin))
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
}
