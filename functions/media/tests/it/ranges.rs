//! Tests range requests: partial audio, unsatisfiable ranges, and ranges that are ignored.

use axum::{
    Router,
    body::Body,
    extract::{Request as HttpRequest, State},
    response::Response,
    routing::get,
};
use testkit::{Answer, ApiDocument, Request};
use tokio::net::TcpListener;

use crate::support::{Fixture, function, signed};

const SID: &str = "RE0123456789abcdef0123456789abcdef";
const AUDIO: &str = "0123456789";

/// How a server of [`AUDIO`] responds to `Range`.
#[derive(Clone, Copy, Debug)]
enum Habit {
    /// Serves one range, as RFC 9110 specifies.
    Correct,
    /// Ignores ranges.
    Ignores,
    /// Responds with 416 to a suffix that is longer than the audio.
    RefusesLongSuffix,
    /// Responds with 416 to every range, without the length.
    RefusesAll,
}

async fn serve(State(habit): State<Habit>, request: HttpRequest) -> Response {
    let header = request
        .headers()
        .get("range")
        .map(|it| it.to_str().unwrap());
    let asked = header.map(|it| it.strip_prefix("bytes=").unwrap().split_once('-').unwrap());
    let size = AUDIO.len();
    // The range to serve, with start and end. `None` means the whole audio.
    let part = match (habit, asked) {
        (Habit::Ignores, _) | (_, None) => None,
        (Habit::RefusesAll, _) => Some(None),
        (Habit::RefusesLongSuffix, Some(("", suffix)))
            if suffix.parse::<usize>().unwrap() > size =>
        {
            Some(None)
        }
        (_, Some(("", suffix))) => Some(Some((size.saturating_sub(suffix.parse().unwrap()), size))),
        (_, Some((first, last))) => {
            let first: usize = first.parse().unwrap();
            let end = last.parse().map_or(size, |last: usize| size.min(last + 1));
            Some((first < size).then_some((first, end)))
        }
    };
    let answer = Response::builder().header("content-type", "audio/x-wav");
    match part {
        None => answer.body(Body::from(AUDIO)),
        Some(Some((start, end))) => answer
            .status(206)
            .header("content-range", format!("bytes {start}-{}/{size}", end - 1))
            .body(Body::from(&AUDIO[start..end])),
        Some(None) if matches!(habit, Habit::RefusesAll) => answer.status(416).body(Body::empty()),
        Some(None) => answer
            .status(416)
            .header("content-range", format!("bytes */{size}"))
            .body(Body::empty()),
    }
    .unwrap()
}

/// Returns the function, connected to a Twilio with this range support.
async fn before(habit: Habit) -> Router {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(get(serve)).with_state(habit);
    tokio::spawn(async move { axum::serve(listener, router).await });
    function(&url)
}

async fn ask(function: &Router, range: &str) -> Answer {
    let request = Request::new("GET", &signed(SID, 0)).header("range", range);
    request.send(function).await
}

const HABITS: [Habit; 4] = [
    Habit::Correct,
    Habit::Ignores,
    Habit::RefusesLongSuffix,
    Habit::RefusesAll,
];

#[tokio::test]
async fn satisfiable_range_gets_its_bytes_however_twilio_responds() {
    for habit in HABITS {
        let function = before(habit).await;
        for (range, part, content_range) in [
            ("bytes=2-4", "234", "bytes 2-4/10"),
            ("bytes=5-", "56789", "bytes 5-9/10"),
            ("bytes=-2", "89", "bytes 8-9/10"),
            ("bytes=-99", AUDIO, "bytes 0-9/10"),
            ("bytes=8-99999999999999999999", "89", "bytes 8-9/10"),
            ("Bytes=00-001", "01", "bytes 0-1/10"),
            ("bytes=0-1, 10-, -0", "01", "bytes 0-1/10"),
        ] {
            let answer = ask(&function, range).await;
            let status = answer.status.as_u16();
            assert_eq!((status, &*answer.text()), (206, part), "{habit:?} {range}");
            assert_eq!(answer.header("content-range"), content_range);
            assert_eq!(answer.header("content-length"), part.len().to_string());
            assert_eq!(answer.header("content-type"), "audio/x-wav");
            assert_eq!(answer.header("accept-ranges"), "bytes");
        }
    }
}

#[tokio::test]
async fn unsatisfiable_range_is_416_with_the_length() {
    let document = ApiDocument::new(&outdial::http::openapi::document([media::openapi()]));
    for habit in HABITS {
        let function = before(habit).await;
        for range in [
            "bytes=10-",
            "bytes=-0",
            "bytes=-0,10-12",
            "bytes=99999999999999999999-99999999999999999999",
        ] {
            let answer = ask(&function, range).await;
            answer.assert_problem(416, "range_not_satisfiable");
            assert_eq!(
                answer.header("content-range"),
                "bytes */10",
                "{habit:?} {range}"
            );
            document.check(&Request::new("GET", "/media"), &answer);
        }
    }
}

#[tokio::test]
async fn ignored_range_gets_everything() {
    for habit in HABITS {
        let function = before(habit).await;
        for range in [
            "bytes",
            "bytes=",
            "bytes=a-b",
            "lines=0-1",
            "bytes=5-2",
            "bytes=0-1,10-11,5-2",
            "bytes=0-1,4-5",
            "bytes=0-1,0-1",
        ] {
            let answer = ask(&function, range).await;
            assert_eq!(answer.status, 200, "{habit:?} {range}");
            assert_eq!(answer.text(), AUDIO, "{habit:?} {range}");
            assert_eq!(answer.header("content-range"), "");
        }
    }
}

#[tokio::test]
async fn range_is_ignored_on_head_and_with_if_range() {
    let function = before(Habit::Correct).await;
    let head = Request::new("HEAD", &signed(SID, 0)).header("range", "bytes=0-1");
    let answer = head.send(&function).await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 0));
    assert_eq!(answer.header("content-length"), "10");
    for validator in ["\"a tag\"", "Thu, 01 Jan 2026 00:00:00 GMT"] {
        let answer = Request::new("GET", &signed(SID, 0))
            .header("range", "bytes=0-1")
            .header("if-range", validator)
            .send(&function)
            .await;
        assert_eq!((answer.status.as_u16(), &*answer.text()), (200, AUDIO));
    }
}

#[tokio::test]
async fn range_of_a_real_recording_gets_its_bytes() {
    let theatre = Fixture::start().await;
    let all = theatre.audio.len();
    for (range, from, to) in [
        ("bytes=0-43".to_owned(), 0, 43),
        ("bytes=100-9999".to_owned(), 100, 9_999),
        (format!("bytes={}-", all - 10), all - 10, all - 1),
        ("bytes=-100".to_owned(), all - 100, all - 1),
        (format!("bytes=-{}", all + 1), 0, all - 1),
        (format!("bytes=5-{}", all + 1_000), 5, all - 1),
    ] {
        let answer = theatre.get(&range).await;
        assert_eq!(answer.status, 206, "{range}");
        assert!(answer.body == theatre.audio[from..=to], "{range}");
        assert_eq!(
            answer.header("content-range"),
            format!("bytes {from}-{to}/{all}")
        );
    }
    let beyond = theatre.get(&format!("bytes={all}-")).await;
    beyond.assert_problem(416, "range_not_satisfiable");
    assert_eq!(beyond.header("content-range"), format!("bytes */{all}"));
}
