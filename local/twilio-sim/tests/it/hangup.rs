use crate::support::{ALL_EVENTS, App, LISTENER, Sim, nothing, twiml};

const LONG: &str = "<Response><Pause length=\"3600\"/></Response>";

#[tokio::test]
async fn a_live_call_is_hung_up_with_completed() {
    let (sim, app) = (Sim::start().await, App::speaking(LONG).await);
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
async fn a_call_canceled_while_queued_fires_no_callback() {
    let (sim, app) = (
        Sim::with(|config| config.max_calls_per_second = Some(0.0001)).await,
        App::start().await,
    );
    let told = app.url("/status");
    let mut form = vec![
        ("Url", "https://example.com/voice"),
        ("StatusCallback", told.as_str()),
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
    sim.reaches(&first, "completed").await;
    assert_eq!(sim.truth(&sid).await["callbacks"]["sent"], 0);
    assert_eq!(app.all().len(), 0);
}

#[tokio::test]
async fn a_ringing_call_is_canceled_and_says_so() {
    for order in ["canceled", "completed"] {
        let (sim, app) = (
            Sim::with(|c| c.speed = twilio_sim::clock::Speed::parse("20").unwrap()).await,
            App::start().await,
        );
        let told = app.url("/status");
        let mut form = vec![
            ("Url", "https://example.com/voice"),
            ("StatusCallback", told.as_str()),
            ("Timeout", "600"),
        ];
        form.extend(ALL_EVENTS);
        let sid = sim.call("+12125550102", &form).await;
        sim.reaches(&sid, "ringing").await;
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
    let (sim, app) = (Sim::start().await, App::speaking(LONG).await);
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
async fn a_call_that_has_ended_is_not_in_progress() {
    let sim = Sim::start().await;
    let sid = sim.call("+12125550101", &[("Twiml", "<Response/>")]).await;
    sim.reaches(&sid, "busy").await;
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
async fn a_live_call_goes_on_with_the_instructions_of_an_update() {
    let app = App::answering(|hit, _| match hit.path.as_str() {
        "/voice" => twiml(LONG),
        "/other" => twiml("<Response><Say>Other.</Say></Response>"),
        _ => nothing(),
    })
    .await;
    let sim = Sim::start().await;
    for form in [
        ("Url", app.url("/other")),
        ("Twiml", "<Response><Say>Other.</Say></Response>".to_owned()),
    ] {
        let sid = sim.call(LISTENER, &[("Url", &app.url("/voice"))]).await;
        sim.log(&sid, |entry| entry["verb"] == "Pause").await;
        let (status, _) = sim
            .post(&format!("/Calls/{sid}.json"), &[(form.0, &form.1)])
            .await;
        assert_eq!(status, 200);
        sim.reaches(&sid, "completed").await;
        assert_eq!(
            sim.truth(&sid).await["spoken"],
            serde_json::json!(["Other."])
        );
    }
}

#[tokio::test]
async fn a_call_that_waits_for_its_application_can_be_hung_up() {
    let app = App::answering(|_, _| {
        let mut reply = nothing();
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
async fn an_update_may_move_the_status_callback_and_the_time_limit() {
    let (sim, app) = (Sim::start().await, App::speaking(LONG).await);
    let sid = sim
        .call(
            LISTENER,
            &[
                ("Url", &app.url("/voice")),
                ("StatusCallback", &app.url("/old")),
            ],
        )
        .await;
    sim.log(&sid, |entry| entry["verb"] == "Pause").await;
    let form = [("StatusCallback", &*app.url("/new")), ("TimeLimit", "1")];
    assert_eq!(sim.post(&format!("/Calls/{sid}.json"), &form).await.0, 200);
    app.wait("/new", 1).await;
    assert_eq!(app.hits("/old").len(), 0);
}
