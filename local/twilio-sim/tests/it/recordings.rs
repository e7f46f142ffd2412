//! Recordings: their callbacks, their resource and deleting them.

use std::io::Cursor;

use serde_json::{Value, json};

use crate::support::{App, LISTENER, Sim};

pub const TALK: &str = "<Response><Say>A sentence of forty-five characters, spoken now.</Say><Pause length=\"4\"/></Response>";

/// Plays a recorded call. Returns the SIDs of the call and its recording.
pub async fn recorded(sim: &Sim, app: &App, to: &str, more: &[(&str, &str)]) -> (String, String) {
    let before = app.hits("/recording").len();
    let (voice, status, recording) = (app.url("/voice"), app.url("/status"), app.url("/recording"));
    let mut form = vec![
        ("Url", voice.as_str()),
        ("StatusCallback", &status),
        ("RecordingStatusCallback", &recording),
        ("Record", "true"),
    ];
    form.extend(more);
    let sid = sim.call(to, &form).await;
    let hits = app.wait("/recording", before + 1).await;
    let hit = hits.iter().find(|hit| hit.param("CallSid") == sid).unwrap();
    (sid, hit.param("RecordingSid").to_owned())
}

#[tokio::test]
async fn recording_is_reported_after_the_last_status_and_is_as_long_as_the_call() {
    let (sim, app) = (Sim::start().await, App::with_twiml(TALK).await);
    let (call, sid) = recorded(&sim, &app, LISTENER, &[]).await;
    let paths: Vec<String> = app.all().into_iter().map(|hit| hit.path).collect();
    assert_eq!(paths, ["/voice", "/status", "/recording"]);
    let seconds = sim.fetch(&call).await["duration"]
        .as_str()
        .unwrap()
        .to_owned();
    let last_status = &app.hits("/status")[0];
    let hit = &app.hits("/recording")[0];
    let url = format!(
        "{}{}",
        sim.origin,
        format_args!("/2010-04-01/Accounts/{}/Recordings/{sid}", sim.account)
    );
    for (name, value) in [
        ("RecordingStatus", "completed"),
        ("RecordingDuration", &seconds),
        ("RecordingUrl", &url),
        ("RecordingChannels", "1"),
        ("RecordingSource", "OutboundAPI"),
        ("RecordingTrack", "both"),
        ("ErrorCode", "0"),
        ("AccountSid", &sim.account),
    ] {
        assert_eq!(hit.param(name), value, "{name}");
    }
    assert!(hit.param("RecordingStartTime").ends_with("+0000"));
    for name in ["RecordingUrl", "RecordingSid", "RecordingDuration"] {
        assert_eq!(last_status.param(name), hit.param(name), "{name}");
    }
    let audio = sim
        .client
        .get(&url)
        .basic_auth(&sim.account, Some(&sim.token))
        .send()
        .await
        .unwrap();
    assert_eq!(audio.headers()["content-type"], "audio/x-wav");
    let reader = hound::WavReader::new(Cursor::new(audio.bytes().await.unwrap())).unwrap();
    assert_eq!((reader.duration() / 8_000).to_string(), seconds);
}

#[tokio::test]
async fn dual_recording_has_two_channels() {
    let (sim, app) = (Sim::start().await, App::with_twiml(TALK).await);
    let (_, sid) = recorded(&sim, &app, LISTENER, &[("RecordingChannels", "dual")]).await;
    assert_eq!(app.hits("/recording")[0].param("RecordingChannels"), "2");
    let (_, document) = sim.get(&format!("/Recordings/{sid}.json")).await;
    assert_eq!(document["channels"], 2);
}

#[tokio::test]
async fn only_the_requested_recording_events_are_reported() {
    let (sim, app) = (Sim::start().await, App::with_twiml(TALK).await);
    let events = [
        ("RecordingStatusCallbackEvent", "in-progress completed"),
        ("RecordingStatusCallbackEvent", "absent"),
    ];
    recorded(&sim, &app, LISTENER, &events).await;
    let hits = app.wait("/recording", 2).await;
    let states: Vec<&str> = hits
        .iter()
        .map(|hit| hit.param("RecordingStatus"))
        .collect();
    assert_eq!(states, ["in-progress", "completed"]);
    assert_eq!(hits[0].param("RecordingDuration"), "(absent)");
}

#[tokio::test]
async fn short_call_and_silent_call_have_absent_recordings() {
    let (sim, app) = (Sim::start().await, App::with_twiml("<Response/>").await);
    let (_, short) = recorded(
        &sim,
        &app,
        LISTENER,
        &[("RecordingStatusCallbackEvent", "absent")],
    )
    .await;
    assert_eq!(app.hits("/recording")[0].param("ErrorCode"), "16101");
    assert_eq!(app.hits("/status")[0].param("RecordingSid"), "(absent)");
    let app = App::with_twiml(TALK).await;
    let (_, silent) = recorded(
        &sim,
        &app,
        "+12125550110",
        &[("RecordingStatusCallbackEvent", "absent")],
    )
    .await;
    assert_eq!(app.hits("/recording")[0].param("ErrorCode"), "16102");
    for (sid, code) in [(short, 16101), (silent, 16102)] {
        let (_, document) = sim.get(&format!("/Recordings/{sid}.json")).await;
        assert_eq!(
            (document["status"].as_str(), document["error_code"].as_u64()),
            (Some("absent"), Some(code))
        );
        assert_eq!(sim.get(&format!("/Recordings/{sid}.wav")).await.0, 404);
    }
}

#[tokio::test]
async fn ended_call_can_be_deleted_and_keeps_its_recordings() {
    let sim = Sim::start().await;
    let sid = sim
        .call(
            LISTENER,
            &[
                ("Twiml", "<Response><Say>Hello there.</Say></Response>"),
                ("Record", "true"),
            ],
        )
        .await;
    let path = format!("/Calls/{sid}.json");
    let delete = || async { sim.send(sim.client.delete(sim.url(&path))).await };
    let (status, refusal) = delete().await;
    assert_eq!(
        (status.as_u16(), refusal["code"].as_u64()),
        (409, Some(20009))
    );
    sim.wait_for_status(&sid, "completed").await;
    assert_eq!(delete().await.0, 204);
    assert_eq!(delete().await.0, 404);
    assert_eq!(sim.get(&path).await.0, 404);
    assert_eq!(sim.get(&format!("/Calls/{sid}/Events.json")).await.0, 404);
    let (_, calls) = sim.get("/Calls.json").await;
    assert_eq!(calls["calls"], json!([]));
    let (_, recordings) = sim.get(&format!("/Recordings.json?CallSid={sid}")).await;
    assert_eq!(recordings["recordings"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn deleted_recording_is_gone_everywhere() {
    let (sim, app) = (Sim::start().await, App::with_twiml(TALK).await);
    let (call, sid) = recorded(&sim, &app, LISTENER, &[]).await;
    let delete = || {
        sim.send(
            sim.client
                .delete(sim.url(&format!("/Recordings/{sid}.json"))),
        )
    };
    assert_eq!(delete().await.0, 204);
    assert_eq!(delete().await.0, 404);
    for path in [
        format!("/Recordings/{sid}.json"),
        format!("/Recordings/{sid}.wav"),
        format!("/Calls/{call}/Recordings/{sid}.json"),
    ] {
        assert_eq!(sim.get(&path).await.0, 404, "{path}");
    }
    let (_, list) = sim.get(&format!("/Calls/{call}/Recordings.json")).await;
    assert_eq!(list["recordings"], Value::Array(Vec::new()));
}

#[tokio::test]
async fn recordings_are_listed_by_account_call_and_date() {
    let (sim, app) = (Sim::start().await, App::with_twiml(TALK).await);
    let (first_call, first) = recorded(&sim, &app, LISTENER, &[]).await;
    let (second_call, second) = recorded(&sim, &app, LISTENER, &[]).await;
    let sids = async |path: &str| {
        let (status, list) = sim.get(path).await;
        assert_eq!(status, 200, "{list}");
        list["recordings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| r["sid"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        sids("/Recordings.json").await,
        [second.as_str(), first.as_str()]
    );
    assert_eq!(
        sids(&format!("/Calls/{first_call}/Recordings.json")).await,
        [first.as_str()]
    );
    assert_eq!(
        sids(&format!("/Recordings.json?CallSid={second_call}")).await,
        [second.as_str()]
    );
    assert_eq!(
        sids("/Recordings.json?DateCreated%3E=2000-01-01")
            .await
            .len(),
        2
    );
    assert_eq!(
        sids("/Recordings.json?DateCreated%3C=2000-01-01")
            .await
            .len(),
        0
    );
    assert_eq!(
        sim.get(&format!("/Calls/{first_call}/Recordings/{second}.json"))
            .await
            .0,
        404
    );
    assert_eq!(
        sim.get("/Calls/CA00000000000000000000000000000000/Recordings.json")
            .await
            .0,
        404
    );
}
