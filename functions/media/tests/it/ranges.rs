use axum::{Router, routing::get};
use testkit::{ApiDocument, Request};
use tokio::net::TcpListener;

use crate::support::{Theatre, function, signed};

#[tokio::test]
async fn a_range_gets_its_bytes() {
    let theatre = Theatre::open().await;
    let all = theatre.audio.len();
    for (range, from, to) in [
        ("bytes=0-0".to_owned(), 0, 0),
        ("bytes=0-43".to_owned(), 0, 43),
        ("bytes=100-9999".to_owned(), 100, 9_999),
        (format!("bytes={}-", all - 10), all - 10, all - 1),
        ("bytes=-100".to_owned(), all - 100, all - 1),
        ("bytes=0-".to_owned(), 0, all - 1),
        (format!("bytes=5-{}", all + 1_000), 5, all - 1),
    ] {
        let answer = theatre.get(&range).await;
        assert_eq!(answer.status, 206, "{range}");
        assert!(answer.body == theatre.audio[from..=to], "{range}");
        assert_eq!(
            answer.header("content-range"),
            format!("bytes {from}-{to}/{all}")
        );
        assert_eq!(answer.header("content-length"), (to - from + 1).to_string());
        assert_eq!(answer.header("content-type"), "audio/x-wav");
    }
}

#[tokio::test]
async fn a_range_outside_the_audio_is_416() {
    let theatre = Theatre::open().await;
    let all = theatre.audio.len();
    for range in [format!("bytes={all}-"), "bytes=99999999-".to_owned()] {
        let answer = theatre.get(&range).await;
        answer.assert_problem(416, "range_not_satisfiable");
        assert_eq!(answer.header("content-range"), format!("bytes */{all}"));
        let document = ApiDocument::new(&outdial::http::openapi::document([media::openapi()]));
        document.check(&Request::new("GET", "/media"), &answer);
    }
}

#[tokio::test]
async fn what_is_no_range_gets_everything() {
    let theatre = Theatre::open().await;
    for range in [
        "bytes",
        "bytes=",
        "bytes=a-b",
        "lines=0-1",
        "bytes=0-1,10-11",
    ] {
        let answer = theatre.get(range).await;
        assert_eq!(answer.status, 200, "{range}");
        assert!(answer.body == theatre.audio, "{range}");
    }
}

/// A Twilio that looks at no `Range`.
async fn deaf_twilio(audio: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(get(async move || {
        ([("content-type", "audio/x-wav")], audio)
    }));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

#[tokio::test]
async fn a_range_that_twilio_does_not_look_at_is_cut_out_here() {
    const SID: &str = "RE0123456789abcdef0123456789abcdef";
    let function = function(&deaf_twilio(b"0123456789").await);
    let get = async |range: &str| {
        Request::new("GET", &signed(SID, 0))
            .header("range", range)
            .send(&function)
            .await
    };
    let part = get("bytes=2-4").await;
    assert_eq!((part.status.as_u16(), part.text().as_str()), (206, "234"));
    assert_eq!(
        (part.header("content-range"), part.header("content-length")),
        ("bytes 2-4/10", "3")
    );
    assert_eq!(
        (part.header("content-type"), part.header("accept-ranges")),
        ("audio/x-wav", "bytes")
    );
    let outside = get("bytes=10-").await;
    outside.assert_problem(416, "range_not_satisfiable");
    assert_eq!(outside.header("content-range"), "bytes */10");
    let whole = Request::new("GET", &signed(SID, 0)).send(&function).await;
    assert_eq!(
        (whole.status.as_u16(), whole.text().as_str()),
        (200, "0123456789")
    );
}
