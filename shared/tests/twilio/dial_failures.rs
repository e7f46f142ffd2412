//! Tests what a dial without a usable response means: retried, not accepted, or unknown.

use std::time::{Duration, Instant};

use outdial::{
    domain::{CallId, DialResult},
    twilio::{Timeouts, TwilioClient},
};
use tokio::net::{TcpListener, TcpSocket};

use crate::dial::{TO, accepted, accepted_call, dial, dial_as};
use crate::server::{CALL, Reply, Server, client, config, impatient, patient};

/// Asserts that the outcome is unknown after one request, and that the reason contains no personal data.
async fn assert_unknown(reply: Reply, timeouts: Timeouts) {
    let server = Server::start([reply]).await;
    let call_id = CallId::generate();
    let result = dial_as(&client(server.address, timeouts), call_id, |_| {}).await;
    let DialResult::Unknown(reason) = result else {
        panic!("{result:?}");
    };
    for secret in [TO, &call_id.to_string(), "primary", "127.0.0.1"] {
        assert!(!reason.contains(secret), "{reason}");
    }
    assert!(!reason.is_empty());
    assert_eq!(server.requests().len(), 1, "{reason}");
}

#[tokio::test]
async fn dial_is_retried_after_429() {
    let busy = Reply::refusal(429, 20429, "Too many requests");
    let server = Server::start([busy.clone(), busy, accepted()]).await;
    assert_eq!(dial(&server.client()).await, accepted_call());
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    assert_eq!(requests[0].body, requests[2].body);
}

#[tokio::test]
async fn dial_is_not_accepted_after_five_429s() {
    let server = Server::start([Reply::refusal(429, 20429, "Too many requests")]).await;
    let DialResult::NotTaken(refusal) = dial(&server.client()).await else {
        panic!("taken");
    };
    assert_eq!(
        (refusal.http_status, refusal.code),
        (Some(429), Some(20429))
    );
    assert_eq!(server.requests().len(), 5);
}

#[tokio::test]
async fn attempt_that_could_exceed_the_budget_is_not_started() {
    let server = Server::start([Reply::refusal(429, 20429, "Too many requests")]).await;
    let budget = Duration::from_secs(4);
    let timeouts = Timeouts {
        connect: Duration::from_millis(2_500),
        dial_budget: budget,
        first_pause: Duration::from_secs(1),
        ..patient()
    };
    let begun = Instant::now();
    let result = dial(&client(server.address, timeouts)).await;
    assert!(matches!(result, DialResult::NotTaken(_)), "{result:?}");
    assert!(begun.elapsed() < budget);
    assert!(server.requests().len() < 3);
}

#[tokio::test]
async fn dial_is_not_accepted_if_twilio_is_unreachable() {
    // Bound but not listening: the port stays free, and refuses connections.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let DialResult::NotTaken(refusal) =
        dial(&client(socket.local_addr().unwrap(), patient())).await
    else {
        panic!("taken");
    };
    assert_eq!((refusal.http_status, refusal.code), (None, None));
    assert!(
        refusal.message.starts_with("Twilio could not be reached"),
        "{refusal}"
    );
}

#[tokio::test]
async fn dial_succeeds_if_twilio_is_back_between_attempts() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let timeouts = Timeouts {
        first_pause: Duration::from_millis(50),
        ..patient()
    };
    let client = client(socket.local_addr().unwrap(), timeouts);
    let (result, server) = tokio::join!(dial(&client), async {
        Server::on(socket.listen(16).unwrap(), [accepted()])
    });
    assert_eq!(result, accepted_call());
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn endless_handshake_is_not_accepted() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = config(&format!("https://{}", listener.local_addr().unwrap()));
    let timeouts = Timeouts {
        connect: Duration::from_millis(100),
        ..patient()
    };
    let client = TwilioClient::with_timeouts(&config, timeouts).unwrap();
    let DialResult::NotTaken(refusal) = dial(&client).await else {
        panic!("taken");
    };
    assert_eq!(refusal.http_status, None);
    for _ in 0..5 {
        let accepting = tokio::time::timeout(Duration::from_secs(5), listener.accept());
        accepting.await.expect("five tries").unwrap();
    }
}

#[tokio::test]
async fn dial_without_a_response_in_time_is_unknown() {
    assert_unknown(Reply::Stall, impatient()).await;
}

#[tokio::test]
async fn truncated_response_is_unknown() {
    let half = format!("HTTP/1.1 201 X\r\nContent-Length: 200\r\n\r\n{{\"sid\": \"{CALL}\"");
    assert_unknown(Reply::Raw(half), patient()).await;
}

#[tokio::test]
async fn dial_whose_connection_is_reset_is_unknown() {
    assert_unknown(Reply::Reset, patient()).await;
}

#[tokio::test]
async fn dial_whose_connection_is_closed_is_unknown() {
    assert_unknown(Reply::HalfClose, patient()).await;
    assert_unknown(Reply::Raw(String::new()), patient()).await;
}

#[tokio::test]
async fn server_error_or_timeout_of_twilio_is_unknown() {
    for status in [500, 502, 503, 504, 408, 425] {
        let body = format!(r#"{{"code": 20500, "message": "to {TO}"}}"#);
        assert_unknown(Reply::http(status, body), patient()).await;
    }
}

#[tokio::test]
async fn redirect_is_unknown_and_not_followed() {
    let elsewhere = Server::start([accepted()]).await;
    let to = format!("http://{}/elsewhere", elsewhere.address);
    assert_unknown(Reply::redirect(&to), patient()).await;
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn response_without_a_call_sid_is_unknown() {
    for body in [
        "",
        "{",
        "[]",
        "null",
        "<html>",
        r#"{"status": "queued"}"#,
        r#"{"sid": null}"#,
        r#"{"sid": "CA123"}"#,
        r#"{"sid": "RE0123456789abcdef0123456789abcdef"}"#,
    ] {
        assert_unknown(Reply::http(201, body), patient()).await;
    }
    assert_unknown(Reply::Raw("SSH-2.0-OpenSSH_9\r\n".into()), patient()).await;
}

#[tokio::test]
async fn endless_response_is_unknown() {
    let padding = " ".repeat(5_000_000);
    let body = format!(r#"{{"sid": "{CALL}"{padding}}}"#);
    assert_unknown(Reply::http(201, body), patient()).await;
}

#[tokio::test]
async fn connection_that_twilio_closed_while_idle_fails_no_later_dial() {
    let server = Server::start([accepted()]).await;
    let client = server.client();
    for _ in 0..5 {
        assert_eq!(dial(&client).await, accepted_call());
    }
    assert_eq!(server.requests().len(), 5);
}
