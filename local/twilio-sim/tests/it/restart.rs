//! Restarts with a data file: the address, open calls and unanswered callbacks.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use twilio_sim::{Config, Simulator};

use crate::data_file::TALK;
use crate::support::{ALL_EVENTS, App, DataFile, LISTENER, Process};

const RINGS_FOR_EVER: &str = "+12125550102";

#[tokio::test]
async fn restart_listens_on_the_earlier_address() {
    let data = DataFile::new();
    let process = Process::start(&data).await;
    let origin = process.sim.origin.clone();
    process.end().await;
    let process = Process::start(&data).await;
    assert_eq!(process.sim.origin, origin);
    // The port is taken now, or the configuration names another port.
    let other = Process::start(&data).await;
    assert_ne!(other.sim.origin, origin);
    let reserved = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listen = reserved.local_addr().unwrap();
    let config = Config {
        data: Some(data.0.clone()),
        listen,
        ..Config::default()
    };
    let taken = Simulator::bind(config).await.unwrap_err().to_string();
    assert!(taken.contains("can't listen on"), "{taken}");
}

#[tokio::test]
async fn restart_ends_open_calls() {
    let (data, app) = (
        DataFile::new(),
        App::with_twiml("<Response><Pause length=\"86400\"/></Response>").await,
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
    sim.wait_for_status(&answered, "in-progress").await;
    let ringing = sim.call(RINGS_FOR_EVER, &form).await;
    sim.wait_for_status(&ringing, "ringing").await;
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
    // An ended call can't be hung up.
    let hang_up = [("Status", "completed")];
    let (status, refused) = sim.post(&format!("/Calls/{answered}.json"), &hang_up).await;
    assert_eq!((status.as_u16(), &refused["code"]), (400, &21220.into()));
}

#[tokio::test]
async fn restart_reports_the_end_of_open_calls() {
    let (data, app) = (
        DataFile::new(),
        App::with_twiml("<Response><Pause length=\"86400\"/></Response>").await,
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
    process.sim.wait_for_status(&answered, "in-progress").await;
    let ringing = process.sim.call(RINGS_FOR_EVER, &form).await;
    process.sim.wait_for_status(&ringing, "ringing").await;
    app.wait("/status", 5).await;
    process.end().await;

    let process = Process::start(&data).await;
    data.wait_until_settled().await;
    let callbacks = app.hits("/status");
    for (call, status) in [(&answered, "completed"), (&ringing, "failed")] {
        let of_call = || callbacks.iter().filter(|hit| hit.param("CallSid") == call);
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
    assert!(!kept.contains("\"token\""), "still in the file: {kept}");
}

#[tokio::test]
async fn restart_resends_unanswered_callbacks() {
    async fn accept_request(listener: &TcpListener) -> (TcpStream, String) {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut text = vec![0; 8192];
        let length = stream.read(&mut text).await.unwrap();
        let head = String::from_utf8_lossy(&text[..length]).to_lowercase();
        let token = head.split("i-twilio-idempotency-token: ").nth(1).unwrap();
        (stream, token.lines().next().unwrap().to_owned())
    }
    let (data, app) = (DataFile::new(), App::with_twiml(TALK).await);
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
    let (unanswered, token) = accept_request(&listener).await;
    process.end().await;
    drop(unanswered);

    let process = Process::start(&data).await;
    let (mut stream, again) = accept_request(&listener).await;
    assert_eq!(again, token);
    let answer = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
    stream.write_all(answer).await.unwrap();
    data.wait_until_settled().await;
    process.end().await;
    let _third = Process::start(&data).await;
    let kept = std::fs::read_to_string(&data.0).unwrap();
    assert!(!kept.contains(&token), "still in the file: {kept}");
}
