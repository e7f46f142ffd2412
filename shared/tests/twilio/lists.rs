//! Tests reading lists in Twilio's REST API.

use mongodb::bson::DateTime;
use outdial::{
    domain::{CallSid, PhoneNumber, RecordingStatus},
    twilio::{CallDetails, TwilioError},
};
use serde_json::{Value, json};

use crate::server::{ACCOUNT, CALL, Reply, Server};

const SID: [&str; 3] = [
    "CA00000000000000000000000000000001",
    "CA00000000000000000000000000000002",
    "CA00000000000000000000000000000003",
];

async fn list(server: &Server) -> Result<Vec<CallDetails>, TwilioError> {
    let [from, to]: [PhoneNumber; 2] =
        ["+12125550100", "+12125550123"].map(|number| number.parse().unwrap());
    server.client().list_calls(&from, &to, since()).await
}

fn since() -> DateTime {
    DateTime::parse_rfc3339_str("2026-01-01T12:00:00Z").unwrap()
}

/// Returns a call that was created this many minutes after noon, or before noon if negative.
fn call(sid: &str, minute: i32) -> Value {
    let hour = if minute < 0 { 11 } else { 12 };
    json!({
        "sid": sid,
        "status": "queued",
        "from": "+12125550100",
        "date_created": format!("Thu, 01 Jan 2026 {hour}:{:02}:00 +0000", minute.rem_euclid(60)),
    })
}

fn page(calls: &[Value], next: Option<&str>) -> Reply {
    let next = next.map(|page| format!("/2010-04-01/Accounts/{ACCOUNT}/Calls.json?{page}"));
    let page = json!({ "calls": calls, "next_page_uri": next });
    Reply::http(200, page.to_string())
}

#[tokio::test]
async fn list_is_read_page_by_page_until_since() {
    let server = Server::start([
        page(&[call(SID[0], 9)], Some("Page=1")),
        page(&[call(SID[1], 0), call(SID[2], -1)], Some("Page=2")),
        page(&[call(SID[2], -9)], Some("Page=3")),
    ])
    .await;
    let calls = list(&server).await.unwrap();
    let sids: Vec<_> = calls.iter().map(|call| call.sid.as_str()).collect();
    assert_eq!(sids, SID[..2]);
    assert_eq!(calls[1].created_at, Some(since()));
    assert_eq!(calls[1].from_number, "+12125550100".parse().ok());
    let asked: Vec<_> = server
        .requests()
        .into_iter()
        .map(|request| request.line)
        .collect();
    let path = format!("GET /2010-04-01/Accounts/{ACCOUNT}/Calls.json");
    assert_eq!(
        asked,
        [
            format!("{path}?To=%2B12125550123&From=%2B12125550100&PageSize=1000 HTTP/1.1"),
            format!("{path}?Page=1 HTTP/1.1"),
            format!("{path}?Page=2 HTTP/1.1"),
        ]
    );
}

/// A load test, or a mistake, can place this many calls to one number.
#[tokio::test]
async fn call_is_found_behind_thousands_of_newer_ones() {
    let newer: Vec<_> = (0..1_000).map(|_| call(SID[0], 30)).collect();
    let server = Server::start([
        page(&newer, Some("Page=1")),
        page(&newer, Some("Page=2")),
        page(&[call(SID[1], 0), call(SID[2], -1)], None),
    ])
    .await;
    let calls = list(&server).await.unwrap();
    assert_eq!(calls.len(), 2_001);
    assert_eq!(calls[2_000].sid.as_str(), SID[1]);
}

#[tokio::test]
async fn endless_list_is_an_error() {
    let pages = (0..20).map(|at| page(&[call(SID[0], 1)], Some(&format!("Page={at}"))));
    let server = Server::start(pages).await;
    let result = list(&server).await;
    assert!(
        matches!(result, Err(TwilioError::Unusable(_))),
        "{result:?}"
    );
    assert_eq!(server.requests().len(), 10);
}

#[tokio::test]
async fn malformed_list_is_an_error() {
    let elsewhere = json!({ "calls": [call(SID[0], 1)], "next_page_uri": "//evil.example.com/" });
    let nameless = json!({ "calls": [{ "sid": null, "status": "queued" }] });
    for body in [json!({}), json!({ "calls": {} }), nameless, elsewhere] {
        let server = Server::start([Reply::http(200, body.to_string())]).await;
        let result = list(&server).await;
        assert!(
            matches!(result, Err(TwilioError::Unusable(_))),
            "{body}: {result:?}"
        );
    }
}

#[tokio::test]
async fn webhook_urls_come_from_the_events() {
    let ours = "https://calls.example.com/twilio/voice?call_id=1#rc=3";
    let events = json!({ "events": [
        { "request": {
            "url": format!("https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Calls.json"),
            "parameters": { "url": ours, "to": "+12125550123", "status_callback": ["a", "list"] },
        } },
        { "request": { "url": "https://calls.example.com/twilio/status" } },
        { "request": null },
    ] });
    let server = Server::start([Reply::http(200, events.to_string())]).await;
    let sid: CallSid = CALL.parse().unwrap();
    let urls = server.client().list_webhook_urls(&sid).await.unwrap();
    assert_eq!(urls, [ours, "https://calls.example.com/twilio/status"]);
}

#[tokio::test]
async fn listed_recordings_are_read_like_callbacks() {
    let recording = "RE00000000000000000000000000000001";
    let list = json!({ "recordings": [{
        "sid": recording, "status": "completed", "duration": "12", "channels": 1, "error_code": 0,
        "start_time": "Thu, 01 Jan 2026 12:00:00 +0000",
    }] });
    let server = Server::start([Reply::http(200, list.to_string())]).await;
    let sid: CallSid = CALL.parse().unwrap();
    let client = server.client();
    let recordings = client.list_recordings(&sid).await.unwrap();
    let [found] = &recordings[..] else {
        panic!("{recordings:?}")
    };
    assert_eq!(
        (found.status, found.recording_status.as_str()),
        (RecordingStatus::Completed, "completed")
    );
    assert_eq!(
        (found.duration_seconds, found.channels, found.error_code),
        (Some(12), Some(1), None)
    );
    assert_eq!(found.started_at, Some(since()));
    assert_eq!(found.call_sid, sid);
    let url = client.get_recording_url(&found.recording_sid);
    assert_eq!(found.recording_url.as_deref(), Some(url.as_str()));
}
