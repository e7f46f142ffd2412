use std::io::Cursor;

use http::StatusCode;
use http::header::RANGE;
use serde_json::{Value, json};

use crate::support::{App, LISTENER, Sim};

const TALK: &str = "<Response><Say>A sentence of forty-five characters, spoken now.</Say><Pause length=\"4\"/></Response>";

/// Plays a recorded call and returns its SID and its recording's.
async fn recorded(sim: &Sim, app: &App, to: &str, more: &[(&str, &str)]) -> (String, String) {
    let before = app.hits("/recording").len();
    let (voice, told, recording) = (app.url("/voice"), app.url("/status"), app.url("/recording"));
    let mut form = vec![
        ("Url", voice.as_str()),
        ("StatusCallback", &told),
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
async fn a_recording_is_told_after_the_last_status_and_is_as_long_as_the_call() {
    let (sim, app) = (Sim::start().await, App::speaking(TALK).await);
    let (call, sid) = recorded(&sim, &app, LISTENER, &[]).await;
    let paths: Vec<String> = app.all().into_iter().map(|hit| hit.path).collect();
    assert_eq!(paths, ["/voice", "/status", "/recording"]);
    let seconds = sim.fetch(&call).await["duration"]
        .as_str()
        .unwrap()
        .to_owned();
    let told = &app.hits("/status")[0];
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
        assert_eq!(told.param(name), hit.param(name), "{name}");
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
async fn a_dual_recording_has_two_channels() {
    let (sim, app) = (Sim::start().await, App::speaking(TALK).await);
    let (_, sid) = recorded(&sim, &app, LISTENER, &[("RecordingChannels", "dual")]).await;
    assert_eq!(app.hits("/recording")[0].param("RecordingChannels"), "2");
    let (_, document) = sim.get(&format!("/Recordings/{sid}.json")).await;
    assert_eq!(document["channels"], 2);
}

#[tokio::test]
async fn only_the_requested_recording_events_are_told() {
    let (sim, app) = (Sim::start().await, App::speaking(TALK).await);
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
async fn a_call_too_short_to_record_and_a_silent_line_have_absent_recordings() {
    let (sim, app) = (Sim::start().await, App::speaking("<Response/>").await);
    let (_, short) = recorded(
        &sim,
        &app,
        LISTENER,
        &[("RecordingStatusCallbackEvent", "absent")],
    )
    .await;
    assert_eq!(app.hits("/recording")[0].param("ErrorCode"), "16101");
    assert_eq!(app.hits("/status")[0].param("RecordingSid"), "(absent)");
    let app = App::speaking(TALK).await;
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
async fn the_audio_does_not_exist_before_the_recording_is_completed_nor_as_mp3() {
    let (sim, app) = (
        Sim::start().await,
        App::speaking("<Response><Pause length=\"3600\"/></Response>").await,
    );
    let call = sim
        .call(LISTENER, &[("Url", &app.url("/voice")), ("Record", "true")])
        .await;
    app.wait("/voice", 1).await;
    let (_, list) = sim.get(&format!("/Calls/{call}/Recordings.json")).await;
    let recording = &list["recordings"][0];
    assert_eq!(recording["status"], "in-progress");
    let sid = recording["sid"].as_str().unwrap();
    let (status, error) = sim.get(&format!("/Recordings/{sid}.wav")).await;
    assert_eq!(
        (status.as_u16(), error["code"].as_u64()),
        (404, Some(20404))
    );

    let app = App::speaking(TALK).await;
    let (_, sid) = recorded(&sim, &app, LISTENER, &[]).await;
    let (status, error) = sim.get(&format!("/Recordings/{sid}.mp3")).await;
    assert_eq!(
        (status.as_u16(), error["code"].as_u64()),
        (404, Some(20404))
    );
    assert_eq!(error["status"], 404);
}

#[tokio::test]
async fn a_part_of_the_audio_is_206_and_one_beyond_it_416() {
    let (sim, app) = (Sim::start().await, App::speaking(TALK).await);
    let (_, sid) = recorded(&sim, &app, LISTENER, &[]).await;
    let ask = |range: Option<&str>| {
        let request = sim
            .client
            .get(sim.url(&format!("/Recordings/{sid}.wav")))
            .basic_auth(&sim.account, Some(&sim.token));
        match range {
            Some(range) => request.header(RANGE, range),
            None => request,
        }
        .send()
    };
    let whole = ask(None).await.unwrap();
    assert_eq!(
        (
            whole.status(),
            whole.headers()["accept-ranges"].to_str().unwrap()
        ),
        (StatusCode::OK, "bytes")
    );
    let whole = whole.bytes().await.unwrap();
    let size = whole.len();
    for (range, from, to) in [
        ("bytes=0-3", 0, 4),
        ("bytes=41-50", 41, 51),
        ("bytes=-10", size - 10, size),
        ("bytes=-99999999", 0, size),
        ("Bytes=0-3, 99999999-", 0, 4),
        (&*format!("bytes={}-", size - 5), size - 5, size),
    ] {
        let part = ask(Some(range)).await.unwrap();
        assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT, "{range}");
        assert_eq!(
            part.headers()["content-range"],
            format!("bytes {from}-{}/{size}", to - 1)
        );
        assert_eq!(
            part.bytes().await.unwrap(),
            whole.slice(from..to),
            "{range}"
        );
    }
    for range in [format!("bytes={size}-"), "bytes=-0".to_owned()] {
        let beyond = ask(Some(&range)).await.unwrap();
        assert_eq!(
            beyond.status(),
            StatusCode::RANGE_NOT_SATISFIABLE,
            "{range}"
        );
        assert_eq!(beyond.headers()["content-range"], format!("bytes */{size}"));
    }
    for range in ["bytes=5-2", "bytes=0-1,4-5", "lines=0-1"] {
        let all = ask(Some(range)).await.unwrap();
        assert_eq!(all.status(), StatusCode::OK, "{range}");
        assert_eq!(all.bytes().await.unwrap(), whole, "{range}");
    }
}

#[tokio::test]
async fn a_call_is_deleted_once_it_has_ended_and_leaves_its_recordings() {
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
    sim.reaches(&sid, "completed").await;
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
async fn a_deleted_recording_is_gone_everywhere() {
    let (sim, app) = (Sim::start().await, App::speaking(TALK).await);
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
async fn recordings_are_listed_by_account_by_call_and_by_date() {
    let (sim, app) = (Sim::start().await, App::speaking(TALK).await);
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
