//! What one run leaves for the next.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use twilio_sim::{Config, Simulator};
use uuid::Uuid;

use crate::support::{ALL_EVENTS, App, LISTENER, Sim};

const TALK: &str = "<Response><Say>Hello there.</Say><Pause length=\"4\"/></Response>";
const RINGS_FOR_EVER: &str = "+12125550102";

/// A file of a test's own; it goes with it.
struct Data(PathBuf);

impl Data {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("twilio-sim-{}.jsonl", Uuid::new_v4())))
    }

    /// Waits until the file has every call ended, and every callback answered.
    async fn settles(&self) {
        loop {
            let text = std::fs::read_to_string(&self.0).unwrap();
            let lines = text
                .lines()
                .map_while(|line| serde_json::from_str(line).ok());
            let calls: HashMap<_, _> = lines
                .map(|mut line: Value| line["call"].take())
                .filter(Value::is_object)
                .map(|call| (call["sid"].to_string(), call))
                .collect();
            let is_settled = |call: &Value| {
                !call["ended"].is_null() && call["unanswered"] == Value::Array(Vec::new())
            };
            if calls.values().all(is_settled) {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn sim(&self) -> Sim {
        Sim::with(|config| config.data = Some(self.0.clone())).await
    }
}

/// A simulator that ends with all that it does, as a process does.
struct Process {
    sim: Sim,
    runtime: Option<Runtime>,
}

impl Process {
    async fn start(data: &Data) -> Self {
        let runtime = Runtime::new().unwrap();
        let path = data.0.clone();
        let sim = Sim::with(|config| config.data = Some(path));
        Self {
            sim: runtime.spawn(sim).await.unwrap(),
            runtime: Some(runtime),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Process {
    /// Ends it, and waits until it has.
    async fn end(mut self) {
        let runtime = self.runtime.take();
        tokio::task::spawn_blocking(|| drop(runtime)).await.unwrap();
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Plays a recorded call to its end, and returns its SID and its recording's.
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
    // The callback is among the call's events once it is answered.
    while sim.truth(&call).await["callbacks"]["delivered"] != 1 {
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
async fn calls_and_recordings_are_there_again_after_a_restart() {
    let (data, app) = (Data::new(), App::speaking(TALK).await);
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
    let mut told = Vec::new();
    for path in &paths {
        told.push(sim.get(path).await);
    }
    let (truth, sound) = (sim.truth(&call).await, audio(&sim, &recording).await);
    assert!(sound.len() > 44);
    drop(sim);

    // More than once: each start writes the file anew.
    for _ in 0..2 {
        let sim = data.sim().await;
        for (path, told) in paths.iter().zip(&told) {
            assert_eq!(sim.get(path).await, *told, "{path}");
        }
        let again = sim.truth(&call).await;
        for name in [
            "status",
            "duration",
            "spoken",
            "ended_by",
            "url",
            "recordings",
        ] {
            assert_eq!(again[name], truth[name], "{name}");
        }
        assert_eq!(audio(&sim, &recording).await, sound);
        let (status, _) = sim.get(&format!("/Recordings/{gone_recording}.json")).await;
        assert_eq!(status, 404);
    }
}

#[tokio::test]
async fn a_restart_is_reached_where_the_run_before_was() {
    let data = Data::new();
    let process = Process::start(&data).await;
    let origin = process.sim.origin.clone();
    process.end().await;
    let process = Process::start(&data).await;
    assert_eq!(process.sim.origin, origin);
    // Not while somebody else listens there, and not where a port is asked for.
    let other = Process::start(&data).await;
    assert_ne!(other.sim.origin, origin);
    let asked_for = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listen = asked_for.local_addr().unwrap();
    let config = Config {
        data: Some(data.0.clone()),
        listen,
        ..Config::default()
    };
    let taken = Simulator::bind(config).await.unwrap_err().to_string();
    assert!(taken.contains("can't listen on"), "{taken}");
}

#[tokio::test]
async fn a_restart_breaks_off_the_calls_that_are_under_way() {
    let (data, app) = (
        Data::new(),
        App::speaking("<Response><Pause length=\"86400\"/></Response>").await,
    );
    let sim = data.sim().await;
    let voice = app.url("/voice");
    let form = [
        ("Url", voice.as_str()),
        ("Record", "true"),
        ("Timeout", "600"),
        ("TimeLimit", "86400"),
    ];
    let answered = sim.call(LISTENER, &form).await;
    sim.reaches(&answered, "in-progress").await;
    let ringing = sim.call(RINGS_FOR_EVER, &form).await;
    sim.reaches(&ringing, "ringing").await;
    drop(sim);

    let sim = data.sim().await;
    let call = sim.fetch(&answered).await;
    assert_eq!(
        (&call["status"], &call["duration"]),
        (&"completed".into(), &"0".into())
    );
    assert!(call["end_time"].is_string());
    assert_eq!(sim.fetch(&ringing).await["status"], "failed");
    let (_, recordings) = sim.get(&format!("/Calls/{answered}/Recordings.json")).await;
    assert_eq!(recordings["recordings"][0]["status"], "absent");
    // What has ended is hung up no more.
    let hang_up = [("Status", "completed")];
    let (status, refused) = sim.post(&format!("/Calls/{answered}.json"), &hang_up).await;
    assert_eq!((status.as_u16(), &refused["code"]), (400, &21220.into()));
}

#[tokio::test]
async fn the_end_of_a_call_that_was_broken_off_is_told_after_the_restart() {
    let (data, app) = (
        Data::new(),
        App::speaking("<Response><Pause length=\"86400\"/></Response>").await,
    );
    let (voice, status, recording) = (app.url("/voice"), app.url("/status"), app.url("/recording"));
    let mut form = vec![
        ("Url", voice.as_str()),
        ("StatusCallback", &status),
        ("Record", "true"),
        ("RecordingStatusCallback", &recording),
        ("RecordingStatusCallbackEvent", "completed absent"),
        ("Timeout", "600"),
        ("TimeLimit", "86400"),
    ];
    form.extend(ALL_EVENTS);
    let process = Process::start(&data).await;
    let answered = process.sim.call(LISTENER, &form).await;
    process.sim.reaches(&answered, "in-progress").await;
    let ringing = process.sim.call(RINGS_FOR_EVER, &form).await;
    process.sim.reaches(&ringing, "ringing").await;
    app.wait("/status", 5).await;
    process.end().await;

    let process = Process::start(&data).await;
    data.settles().await;
    let told = app.hits("/status");
    for (call, status) in [(&answered, "completed"), (&ringing, "failed")] {
        let of_call = || told.iter().filter(|hit| hit.param("CallSid") == call);
        let number =
            |hit: &crate::support::Hit| hit.param("SequenceNumber").parse::<u64>().unwrap();
        let last = of_call().max_by_key(|hit| number(hit)).unwrap();
        assert_eq!(last.param("CallStatus"), status);
        assert_eq!(last.param("CallDuration"), "0");
    }
    let absent = &app.hits("/recording")[0];
    assert_eq!(absent.param("RecordingStatus"), "absent");
    assert_eq!(absent.param("CallSid"), answered);
    process.end().await;
    let _third = Process::start(&data).await;
    let kept = std::fs::read_to_string(&data.0).unwrap();
    assert!(!kept.contains("\"token\""), "told once: {kept}");
}

#[tokio::test]
async fn a_callback_that_nobody_has_answered_is_sent_again_after_the_restart() {
    async fn asked(listener: &TcpListener) -> (TcpStream, String) {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut text = vec![0; 8192];
        let length = stream.read(&mut text).await.unwrap();
        let head = String::from_utf8_lossy(&text[..length]).to_lowercase();
        let token = head.split("i-twilio-idempotency-token: ").nth(1).unwrap();
        (stream, token.lines().next().unwrap().to_owned())
    }
    let (data, app) = (Data::new(), App::speaking(TALK).await);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("http://{}/recording", listener.local_addr().unwrap());
    let process = Process::start(&data).await;
    let voice = app.url("/voice");
    let form = [
        ("Url", voice.as_str()),
        ("Record", "true"),
        ("RecordingStatusCallback", &silent),
    ];
    process.sim.call(LISTENER, &form).await;
    let (unanswered, token) = asked(&listener).await;
    process.end().await;
    drop(unanswered);

    let process = Process::start(&data).await;
    let (mut stream, again) = asked(&listener).await;
    assert_eq!(again, token);
    let answer = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
    stream.write_all(answer).await.unwrap();
    data.settles().await;
    process.end().await;
    let _third = Process::start(&data).await;
    let kept = std::fs::read_to_string(&data.0).unwrap();
    assert!(!kept.contains(&token), "sent once: {kept}");
}

async fn error(path: &Path) -> String {
    let config = Config {
        data: Some(path.to_owned()),
        ..Config::default()
    };
    Simulator::bind(config).await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_line_that_was_cut_off_is_passed_over_and_any_other_named() {
    let (data, app) = (Data::new(), App::speaking(TALK).await);
    let sim = data.sim().await;
    let (call, _) = recorded(&sim, &app).await;
    drop(sim);
    let text = std::fs::read_to_string(&data.0).unwrap();
    let last = text.lines().last().unwrap();
    // In the middle of a letter.
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

    std::fs::write(&data.0, format!("{text}somebody else's\n")).unwrap();
    let said = error(&data.0).await;
    let number = text.lines().count() + 1;
    let wanted = format!(
        "{}: line {number} isn't an entry of twilio-sim",
        data.0.display()
    );
    assert_eq!(said, wanted);
    let nowhere = Path::new("/nowhere/calls.jsonl");
    assert!(
        error(nowhere).await.starts_with("/nowhere/calls.jsonl: "),
        "{nowhere:?}"
    );
}
