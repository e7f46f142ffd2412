//! Dialling: what is sent, and what each kind of answer, or its absence, means.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod twilio_server;

use std::time::{Duration, Instant};

use base64::{Engine, engine::general_purpose::STANDARD};
use outdial::{
    domain::{CallId, CallStatus, DialResult, MachineDetection, PhoneNumber, Refusal},
    twilio::{BuildError, OutboundCall, Timeouts, TwilioClient},
};
use tokio::net::{TcpListener, TcpSocket};
use twilio_server::{ACCOUNT, CALL, Reply, Request, Server, client, config, impatient, patient};

const TO: &str = "+14155550123";

fn accepted() -> Reply {
    Reply::http(201, format!(r#"{{"sid": "{CALL}", "status": "queued"}}"#))
}

async fn dial(client: &TwilioClient) -> DialResult {
    dial_as(client, CallId::generate(), |_| {}).await
}

async fn dial_as(
    client: &TwilioClient,
    call_id: CallId,
    change: impl FnOnce(&mut OutboundCall<'_>),
) -> DialResult {
    let to: PhoneNumber = TO.parse().unwrap();
    let from: PhoneNumber = "+12125550100".parse().unwrap();
    let mut call = OutboundCall {
        call_id,
        to: &to,
        from: &from,
        voice_url: "https://example.com/twilio/voice",
        status_url: "https://example.com/twilio/status",
        recording_url: "https://example.com/twilio/recording",
        record: false,
        machine_detection: None,
        ring_timeout_seconds: 30,
        time_limit_seconds: 600,
    };
    change(&mut call);
    client.make_outbound_call(&call).await
}

fn form(request: &Request) -> Vec<(String, String)> {
    form_urlencoded::parse(request.body.as_bytes())
        .into_owned()
        .collect()
}

fn accepted_call() -> DialResult {
    accepted_as(Some(CallStatus::Queued))
}

fn accepted_as(status: Option<CallStatus>) -> DialResult {
    DialResult::Accepted {
        sid: CALL.parse().unwrap(),
        status,
    }
}

#[tokio::test]
async fn answer_tells_where_the_call_stands() {
    for (status, told) in [
        (r#", "status": "queued""#, Some(CallStatus::Queued)),
        (r#", "status": "ringing""#, Some(CallStatus::Ringing)),
        (r#", "status": "levitating""#, None),
        (r#", "status": null"#, None),
        (r#", "status": 17"#, None),
        ("", None),
    ] {
        let answer = Reply::http(201, format!(r#"{{"sid": "{CALL}"{status}}}"#));
        let server = Server::start([answer]).await;
        assert_eq!(dial(&server.client()).await, accepted_as(told), "{status}");
    }
}

/// The outcome is unknown, after one request, and the reason names nobody.
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
async fn a_call_is_placed_with_all_that_twilio_needs() {
    let server = Server::start([accepted()]).await;
    let id = CallId::generate();
    assert_eq!(dial_as(&server.client(), id, |_| {}).await, accepted_call());
    let request = server.request();
    assert_eq!(
        request.line,
        format!("POST /2010-04-01/Accounts/{ACCOUNT}/Calls.json HTTP/1.1")
    );
    assert_eq!(
        request.headers["authorization"],
        format!("Basic {}", STANDARD.encode(format!("{ACCOUNT}:primary")))
    );
    assert_eq!(
        request.headers["content-type"],
        "application/x-www-form-urlencoded"
    );
    let url = |path: &str| {
        format!(
            "https://example.com/twilio/{path}?call_id={id}#rc=3&rp=all&ct=2000&rt=6500&tt=15000"
        )
    };
    let expected = [
        ("To", TO.to_owned()),
        ("From", "+12125550100".to_owned()),
        ("Url", url("voice")),
        ("Method", "POST".to_owned()),
        ("FallbackUrl", url("voice").replace('#', "&fallback=1#")),
        ("FallbackMethod", "POST".to_owned()),
        ("StatusCallback", url("status")),
        ("StatusCallbackMethod", "POST".to_owned()),
        ("Timeout", "30".to_owned()),
        ("TimeLimit", "600".to_owned()),
        ("StatusCallbackEvent", "initiated".to_owned()),
        ("StatusCallbackEvent", "ringing".to_owned()),
        ("StatusCallbackEvent", "answered".to_owned()),
        ("StatusCallbackEvent", "completed".to_owned()),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value));
    assert_eq!(form(&request), expected);
}

#[tokio::test]
async fn a_recorded_call_asks_for_the_recording_and_its_events() {
    let server = Server::start([accepted()]).await;
    let id = CallId::generate();
    let client = server.client();
    let result = dial_as(&client, id, |call| {
        call.record = true;
        call.machine_detection = Some(MachineDetection::DetectMessageEnd);
    });
    assert_eq!(result.await, accepted_call());
    let form = form(&server.request());
    let all = |name: &str| {
        let values = form.iter().filter(|(field, _)| field == name);
        values.map(|(_, value)| value.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(all("Record"), ["true"]);
    assert_eq!(
        all("RecordingStatusCallback"),
        [format!(
            "https://example.com/twilio/recording?call_id={id}#rc=3&rp=all&ct=2000&rt=6500&tt=15000"
        )]
    );
    assert_eq!(all("RecordingStatusCallbackMethod"), ["POST"]);
    assert_eq!(
        all("RecordingStatusCallbackEvent"),
        ["in-progress", "completed", "absent"]
    );
    assert_eq!(all("MachineDetection"), ["DetectMessageEnd"]);
}

#[tokio::test]
async fn a_webhook_url_is_given_to_twilio_to_the_letter() {
    let id = CallId::generate();
    for (configured, given) in [
        (
            "https://Example.COM:443/a%2fb?tenant=1",
            "https://Example.COM:443/a%2fb?tenant=1&call_id=",
        ),
        ("https://example.com/a?", "https://example.com/a?call_id="),
        (
            "https://example.com/a#rc=5",
            "https://example.com/a?call_id=",
        ),
    ] {
        let server = Server::start([accepted()]).await;
        dial_as(&server.client(), id, |call| call.voice_url = configured).await;
        let form = form(&server.request());
        let (_, url) = form.iter().find(|(name, _)| name == "Url").unwrap();
        let expected = format!("{given}{id}#rc=3&rp=all&ct=2000&rt=6500&tt=15000");
        assert_eq!(*url, expected);
    }
}

#[tokio::test]
async fn an_api_key_goes_before_the_auth_token() {
    let server = Server::start([accepted()]).await;
    let mut config = config(&format!("http://{}", server.address));
    config.api_key = Some(("SK1".to_owned(), "key-secret".into()));
    let client = TwilioClient::with_timeouts(&config, patient()).unwrap();
    assert_eq!(dial(&client).await, accepted_call());
    let request = server.request();
    assert_eq!(
        request.headers["authorization"],
        format!("Basic {}", STANDARD.encode("SK1:key-secret"))
    );
    assert!(request.line.contains(ACCOUNT));
}

#[test]
fn without_credentials_there_is_no_client() {
    let mut config = config("http://127.0.0.1:1");
    config.auth_tokens.clear();
    let result = TwilioClient::new(&config).map(|_| ());
    assert!(matches!(result, Err(BuildError::NoCredentials)));
}

#[tokio::test]
async fn a_refusal_is_final_and_keeps_twilios_code_and_words() {
    let message = format!("The 'To' number {TO} is not valid.");
    let server = Server::start([Reply::refusal(400, 21211, &message)]).await;
    let result = dial(&server.client()).await;
    let refusal = Refusal {
        http_status: Some(400),
        code: Some(21211),
        message,
    };
    assert_eq!(result, DialResult::Refused(refusal));
    assert_eq!(server.requests().len(), 1);
    let printed = format!("{result:?}");
    assert!(
        printed.contains("21211") && !printed.contains(TO),
        "{printed}"
    );
}

#[tokio::test]
async fn a_refusal_without_words_is_a_refusal_still() {
    let truncated = "HTTP/1.1 400 X\r\nContent-Length: 99\r\n\r\n{\"code\": 21";
    for reply in [
        Reply::http(400, "<html>"),
        Reply::http(400, ""),
        Reply::http(400, r#"{"code": "x", "message": 1}"#),
        Reply::Raw(truncated.to_owned()),
    ] {
        let server = Server::start([reply]).await;
        let refusal = Refusal {
            http_status: Some(400),
            code: None,
            message: "Twilio answered 400".to_owned(),
        };
        assert_eq!(dial(&server.client()).await, DialResult::Refused(refusal));
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_busy_twilio_is_asked_again_until_it_takes_the_call() {
    let busy = Reply::refusal(429, 20429, "Too many requests");
    let server = Server::start([busy.clone(), busy, accepted()]).await;
    assert_eq!(dial(&server.client()).await, accepted_call());
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    assert_eq!(requests[0].body, requests[2].body);
}

#[tokio::test]
async fn a_twilio_that_stays_busy_has_not_taken_the_call_after_five_tries() {
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
async fn no_try_begins_that_could_pass_the_budget() {
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
async fn a_twilio_that_cannot_be_reached_has_not_taken_the_call() {
    // Bound and not listening: nobody else can take the port, and connections are refused.
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
async fn a_twilio_that_comes_back_between_two_tries_takes_the_call() {
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
async fn a_handshake_that_never_ends_has_sent_nothing() {
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
async fn a_dial_that_is_not_answered_in_time_is_unknown() {
    assert_unknown(Reply::Stall, impatient()).await;
}

#[tokio::test]
async fn an_answer_that_stops_halfway_is_unknown() {
    let half = format!("HTTP/1.1 201 X\r\nContent-Length: 200\r\n\r\n{{\"sid\": \"{CALL}\"");
    assert_unknown(Reply::Raw(half), patient()).await;
}

#[tokio::test]
async fn a_dial_whose_connection_is_reset_is_unknown() {
    assert_unknown(Reply::Reset, patient()).await;
}

#[tokio::test]
async fn a_dial_whose_connection_is_closed_is_unknown() {
    assert_unknown(Reply::HalfClose, patient()).await;
    assert_unknown(Reply::Raw(String::new()), patient()).await;
}

#[tokio::test]
async fn a_server_error_or_a_time_out_of_twilios_is_unknown() {
    for status in [500, 502, 503, 504, 408, 425] {
        let body = format!(r#"{{"code": 20500, "message": "to {TO}"}}"#);
        assert_unknown(Reply::http(status, body), patient()).await;
    }
}

#[tokio::test]
async fn a_redirect_is_unknown_and_not_followed() {
    let elsewhere = Server::start([accepted()]).await;
    let to = format!("http://{}/elsewhere", elsewhere.address);
    assert_unknown(Reply::redirect(&to), patient()).await;
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn an_answer_that_names_no_call_is_unknown() {
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
async fn an_answer_that_does_not_end_is_unknown() {
    let padding = " ".repeat(5_000_000);
    let body = format!(r#"{{"sid": "{CALL}"{padding}}}"#);
    assert_unknown(Reply::http(201, body), patient()).await;
}

#[tokio::test]
async fn a_connection_that_twilio_closed_while_idle_fails_no_later_dial() {
    let server = Server::start([accepted()]).await;
    let client = server.client();
    for _ in 0..5 {
        assert_eq!(dial(&client).await, accepted_call());
    }
    assert_eq!(server.requests().len(), 5);
}
