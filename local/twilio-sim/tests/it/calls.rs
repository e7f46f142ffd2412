//! The course of a call: statuses, durations and how it ends.

use crate::support::{ALL_EVENTS, App, LISTENER, Sim};

#[tokio::test]
async fn call_reports_each_status() {
    let (sim, app) = (
        Sim::start().await,
        App::with_twiml("<Response><Pause length=\"42\"/><Hangup/></Response>").await,
    );
    let (voice, status_url) = (app.url("/voice?call_id=1"), app.url("/status"));
    let mut form = vec![
        ("Url", voice.as_str()),
        ("StatusCallback", status_url.as_str()),
    ];
    form.extend(ALL_EVENTS);
    let sid = sim.call(LISTENER, &form).await;
    let hits = app.wait("/status", 4).await;
    let seen: Vec<(&str, &str)> = hits
        .iter()
        .map(|hit| (hit.param("CallStatus"), hit.param("SequenceNumber")))
        .collect();
    assert_eq!(
        seen,
        [
            ("initiated", "0"),
            ("ringing", "1"),
            ("in-progress", "2"),
            ("completed", "3")
        ]
    );
    for hit in &hits {
        assert_eq!(hit.param("CallSid"), sid);
        assert_eq!(hit.param("CallbackSource"), "call-progress-events");
        assert!(
            hit.param("Timestamp").ends_with(" +0000"),
            "{}",
            hit.param("Timestamp")
        );
    }
    let last = &hits[3];
    assert_eq!(last.param("CallDuration"), "42");
    assert_eq!(last.param("Duration"), "1");
    assert_eq!(last.param("SipResponseCode"), "200");
    assert_eq!(hits[2].param("CallDuration"), "(absent)");
    let call = sim.fetch(&sid).await;
    assert_eq!(call["status"], "completed");
    assert_eq!(call["duration"], "42");
    assert_eq!(app.hits("/voice")[0].query, "call_id=1");
}

#[tokio::test]
async fn duration_does_not_depend_on_the_speed() {
    let app = App::with_twiml(&format!(
        "<Response><Say>{}</Say></Response>",
        "x".repeat(150)
    ))
    .await;
    for speed in ["50", "2000"] {
        let sim =
            Sim::with(|config| config.speed = twilio_sim::clock::Speed::parse(speed).unwrap())
                .await;
        let sid = sim.call(LISTENER, &[("Url", &app.url("/voice"))]).await;
        assert_eq!(
            sim.wait_for_status(&sid, "completed").await["duration"],
            "10"
        );
    }
}

#[tokio::test]
async fn only_completed_is_reported_by_default() {
    let (sim, app) = (Sim::start().await, App::start().await);
    let sid = sim
        .call(
            LISTENER,
            &[
                ("Url", &app.url("/voice")),
                ("StatusCallback", &app.url("/status")),
            ],
        )
        .await;
    let hits = app.wait("/status", 1).await;
    sim.wait_for_status(&sid, "completed").await;
    assert_eq!(hits.len(), 1);
    assert_eq!(
        (hits[0].param("CallStatus"), hits[0].param("SequenceNumber")),
        ("completed", "0")
    );
}

#[tokio::test]
async fn unknown_event_is_accepted_and_disables_all_status_callbacks() {
    let (sim, app) = (Sim::start().await, App::start().await);
    let form = [
        ("Url", &*app.url("/voice")),
        ("StatusCallback", &app.url("/status")),
        ("StatusCallbackEvent", "completed"),
        ("StatusCallbackEvent", "initiated ringing"),
        ("Record", "true"),
        ("RecordingStatusCallback", &app.url("/recording")),
    ];
    sim.call("+12125550104", &form).await;
    // The recording callback is the last one, so a status callback would have arrived by now.
    app.wait("/recording", 1).await;
    assert_eq!(app.hits("/status").len(), 0);
}

#[tokio::test]
async fn called_number_decides_how_the_call_ends() {
    let (sim, app) = (Sim::start().await, App::start().await);
    for (to, status, sip, seconds_before) in [
        (
            "+12125550101",
            "busy",
            "486",
            ["initiated", "ringing"].as_slice(),
        ),
        (
            "+12125550102",
            "no-answer",
            "487",
            &["initiated", "ringing"],
        ),
        ("+12125550103", "failed", "404", &["initiated"]),
    ] {
        let status_url = app.url(&format!("/{status}"));
        let mut form = vec![
            ("Url", "https://example.com/never"),
            ("StatusCallback", status_url.as_str()),
        ];
        form.extend(ALL_EVENTS);
        let sid = sim.call(to, &form).await;
        let call = sim.wait_for_status(&sid, status).await;
        assert_eq!(call["duration"], "0");
        let hits = app
            .wait(&format!("/{status}"), seconds_before.len() + 1)
            .await;
        let (last, before) = hits.split_last().unwrap();
        assert!(
            before
                .iter()
                .map(|hit| hit.param("CallStatus"))
                .eq(seconds_before.iter().copied())
        );
        assert_eq!(last.param("CallStatus"), status);
        assert_eq!(last.param("SipResponseCode"), sip);
        assert_eq!(
            (last.param("CallDuration"), last.param("Duration")),
            ("0", "0")
        );
    }
}

#[tokio::test]
async fn call_that_rings_until_the_timeout_is_not_answered() {
    let (sim, app) = (Sim::start().await, App::start().await);
    let voice = app.url("/voice");
    let patient = sim
        .call("+12125550112", &[("Url", &voice), ("Timeout", "30")])
        .await;
    let hasty = sim
        .call("+12125550112", &[("Url", &voice), ("Timeout", "10")])
        .await;
    sim.wait_for_status(&patient, "completed").await;
    sim.wait_for_status(&hasty, "no-answer").await;
    assert_eq!(app.hits("/voice").len(), 1);
}

#[tokio::test]
async fn time_limit_ends_an_endless_call() {
    let (sim, app) = (
        Sim::start().await,
        App::with_twiml("<Response><Say loop=\"0\">For ever.</Say></Response>").await,
    );
    let sid = sim
        .call(
            LISTENER,
            &[("Url", &app.url("/voice")), ("TimeLimit", "120")],
        )
        .await;
    assert_eq!(
        sim.wait_for_status(&sid, "completed").await["duration"],
        "120"
    );
}

#[tokio::test]
async fn called_party_can_hang_up_early() {
    let (sim, app) = (
        Sim::start().await,
        App::with_twiml("<Response><Pause length=\"60\"/></Response>").await,
    );
    let sid = sim
        .call("+12125550105", &[("Url", &app.url("/voice"))])
        .await;
    assert_eq!(
        sim.wait_for_status(&sid, "completed").await["duration"],
        "4"
    );
}
