//! Tests what a dial sends, and what an accepted or refused dial returns.

use base64::{Engine, engine::general_purpose::STANDARD};
use outdial::{
    domain::{CallId, CallStatus, DialResult, MachineDetection, PhoneNumber, TwilioRefusal},
    twilio::{BuildError, OutboundCall, TwilioClient},
};

use crate::server::{ACCOUNT, CALL, Reply, Request, Server, config, patient};

pub const TO: &str = "+14155550123";

pub fn accepted() -> Reply {
    Reply::http(201, format!(r#"{{"sid": "{CALL}", "status": "queued"}}"#))
}

pub async fn dial(client: &TwilioClient) -> DialResult {
    dial_as(client, CallId::generate(), |_| {}).await
}

pub async fn dial_as(
    client: &TwilioClient,
    call_id: CallId,
    change: impl FnOnce(&mut OutboundCall<'_>),
) -> DialResult {
    let to: PhoneNumber = TO.parse().unwrap();
    let from: PhoneNumber = "+12125550100".parse().unwrap();
    let language = "en-US".parse().unwrap();
    let mut call = OutboundCall {
        call_id,
        to: &to,
        from: &from,
        voice_url: "https://example.com/twilio/voice",
        fallback_url: None,
        status_url: "https://example.com/twilio/status",
        recording_url: "https://example.com/twilio/recording",
        language: &language,
        has_steps: false,
        record: false,
        transcribe: false,
        machine_detection: None,
        machine_url: None,
        ring_timeout_seconds: 30,
        time_limit_seconds: 600,
    };
    change(&mut call);
    client.make_outbound_call(&call).await
}

pub fn form(request: &Request) -> Vec<(String, String)> {
    form_urlencoded::parse(request.body.as_bytes())
        .into_owned()
        .collect()
}

pub fn accepted_call() -> DialResult {
    accepted_as(Some(CallStatus::Queued))
}

fn accepted_as(status: Option<CallStatus>) -> DialResult {
    DialResult::Accepted {
        sid: CALL.parse().unwrap(),
        status,
    }
}

#[tokio::test]
async fn response_has_the_status_of_the_call() {
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

#[tokio::test]
async fn request_has_all_parameters() {
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
    let voice = url("voice").replace('#', "&lang=en-US#");
    let expected = [
        ("To", TO.to_owned()),
        ("From", "+12125550100".to_owned()),
        ("Url", voice.clone()),
        ("Method", "POST".to_owned()),
        ("FallbackUrl", voice.replace('#', "&fallback=1#")),
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
async fn detection_in_the_background_has_its_own_callback() {
    for (mode, timeout) in [
        (MachineDetection::DetectMessageEnd, &["59"][..]),
        (MachineDetection::Enable, &[]),
    ] {
        let server = Server::start([accepted()]).await;
        let id = CallId::generate();
        let client = server.client();
        let result = dial_as(&client, id, |call| {
            call.machine_detection = Some(mode);
            call.machine_url = Some("https://example.com/twilio/machine");
        });
        assert_eq!(result.await, accepted_call());
        let form = form(&server.request());
        let all = |name: &str| {
            let values = form.iter().filter(|(field, _)| field == name);
            values.map(|(_, value)| value.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(all("MachineDetection"), [mode.as_str()]);
        assert_eq!(all("AsyncAmd"), ["true"]);
        let callback = format!(
            "https://example.com/twilio/machine?call_id={id}#rc=3&rp=all&ct=2000&rt=6500&tt=15000"
        );
        assert_eq!(all("AsyncAmdStatusCallback"), [callback]);
        assert_eq!(all("AsyncAmdStatusCallbackMethod"), ["POST"]);
        assert_eq!(all("MachineDetectionTimeout"), timeout);
    }
}

#[tokio::test]
async fn recorded_call_asks_for_the_recording_and_its_events() {
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
async fn webhook_urls_are_sent_verbatim() {
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
        let expected = format!("{given}{id}&lang=en-US#rc=3&rp=all&ct=2000&rt=6500&tt=15000");
        assert_eq!(*url, expected);
    }
}

#[tokio::test]
async fn api_key_takes_precedence_over_the_auth_token() {
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
fn client_needs_credentials() {
    let mut config = config("http://127.0.0.1:1");
    config.auth_tokens.clear();
    let result = TwilioClient::new(&config).map(|_| ());
    assert!(matches!(result, Err(BuildError::NoCredentials)));
}

#[tokio::test]
async fn refusal_is_final_and_keeps_twilios_code_and_message() {
    let message = format!("The 'To' number {TO} is not valid.");
    let server = Server::start([Reply::refusal(400, 21211, &message)]).await;
    let result = dial(&server.client()).await;
    let refusal = TwilioRefusal {
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
async fn refusal_without_a_message_is_a_refusal() {
    let truncated = "HTTP/1.1 400 X\r\nContent-Length: 99\r\n\r\n{\"code\": 21";
    for reply in [
        Reply::http(400, "<html>"),
        Reply::http(400, ""),
        Reply::http(400, r#"{"code": "x", "message": 1}"#),
        Reply::Raw(truncated.to_owned()),
    ] {
        let server = Server::start([reply]).await;
        let refusal = TwilioRefusal {
            http_status: Some(400),
            code: None,
            message: "Twilio answered 400".to_owned(),
        };
        assert_eq!(dial(&server.client()).await, DialResult::Refused(refusal));
        assert_eq!(server.requests().len(), 1);
    }
}
