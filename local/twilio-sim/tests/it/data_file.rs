//! The data file: restoring calls and recordings, and damaged lines.

use std::path::Path;

use serde_json::Value;
use twilio_sim::{Config, Simulator};

use crate::support::{App, DataFile, LISTENER, Sim};

pub const TALK: &str = "<Response><Say>Hello there.</Say><Pause length=\"4\"/></Response>";

/// Plays a recorded call to its end. Returns the SIDs of the call and its recording.
async fn recorded(sim: &Sim, app: &App) -> (String, String) {
    let before = app.hits("/recording").len();
    let (voice, recording) = (app.url("/voice"), app.url("/recording"));
    let form = [
        ("Url", voice.as_str()),
        ("RecordingStatusCallback", &recording),
        ("Record", "true"),
    ];
    let call = sim.call(LISTENER, &form).await;
    let hits = app.wait("/recording", before + 1).await;
    // The callback appears in the call's events after its response.
    while sim.report(&call).await["callbacks"]["delivered"] != 1 {
        tokio::task::yield_now().await;
    }
    let hit = hits
        .iter()
        .find(|hit| hit.param("CallSid") == call)
        .unwrap();
    (call, hit.param("RecordingSid").to_owned())
}

async fn audio(sim: &Sim, sid: &str) -> Vec<u8> {
    let url = sim.url(&format!("/Recordings/{sid}.wav"));
    let request = sim
        .client
        .get(url)
        .basic_auth(&sim.account, Some(&sim.token));
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.bytes().await.unwrap().to_vec()
}

#[tokio::test]
async fn restart_restores_calls_and_recordings() {
    let (data, app) = (DataFile::new(), App::with_twiml(TALK).await);
    let sim = data.sim().await;
    let (call, recording) = recorded(&sim, &app).await;
    let (gone_call, gone_recording) = recorded(&sim, &app).await;
    for path in [
        format!("/Recordings/{gone_recording}.json"),
        format!("/Calls/{gone_call}.json"),
    ] {
        let (status, _) = sim.send(sim.client.delete(sim.url(&path))).await;
        assert_eq!(status, 204);
    }
    let paths = [
        "/Calls.json".to_owned(),
        format!("/Calls/{call}.json"),
        format!("/Calls/{call}/Events.json"),
        format!("/Calls/{call}/Recordings.json"),
    ];
    let mut before = Vec::new();
    for path in &paths {
        before.push(sim.get(path).await);
    }
    let (report, sound) = (sim.report(&call).await, audio(&sim, &recording).await);
    assert!(sound.len() > 44);
    drop(sim);

    // Twice, because each start rewrites the file.
    for _ in 0..2 {
        let sim = data.sim().await;
        for (path, before) in paths.iter().zip(&before) {
            assert_eq!(sim.get(path).await, *before, "{path}");
        }
        let again = sim.report(&call).await;
        for name in [
            "status",
            "duration",
            "spoken",
            "ended_by",
            "url",
            "recordings",
        ] {
            assert_eq!(again[name], report[name], "{name}");
        }
        assert_eq!(audio(&sim, &recording).await, sound);
        let (status, _) = sim.get(&format!("/Recordings/{gone_recording}.json")).await;
        assert_eq!(status, 404);
    }
}

async fn error(path: &Path) -> String {
    let config = Config {
        data: Some(path.to_owned()),
        ..Config::default()
    };
    Simulator::bind(config).await.unwrap_err().to_string()
}

#[tokio::test]
async fn incomplete_last_line_is_skipped_and_any_other_bad_line_is_an_error() {
    let (data, app) = (DataFile::new(), App::with_twiml(TALK).await);
    let sim = data.sim().await;
    let (call, _) = recorded(&sim, &app).await;
    drop(sim);
    let text = std::fs::read_to_string(&data.0).unwrap();
    let last = text.lines().last().unwrap();
    // The line ends within a multi-byte character.
    let cut_off = [text.as_bytes(), &last.as_bytes()[..last.len() / 2], b"\xc3"];
    std::fs::write(&data.0, cut_off.concat()).unwrap();
    let sim = data.sim().await;
    assert_eq!(
        sim.get("/Calls.json").await.1["calls"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    assert_eq!(sim.fetch(&call).await["status"], Value::from("completed"));
    drop(sim);

    std::fs::write(&data.0, format!("{text}not JSON\n")).unwrap();
    let said = error(&data.0).await;
    let number = text.lines().count() + 1;
    let wanted = format!(
        "{}: line {number} is not a twilio-sim entry",
        data.0.display()
    );
    assert_eq!(said, wanted);
    let nowhere = Path::new("/nowhere/calls.jsonl");
    assert!(
        error(nowhere).await.starts_with("/nowhere/calls.jsonl: "),
        "{nowhere:?}"
    );
}
