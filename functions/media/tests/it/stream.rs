//! Tests that a valid URL streams the audio, and how Twilio's failures are reported.

use std::time::{Duration, Instant};

use serde_json::json;
use testkit::{ApiDocument, Proxy, Request, Twilio};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::support::{Fixture, function, signed};

const SID: &str = "RE0123456789abcdef0123456789abcdef";

fn document() -> ApiDocument {
    ApiDocument::new(&outdial::http::openapi::document([media::openapi()]))
}

#[tokio::test]
async fn valid_url_streams_the_recording() {
    let theatre = Fixture::start().await;
    assert!(theatre.audio.starts_with(b"RIFF") && theatre.audio.len() > 10_000);
    let answer = theatre.get("").await;
    assert_eq!(answer.status, 200);
    assert!(
        answer.body == theatre.audio,
        "{} bytes of {}",
        answer.body.len(),
        theatre.audio.len()
    );
    for (name, value) in [
        ("content-type", "audio/x-wav"),
        ("content-length", &theatre.audio.len().to_string()),
        ("accept-ranges", "bytes"),
        ("content-disposition", "inline; filename=\"recording.wav\""),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("content-range", ""),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }
    assert_eq!(
        theatre.get("").await.body.len(),
        theatre.audio.len(),
        "a URL may be used again"
    );
}

#[tokio::test]
async fn head_returns_the_length_without_the_audio() {
    let theatre = Fixture::start().await;
    let answer = Request::new("HEAD", &signed(&theatre.sid, 0))
        .send(&theatre.function)
        .await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.is_empty());
    assert_eq!(
        answer.header("content-length"),
        theatre.audio.len().to_string()
    );
}

#[tokio::test]
async fn deleted_recording_is_404() {
    let theatre = Fixture::start().await;
    theatre.delete().await;
    for range in ["", "bytes=0-1"] {
        theatre.get(range).await.assert_problem(404, "not_found");
    }
}

#[tokio::test]
async fn unknown_recording_is_404() {
    let twilio = Twilio::start().await;
    let answer = Request::new("GET", &signed(SID, 0))
        .send(&function(twilio.url()))
        .await;
    answer.assert_problem(404, "not_found");
}

#[tokio::test]
async fn unreachable_twilio_is_502() {
    let proxy = Proxy::to("127.0.0.1:1").await;
    proxy.cut();
    let begun = Instant::now();
    let request = Request::new("GET", &signed(SID, 0));
    let answer = request
        .send(&function(&format!("http://{}", proxy.address())))
        .await;
    answer.assert_problem(502, "twilio_unreachable");
    document().check(&request, &answer);
    assert!(begun.elapsed() < Duration::from_secs(6));
    assert!(!answer.text().contains("127.0.0.1"), "{}", answer.text());
}

#[tokio::test]
async fn silent_twilio_is_502_within_the_time_limit() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let function = function(&format!("http://{}", silent.local_addr().unwrap()));
    let begun = Instant::now();
    let answer = Request::new("GET", &signed(SID, 0)).send(&function).await;
    answer.assert_problem(502, "twilio_unreachable");
    assert!(
        begun.elapsed() < Duration::from_secs(9),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn refused_and_broken_responses_are_502() {
    let twilio = Twilio::start().await;
    let function = function(twilio.url());
    for (rule, code) in [
        (
            json!({"on": "any", "action": "refuse", "status": 403, "code": 20003}),
            "twilio_refused",
        ),
        (
            json!({"on": "any", "action": "error"}),
            "twilio_unreachable",
        ),
        (json!({"on": "any", "action": "rate_limit"}), "twilio_"),
    ] {
        twilio.faults(&json!({"rest": [rule]})).await;
        let request = Request::new("GET", &signed(SID, 0));
        let answer = request.send(&function).await;
        let told = answer.json()["code"].as_str().unwrap().to_owned();
        assert!(told.starts_with(code), "{told}");
        answer.assert_problem(502, &told);
        document().check(&request, &answer);
    }
}

#[tokio::test]
async fn redirect_to_the_audio_is_followed_without_our_credentials() {
    let store = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let function = function(&format!("http://{}", api.local_addr().unwrap()));
    let location = format!("http://{}/audio.wav", store.local_addr().unwrap());
    tokio::spawn(async move {
        let redirect = format!(
            "HTTP/1.1 307 Temporary Redirect\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
        answer_once(&api, &redirect).await
    });
    let stored = tokio::spawn(async move {
        let audio = "HTTP/1.1 200 OK\r\ncontent-type: audio/x-wav\r\ncontent-length: 4\r\nconnection: close\r\n\r\nRIFF";
        answer_once(&store, audio).await
    });
    let answer = Request::new("GET", &signed(SID, 0)).send(&function).await;
    assert_eq!(
        (answer.status.as_u16(), answer.text().as_str()),
        (200, "RIFF")
    );
    assert!(
        !stored
            .await
            .unwrap()
            .to_lowercase()
            .contains("authorization")
    );
}

/// Answers one request with this response, and returns the request head.
async fn answer_once(listener: &TcpListener, answer: &str) -> String {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    stream.write_all(answer.as_bytes()).await.unwrap();
    String::from_utf8(head).unwrap()
}

#[tokio::test]
async fn other_paths_and_methods_are_rejected() {
    let twilio = Twilio::start().await;
    let function = function(twilio.url());
    for path in ["/", "/media/", "/media/x", "/health"] {
        Request::new("GET", path)
            .send(&function)
            .await
            .assert_problem(404, "not_found");
    }
    for method in ["POST", "PUT", "DELETE"] {
        let answer = Request::new(method, &signed(SID, 0)).send(&function).await;
        answer.assert_problem(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), "GET,HEAD,OPTIONS");
    }
}
