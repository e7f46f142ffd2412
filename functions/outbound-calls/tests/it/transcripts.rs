//! Tests transcripts, from the request to the sentences and their end.

use mongodb::bson::{Document, doc};
use outdial::domain::Call;
use serde_json::{Value, json};
use testkit::{API_KEY, Request, Stage, TRANSCRIPTION_SERVICES, Twilio};
use twilio_sim::clock::Speed;

use crate::{
    life::Played,
    support::{Api, eventually, text},
};

/// The called party says "Hello?" and "Yes, that works for me. Thank you."
const TALKER: &str = "+12125550129";
/// Its recordings can't be transcribed.
const FAILS: &str = "+12125550130";
const SCRIPT: &str = "Hello! Your order is ready. Please come to our shop before six o'clock this evening, because we are \
    closed tomorrow. If that is too early, tell us after this message. Does this work for you? Thank you very much. Goodbye.";

async fn played() -> Played {
    let twilio = Twilio::start_at(Speed::parse("40").unwrap()).await;
    let with_services = |stage: Stage| stage.set("TRANSCRIPTION_SERVICES", TRANSCRIPTION_SERVICES);
    Played::with_stage(twilio, with_services).await
}

/// Places a transcribed call, and returns its `call_id`.
async fn place(api: &Api, to: &str) -> String {
    let mut body = api.body_to(to);
    body["script"] = SCRIPT.into();
    body["recording_enabled"] = true.into();
    body["transcribe"] = true.into();
    let answer = api.post(&body).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.json()["transcribe"], true);
    text(&answer.json()["call_id"])
}

/// Waits for the recording of a call and its transcript in this status.
async fn transcript(api: &Api, id: &str, status: &str) -> (String, Value) {
    eventually("the transcript", async || {
        let listed = api.get(&format!("/calls/{id}/recordings")).await.json();
        let recording = listed["recordings"][0]["id"].as_str()?.to_owned();
        let path = format!("/recordings/{recording}/transcript");
        let transcript = api.get(&path).await.json();
        (transcript["status"] == status).then_some((recording, transcript))
    })
    .await
}

#[tokio::test]
async fn transcript_tells_who_said_what_and_when() {
    let played = played().await;
    let api = &played.api;
    let id = place(api, TALKER).await;
    let (recording, transcript) = transcript(api, &id, "completed").await;
    assert_eq!(transcript["recording_id"], recording.as_str());
    assert_eq!(transcript["language"], "en-US");
    assert_eq!(transcript["truncated"], false);
    let sentences = transcript["sentences"].as_array().unwrap();
    let said: Vec<_> = sentences
        .iter()
        .filter(|one| one["speaker"] == "callee")
        .map(|one| text(&one["text"]))
        .collect();
    assert_eq!(said, ["Hello?", "Yes, that works for me.", "Thank you."]);
    assert_eq!(sentences[0]["speaker"], "outdial");
    assert_eq!(sentences[0]["text"], "Hello!");
    let starts: Vec<_> = sentences
        .iter()
        .map(|one| one["start_ms"].as_i64())
        .collect();
    let begins = (0..1_000).contains(&starts[0].unwrap());
    assert!(starts.is_sorted() && begins, "{starts:?}");
    let dials = api.twilio.dials().await;
    let params = dials[0]["params"].to_string();
    assert!(params.contains("RecordingChannels=dual"), "{params}");
    assert_eq!(
        api.twilio.requests("POST", "/v2/Transcripts").await.len(),
        1
    );
}

#[tokio::test]
async fn transcript_that_twilio_cannot_make_is_failed() {
    let played = played().await;
    let id = place(&played.api, FAILS).await;
    let (_, transcript) = transcript(&played.api, &id, "failed").await;
    assert_eq!(transcript["reason"], "failed");
    assert_eq!(transcript["sentences"], json!([]));
}

#[tokio::test]
async fn repeated_callbacks_and_webhooks_ask_once() {
    let played = played().await;
    let api = &played.api;
    let faults = json!({ "callbacks": [
        { "kind": "recording", "action": "duplicate" },
        { "kind": "transcript", "action": "duplicate" },
    ] });
    api.twilio.faults(&faults).await;
    let id = place(api, TALKER).await;
    transcript(api, &id, "completed").await;
    assert_eq!(
        api.twilio.requests("POST", "/v2/Transcripts").await.len(),
        1
    );
    assert_eq!(api.twilio.transcripts().await.len(), 1);
}

#[tokio::test]
async fn transcript_whose_response_was_lost_is_found_and_not_asked_for_again() {
    let played = played().await;
    let api = &played.api;
    let lost = json!({ "rest": [{ "on": "transcribe", "when": "after", "action": "close" }] });
    api.twilio.faults(&lost).await;
    let id = place(api, TALKER).await;
    transcript(api, &id, "completed").await;
    assert_eq!(
        api.twilio.requests("POST", "/v2/Transcripts").await.len(),
        1
    );
}

#[tokio::test]
async fn deleted_recording_takes_its_transcript_with_it() {
    let played = played().await;
    let api = &played.api;
    let id = place(api, TALKER).await;
    let (recording, _) = transcript(api, &id, "completed").await;
    let path = format!("/recordings/{recording}");
    let delete = Request::new("DELETE", &path).with_key(API_KEY);
    assert_eq!(api.send(&delete).await.status, 204);
    assert!(api.twilio.transcripts().await.is_empty());
    let gone = api.get(&format!("{path}/transcript")).await;
    gone.assert_problem(404, "not_found");
    let stored = api.stage.database().collection::<Document>("transcripts");
    let stored = stored.find_one(doc! {}).await.unwrap().unwrap();
    assert_eq!(stored.get_str("status").ok(), Some("deleted"));
    assert!(!stored.to_string().contains("works for me"), "{stored}");
}

#[tokio::test]
async fn recording_without_transcribe_has_no_transcript() {
    let api = Api::new().await;
    let call = api.stage.call(|call| call.recording_enabled = true).await;
    let recording = |call: &Call, status: &str| {
        doc! {
            "call_id": call.id.to_hex(), "call_uuid": call.call_id.to_string(),
            "twilio_sid": format!("RE{}", call.call_id.to_string().replace('-', "")),
            "recording_url": null, "recording_status": status, "status": status,
            "created_at": mongodb::bson::DateTime::now(),
        }
    };
    let recordings = api.stage.database().collection::<Document>("recordings");
    let read = async |call: &Call, status: &str| {
        let stored = recordings
            .insert_one(recording(call, status))
            .await
            .unwrap();
        let id = stored.inserted_id.as_object_id().unwrap().to_hex();
        api.get(&format!("/recordings/{id}/transcript")).await
    };
    let none = read(&call, "completed").await;
    none.assert_problem(404, "no_transcript");
    let transcribed = api
        .stage
        .call(|call| {
            call.recording_enabled = true;
            call.transcribe = true;
        })
        .await;
    let waiting = read(&transcribed, "processing").await;
    assert_eq!(waiting.json()["status"], "pending", "{}", waiting.text());
    let unknown = "/recordings/65f0a1b2c3d4e5f601234567/transcript";
    api.get(unknown).await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn transcribe_needs_a_recording_and_a_service_for_the_language() {
    let services = |stage: Stage| stage.set("TRANSCRIPTION_SERVICES", TRANSCRIPTION_SERVICES);
    let api = Api::with(services).await;
    let refused = async |api: &Api, changes: Value, code: &str| {
        let mut body = api.body();
        for (name, value) in changes.as_object().unwrap() {
            body[name] = value.clone();
        }
        let answer = api.post(&body).await;
        answer.assert_problem(422, code);
        assert!(answer.text().contains("transcribe"), "{}", answer.text());
    };
    for changes in [
        json!({ "transcribe": true }),
        json!({ "transcribe": true, "recording_enabled": false }),
        json!({ "transcribe": "yes", "recording_enabled": true }),
    ] {
        refused(&api, changes, "validation_failed").await;
    }
    let both = json!({ "transcribe": true, "recording_enabled": true });
    let german = json!({ "transcribe": true, "recording_enabled": true, "language": "de-DE" });
    refused(&api, german, "transcription_unavailable").await;
    refused(&Api::new().await, both, "transcription_unavailable").await;
    assert!(api.twilio.dials().await.is_empty());
    let mut english = api.body();
    english["transcribe"] = true.into();
    english["recording_enabled"] = true.into();
    english["language"] = "EN-us".into();
    assert_eq!(api.post(&english).await.status, 201);
}
