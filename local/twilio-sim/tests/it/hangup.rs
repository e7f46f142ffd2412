//! Updates of a call: hanging up, new instructions, other settings.

use crate::support::{ALL_EVENTS, App, LISTENER, Sim, no_content, twiml};

const LONG: &str = "<Response><Pause length=\"3600\"/></Response>";

#[tokio::test]
async fn completed_hangs_up_a_live_call() {
    let (sim, app) = (Sim::start().await, App::with_twiml(LONG).await);
    let sid = sim
        .call(
            LISTENER,
            &[
                ("Url", &app.url("/voice")),
                ("StatusCallback", &app.url("/status")),
            ],
        )
        .await;
    app.wait("/voice", 1).await;
    let (status, call) = sim
        .post(&format!("/Calls/{sid}.json"), &[("Status", "completed")])
        .await;
    assert_eq!(
        (status.as_u16(), call["status"].as_str()),
        (200, Some("completed"))
    );
    assert_eq!(
        app.wait("/status", 1).await[0].param("CallStatus"),
        "completed"
    );
}

#[tokio::test]
async fn canceled_queued_call_sends_no_callback() {
    let (sim, app) = (
        Sim::with(|config| config.max_calls_per_second = Some(0.0001)).await,
        App::start().await,
    );
    let status_url = app.url("/status");
    let mut form = vec![
        ("Url", "https://example.com/voice"),
        ("StatusCallback", status_url.as_str()),
    ];
    form.extend(ALL_EVENTS);
    let first = sim.call(LISTENER, &[("Twiml", "<Response/>")]).await;
    let sid = sim.call(LISTENER, &form).await;
    let (status, call) = sim
        .post(&format!("/Calls/{sid}.json"), &[("Status", "canceled")])
        .await;
    assert_eq!(
        (status.as_u16(), call["status"].as_str()),
        (200, Some("canceled"))
    );
    assert!(call["end_time"].is_string());
    sim.wait_for_status(&first, "completed").await;
    assert_eq!(sim.report(&sid).await["callbacks"]["sent"], 0);
    assert_eq!(app.all().len(), 0);
}

#[tokio::test]
async fn canceled_ringing_call_reports_canceled() {
    for order in ["canceled", "completed"] {
        let (sim, app) = (
            Sim::with(|c| c.speed = twilio_sim::clock::Speed::parse("20").unwrap()).await,
            App::start().await,
        );
        let status_url = app.url("/status");
        let mut form = vec![
            ("Url", "https://example.com/voice"),
            ("StatusCallback", status_url.as_str()),
            ("Timeout", "600"),
        ];
        form.extend(ALL_EVENTS);
        let sid = sim.call("+12125550102", &form).await;
        sim.wait_for_status(&sid, "ringing").await;
        let (status, call) = sim
            .post(&format!("/Calls/{sid}.json"), &[("Status", order)])
            .await;
        assert_eq!(
            (status.as_u16(), call["status"].as_str()),
            (200, Some("canceled"))
        );
        let hits = app.wait("/status", 3).await;
        assert_eq!(
            (
                hits[2].param("CallStatus"),
                hits[2].param("SipResponseCode")
            ),
            ("canceled", "487")
        );
    }
}

#[tokio::test]
async fn canceled_does_not_end_a_call_in_progress() {
    let (sim, app) = (Sim::start().await, App::with_twiml(LONG).await);
    let sid = sim.call(LISTENER, &[("Url", &app.url("/voice"))]).await;
    app.wait("/voice", 1).await;
    let (status, call) = sim
        .post(&format!("/Calls/{sid}.json"), &[("Status", "canceled")])
        .await;
    assert_eq!(
        (status.as_u16(), call["status"].as_str()),
        (200, Some("in-progress"))
    );
}

#[tokio::test]
async fn ended_call_cannot_be_updated() {
    let sim = Sim::start().await;
    let sid = sim.call("+12125550101", &[("Twiml", "<Response/>")]).await;
    sim.wait_for_status(&sid, "busy").await;
    for form in [
        ("Status", "completed"),
        ("Status", "canceled"),
        ("Twiml", "<Response/>"),
    ] {
        let (status, error) = sim.post(&format!("/Calls/{sid}.json"), &[form]).await;
        assert_eq!(
            (status.as_u16(), error["code"].as_u64()),
            (400, Some(21220)),
            "{form:?}"
        );
    }
}

#[tokio::test]
async fn update_gives_a_live_call_new_instructions() {
    let app = App::responding(|hit, _| match hit.path.as_str() {
        "/voice" => twiml(LONG),
        "/other" => twiml("<Response><Say>Other.</Say></Response>"),
        _ => no_content(),
    })
    .await;
    let sim = Sim::start().await;
    for form in [
        ("Url", app.url("/other")),
        ("Twiml", "<Response><Say>Other.</Say></Response>".to_owned()),
    ] {
        let sid = sim.call(LISTENER, &[("Url", &app.url("/voice"))]).await;
        sim.wait_for_log(&sid, |entry| entry["verb"] == "Pause")
            .await;
        let (status, _) = sim
            .post(&format!("/Calls/{sid}.json"), &[(form.0, &form.1)])
            .await;
        assert_eq!(status, 200);
        sim.wait_for_status(&sid, "completed").await;
        assert_eq!(
            sim.report(&sid).await["spoken"],
            serde_json::json!(["Other."])
        );
    }
}

#[tokio::test]
async fn call_can_be_hung_up_during_a_voice_request() {
    let app = App::responding(|_, _| {
        let mut reply = no_content();
        reply.after = std::time::Duration::from_secs(10);
        reply
    })
    .await;
    let sim = Sim::start().await;
    let sid = sim.call(LISTENER, &[("Url", &app.url("/voice"))]).await;
    app.wait("/voice", 1).await;
    let (_, call) = sim
        .post(&format!("/Calls/{sid}.json"), &[("Status", "completed")])
        .await;
    assert_eq!(call["status"], "completed");
}

#[tokio::test]
async fn update_can_change_the_status_callback_and_the_time_limit() {
    let (sim, app) = (Sim::start().await, App::with_twiml(LONG).await);
    let sid = sim
        .call(
            LISTENER,
            &[
                ("Url", &app.url("/voice")),
                ("StatusCallback", &app.url("/old")),
            ],
        )
        .await;
    sim.wait_for_log(&sid, |entry| entry["verb"] == "Pause")
        .await;
    let form = [("StatusCallback", &*app.url("/new")), ("TimeLimit", "1")];
    assert_eq!(sim.post(&format!("/Calls/{sid}.json"), &form).await.0, 200);
    app.wait("/new", 1).await;
    assert_eq!(app.hits("/old").len(), 0);
}
