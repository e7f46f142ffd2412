//! Faults of webhooks, and replacing the fault plan.

use serde_json::{Value, json};
use twilio_sim::faults::FaultPlan;

use crate::support::{ALL_EVENTS, App, Hit, LISTENER, Sim};

pub async fn with(plan: Value) -> Sim {
    Sim::with(|config| config.faults = FaultPlan::parse(plan.to_string().as_bytes()).unwrap()).await
}

/// Plays a recorded call and waits for its recording callback. Returns its status callbacks.
async fn status_callbacks(sim: &Sim, app: &App) -> Vec<Hit> {
    let (voice, status, recording) = (app.url("/voice"), app.url("/status"), app.url("/recording"));
    let mut form = vec![
        ("Url", voice.as_str()),
        ("StatusCallback", &status),
        ("Record", "true"),
        ("RecordingStatusCallback", &recording),
    ];
    form.extend(ALL_EVENTS);
    let sid = sim.call(LISTENER, &form).await;
    let before = app.hits("/recording").len();
    app.wait("/recording", before + 1).await;
    app.hits("/status")
        .into_iter()
        .filter(|hit| hit.param("CallSid") == sid)
        .collect()
}

fn sequence(hits: &[Hit]) -> Vec<&str> {
    hits.iter().map(|hit| hit.param("SequenceNumber")).collect()
}

#[tokio::test]
async fn callbacks_are_dropped_duplicated_and_reordered() {
    for (action, event, expected) in [
        ("drop", "ringing", ["0", "2", "3"].as_slice()),
        ("duplicate", "ringing", &["0", "1", "1", "2", "3"]),
        ("reorder", "ringing", &["0", "2", "1", "3"]),
        ("drop", "completed", &["0", "1", "2"]),
    ] {
        let app = App::start().await;
        let sim =
            with(json!({ "callbacks": [{ "kind": "status", "event": event, "action": action }] }))
                .await;
        let hits = status_callbacks(&sim, &app).await;
        assert_eq!(sequence(&hits), expected, "{action}");
        if action == "duplicate" {
            let token = |hit: &Hit| hit.header("I-Twilio-Idempotency-Token").to_owned();
            assert_eq!(token(&hits[1]), token(&hits[2]));
        }
    }
}

#[tokio::test]
async fn reordered_last_callback_still_arrives() {
    let app = App::start().await;
    let sim = with(
        json!({ "callbacks": [{ "kind": "status", "event": "completed", "action": "reorder" }] }),
    )
    .await;
    status_callbacks(&sim, &app).await;
    assert_eq!(
        sequence(&app.wait("/status", 4).await),
        ["0", "1", "2", "3"]
    );
}

#[tokio::test]
async fn duplicate_arrives_after_its_delay() {
    let app = App::start().await;
    let plan = json!({ "callbacks": [{ "kind": "status", "event": "initiated", "action": "duplicate", "delay_ms": 1_500 }] });
    let sim = with(plan).await;
    status_callbacks(&sim, &app).await;
    let hits = app.wait("/status", 5).await;
    assert_eq!(sequence(&hits), ["0", "1", "2", "3", "0"]);
    let token = |hit: &Hit| hit.header("I-Twilio-Idempotency-Token").to_owned();
    assert_eq!(token(&hits[0]), token(&hits[4]));
}

#[tokio::test]
async fn delayed_callback_arrives_after_the_others() {
    let app = App::start().await;
    let plan = json!({ "callbacks": [{ "kind": "status", "event": "initiated", "action": "delay", "delay_ms": 1_500 }] });
    let sim = with(plan).await;
    status_callbacks(&sim, &app).await;
    assert_eq!(
        sequence(&app.wait("/status", 4).await),
        ["1", "2", "3", "0"]
    );
}

#[tokio::test]
async fn recording_and_voice_webhooks_can_have_faults() {
    let app = App::start().await;
    let sim = with(json!({ "callbacks": [
        { "kind": "voice", "action": "duplicate", "calls": [1] },
        { "kind": "recording", "action": "duplicate", "calls": [1] },
        { "kind": "voice", "action": "drop", "calls": [2] },
    ] }))
    .await;
    status_callbacks(&sim, &app).await;
    app.wait("/recording", 2).await;
    assert_eq!(app.hits("/voice").len(), 2);
    let sid = sim.call(LISTENER, &[("Url", &app.url("/voice"))]).await;
    let log = sim
        .wait_for_log(&sid, |entry| entry["status"] == "completed")
        .await;
    assert!(
        log.iter()
            .any(|entry| entry["kind"] == "fault" && entry["action"] == "drop")
    );
    assert!(
        log.iter()
            .any(|entry| entry["kind"] == "error" && entry["code"] == 11205)
    );
    assert_eq!(app.hits("/voice").len(), 2);
}

#[tokio::test]
async fn same_seed_gives_the_same_faults() {
    let mut runs = Vec::new();
    for seed in [1, 1, 2] {
        let app = App::start().await;
        let sim = with(json!({ "seed": seed, "callbacks": [{ "kind": "status", "probability": 0.5, "action": "drop" }] })).await;
        let mut run = Vec::new();
        for _ in 0..6 {
            run.push(sequence(&status_callbacks(&sim, &app).await).join(","));
        }
        runs.push(run);
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
}

#[tokio::test]
async fn plan_can_be_read_and_replaced_at_run_time() {
    let sim = Sim::start().await;
    let url = format!("{}/_sim/faults", sim.origin);
    let plan: Value = sim
        .client
        .get(&url)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(plan, json!({ "seed": null, "callbacks": [], "rest": [] }));
    let put = async |plan: &str| {
        sim.client
            .put(&url)
            .body(plan.to_owned())
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    assert_eq!(
        put(r#"{"rest": [{"on": "list", "action": "rate_limit"}]}"#).await,
        200
    );
    assert_eq!(sim.get("/Calls.json").await.0, 429);
    assert_eq!(put("{}").await, 200);
    assert_eq!(sim.get("/Calls.json").await.0, 200);
    for wrong in [
        "",
        "[1]",
        r#"{"rests": []}"#,
        r#"{"rest": [{"action": "explode"}]}"#,
        r#"{"rest": [{"action": "error", "status": 200}]}"#,
        r#"{"callbacks": [{"action": "drop", "probability": 2}]}"#,
        r#"{"callbacks": [{"action": "reorder", "kind": "voice"}]}"#,
        r#"{"refuse_connections_ms": 0}"#,
        r#"{"refuse_connections_ms": 600001}"#,
    ] {
        assert_eq!(put(wrong).await, 400, "{wrong}");
    }
}
