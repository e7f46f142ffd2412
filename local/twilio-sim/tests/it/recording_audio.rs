//! The audio of recordings over HTTP.

use http::StatusCode;
use http::header::RANGE;

use crate::recordings::{TALK, recorded};
use crate::support::{App, LISTENER, Sim};

#[tokio::test]
async fn audio_exists_only_for_completed_recordings_and_only_as_wav() {
    let (sim, app) = (
        Sim::start().await,
        App::with_twiml("<Response><Pause length=\"3600\"/></Response>").await,
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

    let app = App::with_twiml(TALK).await;
    let (_, sid) = recorded(&sim, &app, LISTENER, &[]).await;
    let (status, error) = sim.get(&format!("/Recordings/{sid}.mp3")).await;
    assert_eq!(
        (status.as_u16(), error["code"].as_u64()),
        (404, Some(20404))
    );
    assert_eq!(error["status"], 404);
}

#[tokio::test]
async fn range_of_the_audio_is_206_and_range_beyond_it_is_416() {
    let (sim, app) = (Sim::start().await, App::with_twiml(TALK).await);
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
