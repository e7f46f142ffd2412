//! Tests completed calls without a transcript.

use mongodb::bson::{Document, doc};
use outdial::domain::{Call, CallSid, CallStatus};
use serde_json::json;
use testkit::{Stage, TRANSCRIPTION_SERVICES, Twilio};

use crate::support::{ANSWERS, ago, change, dial, has_ended, listener, run, scene, until};

/// A completed call whose recording is complete, and no webhook arrived since.
async fn recorded(twilio: &Twilio) -> (Stage, Call) {
    let (stage, _) = scene().await;
    let stage = stage.playing(twilio);
    let stage = stage.set("TRANSCRIPTION_SERVICES", TRANSCRIPTION_SERVICES);
    let form = [("Record", "true"), ("TimeLimit", "5")];
    let sid: CallSid = dial(twilio, ANSWERS, &listener().await, &form).await;
    until(twilio, &sid, |call| {
        has_ended(call) && call["recordings"][0]["status"] == "completed"
    })
    .await;
    let call = stage
        .call(|call| {
            call.twilio_sid = Some(sid);
            call.status = CallStatus::Completed;
            call.recording_enabled = true;
            call.transcribe = true;
            call.updated_at = ago(90);
        })
        .await;
    (stage, call)
}

async fn stored(stage: &Stage) -> Option<Document> {
    let transcripts = stage.database().collection::<Document>("transcripts");
    transcripts.find_one(doc! {}).await.unwrap()
}

async fn status(stage: &Stage) -> String {
    let stored = stored(stage).await.unwrap();
    stored.get_str("status").unwrap().to_owned()
}

/// Runs until no transcript is open.
async fn run_to_the_end(stage: &Stage, call: &Call) {
    for _ in 0..1_000 {
        // `reconcile` leaves a call alone for a minute after its last change.
        let old = doc! { "$set": { "updated_at": ago(90) } };
        change(stage, call, old).await;
        let report = run(stage).await;
        if report.transcripts.settled == 1 {
            return;
        }
    }
    panic!("in vain: {:?}", stored(stage).await);
}

#[tokio::test]
async fn transcript_is_made_without_any_webhook() {
    let (_, twilio) = scene().await;
    let (stage, call) = recorded(&twilio).await;
    run_to_the_end(&stage, &call).await;
    assert_eq!(status(&stage).await, "completed");
    assert_eq!(twilio.requests("POST", "/v2/Transcripts").await.len(), 1);
    assert_eq!(run(&stage).await.transcripts.examined, 0);
}

#[tokio::test]
async fn lost_request_is_repeated_only_if_twilio_certainly_has_no_transcript() {
    let (_, twilio) = scene().await;
    let (stage, call) = recorded(&twilio).await;
    let lost = json!({ "rest": [{ "on": "transcribe", "action": "close" }] });
    twilio.faults(&lost).await;
    for _ in 0..3 {
        change(&stage, &call, doc! { "$set": { "updated_at": ago(90) } }).await;
        run(&stage).await;
    }
    assert_eq!(
        twilio.requests("POST", "/v2/Transcripts").await.len(),
        1,
        "it may appear"
    );
    twilio.faults(&json!({})).await;
    let transcripts = stage.database().collection::<Document>("transcripts");
    let earlier = doc! { "$set": { "asked_at": ago(700) } };
    transcripts.update_one(doc! {}, earlier).await.unwrap();
    run_to_the_end(&stage, &call).await;
    assert_eq!(status(&stage).await, "completed");
    assert_eq!(twilio.transcripts().await.len(), 1);
}

#[tokio::test]
async fn refusals_of_the_moment_are_repeated_and_others_end_the_transcript() {
    let (_, twilio) = scene().await;
    let (stage, call) = recorded(&twilio).await;
    let refuse = |status: u16, code: u32| json!({ "rest": [{ "on": "transcribe", "action": "refuse", "status": status, "code": code }] });
    twilio.faults(&refuse(401, 20003)).await;
    run(&stage).await;
    change(&stage, &call, doc! { "$set": { "updated_at": ago(90) } }).await;
    run(&stage).await;
    let read = stored(&stage).await.unwrap();
    assert!(
        read.get("asked_at").is_none() && read.get_str("status").ok() == Some("pending"),
        "{read}"
    );
    twilio.faults(&refuse(400, 20001)).await;
    run_to_the_end(&stage, &call).await;
    let read = stored(&stage).await.unwrap();
    assert_eq!(
        (read.get_str("status").ok(), read.get_str("reason").ok()),
        (Some("failed"), Some("refused"))
    );
}

#[tokio::test]
async fn transcript_deleted_during_the_request_is_deleted_at_twilio() {
    let (_, twilio) = scene().await;
    let (stage, call) = recorded(&twilio).await;
    run_to_the_end(&stage, &call).await;
    // As if a run had not stored its SID yet when the recording was deleted.
    let transcripts = stage.database().collection::<Document>("transcripts");
    let deleted = doc! {
        "$set": { "status": "pending", "asked_at": ago(1) }, "$unset": { "twilio_sid": "", "sentences": "" },
    };
    transcripts.update_one(doc! {}, deleted).await.unwrap();
    let dao = outdial::dao::Dao::from_settings(&stage.settings()).unwrap();
    let client = outdial::twilio::TwilioClient::new(
        stage
            .settings()
            .reloadable(outdial::config::Settings::twilio)
            .unwrap(),
    );
    let recordings = dao
        .list_call_recordings(call.call_id)
        .await
        .unwrap()
        .unwrap();
    outdial::service::transcripts::delete_recording(&dao, &client.unwrap(), &recordings[0])
        .await
        .unwrap();
    assert!(twilio.transcripts().await.is_empty());
    assert_eq!(status(&stage).await, "deleted");
}

#[tokio::test]
async fn without_services_transcripts_wait() {
    let (_, twilio) = scene().await;
    let (stage, _) = recorded(&twilio).await;
    let report = run(&stage.set("TRANSCRIPTION_SERVICES", "")).await;
    assert_eq!(
        (report.recordings.settled, report.transcripts.examined),
        (1, 0)
    );
}
