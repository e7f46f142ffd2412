//! Tests the webhook about a transcript: what is refused, and what is fetched.

use std::fmt::Write;

use mongodb::bson::{Document, doc};
use outdial::domain::{Call, CallStatus};
use ring::digest::{SHA256, digest};
use serde_json::json;
use testkit::{AUTH_TOKEN, Answer, BASE_URL, Request, Stage, TRANSCRIPTION_SERVICES, Twilio};
use twilio_sim::clock::Speed;

use crate::support::router;

const PATH: &str = "/twilio/transcript";
const UNKNOWN: &str = "GT0123456789abcdef0123456789abcdef";

/// A signed webhook with a JSON body.
fn as_json(body: &str) -> Request {
    let hash = digest(&SHA256, body.as_bytes());
    let hash = hash.as_ref().iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    });
    let path = format!("{PATH}?bodySHA256={hash}");
    let signature = outdial::twilio::sign(&format!("{BASE_URL}{path}"), &[], AUTH_TOKEN);
    Request::new("POST", &path)
        .header("x-twilio-signature", &signature)
        .header("content-type", "application/json; charset=utf-8")
        .body(body)
}

async fn scene() -> (Stage, Twilio) {
    let twilio = Twilio::start_at(Speed::parse("100").unwrap()).await;
    let stage = Stage::new().await.playing(&twilio);
    (
        stage.set("TRANSCRIPTION_SERVICES", TRANSCRIPTION_SERVICES),
        twilio,
    )
}

/// A transcribed call, whose recording Twilio has.
async fn recorded(stage: &Stage, twilio: &Twilio) -> Call {
    let recording = twilio.record().await;
    let sid = twilio.calls().await[0]["sid"].as_str().unwrap().to_owned();
    let call = stage
        .call(|call| {
            call.twilio_sid = Some(sid.parse().unwrap());
            call.status = CallStatus::Completed;
            call.recording_enabled = true;
            call.transcribe = true;
        })
        .await;
    let recordings = stage.database().collection::<Document>("recordings");
    let stored = doc! {
        "call_id": call.id.to_hex(), "call_uuid": call.call_id.to_string(), "twilio_sid": recording,
        "recording_url": "https://api.twilio.com/x", "recording_status": "completed", "status": "completed",
        "created_at": mongodb::bson::DateTime::now(),
    };
    recordings.insert_one(stored).await.unwrap();
    call
}

async fn status(stage: &Stage) -> Option<String> {
    let transcripts = stage.database().collection::<Document>("transcripts");
    let stored = transcripts.find_one(doc! {}).await.unwrap()?;
    stored.get_str("status").ok().map(str::to_owned)
}

#[track_caller]
fn assert_taken(answer: &Answer) {
    assert_eq!(answer.status, 204, "{}", answer.text());
    assert!(answer.body.is_empty());
}

#[tokio::test]
async fn json_and_form_bring_the_transcript_to_its_end() {
    let (stage, twilio) = scene().await;
    let router = router(&stage);
    let call = recorded(&stage, &twilio).await;
    let id = call.call_id.to_string();
    let json = json!({ "transcript_sid": UNKNOWN, "customer_key": id }).to_string();
    let form = [("transcript_sid", UNKNOWN), ("customer_key", id.as_str())];
    // Whatever its SID is, the webhook only says that there is news of the call.
    for turn in 0.. {
        let request = match turn % 2 {
            0 => as_json(&json),
            _ => Request::webhook(PATH, &form),
        };
        assert_taken(&request.send(&router).await);
        if status(&stage).await.as_deref() == Some("completed") {
            break;
        }
        assert!(turn < 1_000, "{:?}", twilio.transcripts().await);
    }
    assert_eq!(twilio.requests("POST", "/v2/Transcripts").await.len(), 1);
    let sid = twilio.transcripts().await[0]["sid"]
        .as_str()
        .unwrap()
        .to_owned();
    let asked = twilio.requests("GET", "/Sentences").await.len();
    // Without the key, the stored SID leads to the call.
    assert_taken(
        &Request::webhook(PATH, &[("transcript_sid", &sid)])
            .send(&router)
            .await,
    );
    assert_eq!(
        twilio.requests("GET", "/Sentences").await.len(),
        asked,
        "it has ended"
    );
}

#[tokio::test]
async fn forged_and_malformed_webhooks_are_refused() {
    let (stage, twilio) = scene().await;
    let router = router(&stage);
    let call = recorded(&stage, &twilio).await;
    let id = call.call_id.to_string();
    let json = json!({ "transcript_sid": UNKNOWN, "customer_key": id }).to_string();
    for forged in [
        as_json(&json).without("x-twilio-signature"),
        as_json(&json).body(&json.replace("GT0", "GT1")),
        as_json(&json).moved(PATH),
        Request::signed_by("other", PATH, &[("transcript_sid", UNKNOWN)]),
    ] {
        forged
            .send(&router)
            .await
            .assert_problem(403, "bad_signature");
    }
    for body in ["{}", "{", r#"{"transcript_sid": "CA1"}"#, ""] {
        as_json(body)
            .send(&router)
            .await
            .assert_problem(400, "malformed_form");
    }
    assert_eq!(status(&stage).await, None);
    assert!(twilio.transcripts().await.is_empty());
}

#[tokio::test]
async fn transcripts_of_others_change_nothing() {
    let (stage, twilio) = scene().await;
    let unwanted = stage.call(|call| call.recording_enabled = true).await;
    let unwanted = unwanted.call_id.to_string();
    let other = outdial::domain::CallId::generate().to_string();
    let without = stage.clone().set("TRANSCRIPTION_SERVICES", "");
    for router in [router(&stage), router(&without)] {
        for key in ["", "order-17", &other, &unwanted] {
            let body = json!({ "transcript_sid": UNKNOWN, "customer_key": key }).to_string();
            assert_taken(&as_json(&body).send(&router).await);
        }
    }
    assert_eq!(status(&stage).await, None);
    assert!(twilio.requests("GET", "/Transcripts").await.is_empty());
}

#[tokio::test]
async fn unavailable_database_is_a_503_and_unavailable_twilio_is_not() {
    let (stage, twilio) = scene().await;
    let (stage, line) = stage.behind_proxy().await;
    let router = router(&stage);
    let call = recorded(&stage, &twilio).await;
    let key = call.call_id.to_string();
    let body = json!({ "transcript_sid": UNKNOWN, "customer_key": key }).to_string();
    line.cut();
    as_json(&body)
        .send(&router)
        .await
        .assert_problem(503, "unavailable");
    line.restore();
    let faults = json!({ "rest": [{ "on": "any", "action": "error", "status": 503 }] });
    twilio.faults(&faults).await;
    assert_taken(&as_json(&body).send(&router).await);
    assert_eq!(status(&stage).await.as_deref(), Some("pending"));
}
