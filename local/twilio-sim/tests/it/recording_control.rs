//! Recordings that the REST API starts, pauses and stops during a call.

use std::time::Duration;

use serde_json::Value;
use twilio_sim::clock::Speed;

use crate::support::{App, LISTENER, Sim};

const LONG: &str = "<Response><Pause length=\"3600\"/></Response>";

async fn live(sim: &Sim) -> String {
    let sid = sim.call(LISTENER, &[("Twiml", LONG)]).await;
    sim.wait_for_status(&sid, "in-progress").await;
    sid
}

async fn start(sim: &Sim, call: &str, form: &[(&str, &str)]) -> Value {
    let path = format!("/Calls/{call}/Recordings.json");
    let (status, recording) = sim.post(&path, form).await;
    assert_eq!(status, 201, "{recording}");
    recording
}

#[tokio::test]
async fn recording_of_a_live_call_is_started_and_stopped() {
    let (sim, app) = (Sim::start().await, App::start().await);
    let call = live(&sim).await;
    let callback = app.url("/recording");
    let form = [
        ("RecordingStatusCallback", callback.as_str()),
        ("RecordingStatusCallbackEvent", "in-progress completed"),
        ("RecordingChannels", "dual"),
    ];
    let recording = start(&sim, &call, &form).await;
    assert_eq!(recording["status"], "in-progress");
    assert_eq!(recording["source"], "StartCallRecordingAPI");
    assert_eq!(recording["channels"], 2);
    assert_eq!(
        app.wait("/recording", 1).await[0].param("RecordingStatus"),
        "in-progress"
    );

    tokio::time::sleep(Duration::from_millis(20)).await;
    let path = format!("/Calls/{call}/Recordings/Twilio.CURRENT.json");
    let (status, stopped) = sim.post(&path, &[("Status", "stopped")]).await;
    assert_eq!(
        (status.as_u16(), &stopped["status"]),
        (200, &"completed".into()),
        "{stopped}"
    );
    let seconds: u32 = stopped["duration"].as_str().unwrap().parse().unwrap();
    assert!(seconds >= 10, "{stopped}");
    let last = &app.wait("/recording", 2).await[1];
    assert_eq!(last.param("RecordingStatus"), "completed");
    assert_eq!(
        last.param("RecordingSid"),
        recording["sid"].as_str().unwrap()
    );
    assert_eq!(sim.fetch(&call).await["status"], "in-progress");
    let (status, none) = sim.post(&path, &[("Status", "stopped")]).await;
    assert_eq!((status.as_u16(), none["code"].as_u64()), (404, Some(20404)));
}

#[tokio::test]
async fn skipped_pause_is_not_part_of_the_audio() {
    let sim = Sim::with(|config| config.speed = Speed::parse("20000").unwrap()).await;
    let call = live(&sim).await;
    let (skipping, silent) = (start(&sim, &call, &[]).await, start(&sim, &call, &[]).await);
    let change = async |recording: &Value, form: &[(&str, &str)], expected: &str| {
        let path = format!(
            "/Calls/{call}/Recordings/{}.json",
            recording["sid"].as_str().unwrap()
        );
        let (status, changed) = sim.post(&path, form).await;
        assert_eq!(status, 200, "{changed}");
        assert_eq!(changed["status"], expected);
        changed["duration"]
            .as_str()
            .map(|seconds| seconds.parse::<u64>().unwrap())
    };
    change(
        &skipping,
        &[("Status", "paused"), ("PauseBehavior", "skip")],
        "paused",
    )
    .await;
    change(&silent, &[("Status", "paused")], "paused").await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    change(&skipping, &[("Status", "in-progress")], "in-progress").await;
    change(&silent, &[("Status", "in-progress")], "in-progress").await;
    let short = change(&skipping, &[("Status", "stopped")], "completed")
        .await
        .unwrap();
    let long = change(&silent, &[("Status", "stopped")], "completed")
        .await
        .unwrap();
    assert!(
        long >= short + 900,
        "the pause of 1,000 s: {short} s and {long} s"
    );
}

#[tokio::test]
async fn recording_of_a_call_that_is_not_in_progress_is_refused() {
    let sim = Sim::start().await;
    let call = live(&sim).await;
    let recording = start(&sim, &call, &[]).await;
    sim.post(&format!("/Calls/{call}.json"), &[("Status", "completed")])
        .await;
    sim.wait_for_status(&call, "completed").await;
    let own = format!(
        "/Calls/{call}/Recordings/{}.json",
        recording["sid"].as_str().unwrap()
    );
    for path in [format!("/Calls/{call}/Recordings.json"), own] {
        let (status, error) = sim.post(&path, &[("Status", "stopped")]).await;
        assert_eq!(
            (status.as_u16(), error["code"].as_u64()),
            (400, Some(21220)),
            "{path}"
        );
    }
}

#[tokio::test]
async fn invalid_change_of_a_recording_is_refused() {
    let sim = Sim::start().await;
    let call = live(&sim).await;
    start(&sim, &call, &[]).await;
    let path = format!("/Calls/{call}/Recordings/Twilio.CURRENT.json");
    for form in [
        vec![],
        vec![("Status", "absent")],
        vec![("Status", "paused"), ("PauseBehavior", "noise")],
    ] {
        let (status, error) = sim.post(&path, &form).await;
        assert_eq!(
            (status.as_u16(), error["code"].as_u64()),
            (400, Some(20001)),
            "{form:?}"
        );
    }
    let nobody = "/Calls/CA00000000000000000000000000000000/Recordings.json";
    assert_eq!(sim.post(nobody, &[]).await.0, 404);
}
