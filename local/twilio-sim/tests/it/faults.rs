use std::time::{Duration, Instant};

use serde_json::{Value, json};
use twilio_sim::faults::FaultPlan;

use crate::support::{ALL_EVENTS, App, FROM, Hit, LISTENER, Sim};

async fn with(plan: Value) -> Sim {
    Sim::with(|config| config.faults = FaultPlan::parse(plan.to_string().as_bytes()).unwrap()).await
}

/// Plays a recorded call that tells everything and returns the status callbacks once the recording has been told.
async fn told(sim: &Sim, app: &App) -> Vec<Hit> {
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
        let hits = told(&sim, &app).await;
        assert_eq!(sequence(&hits), expected, "{action}");
        if action == "duplicate" {
            let token = |hit: &Hit| hit.header("I-Twilio-Idempotency-Token").to_owned();
            assert_eq!(token(&hits[1]), token(&hits[2]));
        }
    }
}

#[tokio::test]
async fn a_last_callback_that_is_reordered_still_arrives() {
    let app = App::start().await;
    let sim = with(
        json!({ "callbacks": [{ "kind": "status", "event": "completed", "action": "reorder" }] }),
    )
    .await;
    told(&sim, &app).await;
    assert_eq!(
        sequence(&app.wait("/status", 4).await),
        ["0", "1", "2", "3"]
    );
}

#[tokio::test]
async fn a_duplicate_comes_later_where_the_plan_says_so() {
    let app = App::start().await;
    let plan = json!({ "callbacks": [{ "kind": "status", "event": "initiated", "action": "duplicate", "delay_ms": 1_500 }] });
    let sim = with(plan).await;
    told(&sim, &app).await;
    let hits = app.wait("/status", 5).await;
    assert_eq!(sequence(&hits), ["0", "1", "2", "3", "0"]);
    let token = |hit: &Hit| hit.header("I-Twilio-Idempotency-Token").to_owned();
    assert_eq!(token(&hits[0]), token(&hits[4]));
}

#[tokio::test]
async fn a_delayed_callback_is_overtaken_by_the_others() {
    let app = App::start().await;
    let plan = json!({ "callbacks": [{ "kind": "status", "event": "initiated", "action": "delay", "delay_ms": 1_500 }] });
    let sim = with(plan).await;
    told(&sim, &app).await;
    assert_eq!(
        sequence(&app.wait("/status", 4).await),
        ["1", "2", "3", "0"]
    );
}

#[tokio::test]
async fn recording_and_voice_webhooks_have_faults_of_their_own() {
    let app = App::start().await;
    let sim = with(json!({ "callbacks": [
        { "kind": "voice", "action": "duplicate", "calls": [1] },
        { "kind": "recording", "action": "duplicate", "calls": [1] },
        { "kind": "voice", "action": "drop", "calls": [2] },
    ] }))
    .await;
    told(&sim, &app).await;
    app.wait("/recording", 2).await;
    assert_eq!(app.hits("/voice").len(), 2);
    let sid = sim.call(LISTENER, &[("Url", &app.url("/voice"))]).await;
    let log = sim.log(&sid, |entry| entry["status"] == "completed").await;
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
async fn the_same_seed_strikes_the_same_callbacks() {
    let mut courses = Vec::new();
    for seed in [1, 1, 2] {
        let app = App::start().await;
        let sim = with(json!({ "seed": seed, "callbacks": [{ "kind": "status", "probability": 0.5, "action": "drop" }] })).await;
        let mut course = Vec::new();
        for _ in 0..6 {
            course.push(sequence(&told(&sim, &app).await).join(","));
        }
        courses.push(course);
    }
    assert_eq!(courses[0], courses[1]);
    assert_ne!(courses[0], courses[2]);
}

#[tokio::test]
async fn rest_answers_break_before_or_after_the_call_is_accepted() {
    for (when, made) in [("before", 0), ("after", 1)] {
        for (action, more) in [
            ("refuse", json!({ "status": 400, "code": 21215 })),
            ("rate_limit", json!({})),
            ("error", json!({ "status": 503 })),
            ("garbage", json!({})),
            ("reset", json!({})),
        ] {
            let mut rule = json!({ "on": "create", "when": when, "action": action });
            rule.as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            let sim = with(json!({ "rest": [rule] })).await;
            let form = [("To", LISTENER), ("From", FROM), ("Twiml", "<Response/>")];
            let request = sim
                .client
                .post(sim.url("/Calls.json"))
                .form(&form)
                .basic_auth(&sim.account, Some(&sim.token));
            match (action, request.send().await) {
                ("reset", Err(error)) => assert!(!error.is_timeout(), "{error:?}"),
                ("reset", Ok(answer)) => panic!("{answer:?}"),
                (_, answer) => {
                    let answer = answer.unwrap();
                    let status = answer.status().as_u16();
                    let body: Result<Value, _> = answer.json().await;
                    match action {
                        "refuse" => {
                            assert_eq!(
                                (status, body.unwrap()["code"].as_u64()),
                                (400, Some(21215))
                            );
                        }
                        "rate_limit" => {
                            assert_eq!(
                                (status, body.unwrap()["code"].as_u64()),
                                (429, Some(20429))
                            );
                        }
                        "error" => assert!(status == 503 && body.is_err()),
                        _ => assert!(status < 300 && body.is_err()),
                    }
                }
            }
            let (_, list) = sim.get("/Calls.json").await;
            assert_eq!(
                list["calls"].as_array().unwrap().len(),
                made,
                "{when} {action}"
            );
        }
    }
}

#[tokio::test]
async fn a_stalled_request_is_answered_late() {
    for when in ["before", "after"] {
        let sim = with(json!({ "rest": [{ "on": "create", "when": when, "action": "stall", "delay_ms": 300 }] })).await;
        let started = Instant::now();
        sim.call(LISTENER, &[("Twiml", "<Response/>")]).await;
        assert!(started.elapsed() >= Duration::from_millis(300));
    }
}

#[tokio::test]
async fn rest_faults_name_requests_numbers_and_operations() {
    let sim = with(json!({ "rest": [
        { "on": "create", "requests": [2], "action": "rate_limit" },
        { "on": "create", "to": "+12125550101", "action": "error" },
        { "on": "fetch", "action": "error", "status": 500 },
    ] }))
    .await;
    let dial = async |to: &str| {
        sim.post(
            "/Calls.json",
            &[("To", to), ("From", FROM), ("Twiml", "<Response/>")],
        )
        .await
        .0
        .as_u16()
    };
    assert_eq!(
        (
            dial(LISTENER).await,
            dial(LISTENER).await,
            dial(LISTENER).await
        ),
        (201, 429, 201)
    );
    assert_eq!(dial("+12125550101").await, 500);
    let (_, list) = sim.get("/Calls.json").await;
    let sid = list["calls"][0]["sid"].as_str().unwrap();
    assert_eq!(sim.get(&format!("/Calls/{sid}.json")).await.0, 500);
}

#[tokio::test]
async fn the_plan_is_shown_and_replaced_at_run_time() {
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
    ] {
        assert_eq!(put(wrong).await, 400, "{wrong}");
    }
}
