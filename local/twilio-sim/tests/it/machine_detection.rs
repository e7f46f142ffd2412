//! Answering machine detection.

use crate::support::{App, LISTENER, Sim};

#[tokio::test]
async fn machine_detection_delays_the_voice_request_and_reports_who_answered() {
    let (sim, app) = (Sim::start().await, App::start().await);
    for (to, mode, who) in [
        (LISTENER, "Enable", "human"),
        ("+12125550104", "Enable", "machine_start"),
        ("+12125550104", "DetectMessageEnd", "machine_end_beep"),
        ("+12125550111", "Enable", "fax"),
        ("+12125550108", "Enable", "unknown"),
    ] {
        let status_url = app.url(&format!("/{mode}/{who}"));
        let form = [
            ("Url", &*app.url("/voice")),
            ("StatusCallback", &status_url),
            ("MachineDetection", mode),
        ];
        let sid = sim.call(to, &form).await;
        assert_eq!(
            sim.wait_for_status(&sid, "completed").await["answered_by"],
            who
        );
        assert_eq!(app.hits("/voice").last().unwrap().param("AnsweredBy"), who);
        assert_eq!(
            app.wait(&format!("/{mode}/{who}"), 1).await[0].param("AnsweredBy"),
            who
        );
    }
}

#[tokio::test]
async fn background_machine_detection_has_its_own_callback() {
    let (sim, app) = (
        Sim::start().await,
        App::with_twiml("<Response><Pause length=\"60\"/></Response>").await,
    );
    let form = [
        ("Url", &*app.url("/voice")),
        ("MachineDetection", "Enable"),
        ("AsyncAmd", "true"),
        ("AsyncAmdStatusCallback", &app.url("/amd")),
    ];
    let sid = sim.call("+12125550104", &form).await;
    let hit = &app.wait("/amd", 1).await[0];
    assert_eq!(
        (hit.param("CallSid"), hit.param("AnsweredBy")),
        (sid.as_str(), "machine_start")
    );
    assert_eq!(hit.param("MachineDetectionDuration"), "4000");
    assert_eq!(app.hits("/voice")[0].param("AnsweredBy"), "(absent)");
}
