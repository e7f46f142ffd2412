//! Tests the stored transcripts: each change happens once, whatever comes twice, late or in another order.

use std::slice::from_ref;

use futures_util::future::join_all;
use mongodb::bson::{DateTime, Document, deserialize_from_document, doc, oid::ObjectId};
use outdial::{
    dao::{Dao, ReconcileKind},
    domain::{Call, CallStatus, Recording, Sentence, Speaker, TranscriptSid, TranscriptStatus},
};
use uuid::Uuid;

use crate::support::{stored_call, with_dao};

fn recording(call: &Call) -> Recording {
    let sid = format!("RE{}", Uuid::new_v4().simple());
    let recording = doc! {
        "_id": ObjectId::new(), "call_id": call.id.to_hex(), "call_uuid": call.call_id.to_string(),
        "twilio_sid": sid, "recording_url": "https://api.twilio.com/x", "recording_status": "completed",
        "status": "completed", "created_at": DateTime::now(),
    };
    deserialize_from_document(recording).unwrap()
}

fn new_sid() -> TranscriptSid {
    let sid = format!("GT{}", Uuid::new_v4().simple());
    sid.parse().unwrap()
}

fn sentences() -> Vec<Sentence> {
    let sentence = |speaker, text: &str| Sentence {
        speaker,
        text: text.to_owned(),
        start_ms: Some(0),
        end_ms: None,
        confidence: Some(0.5),
    };
    vec![
        sentence(Speaker::Outdial, "Hello."),
        sentence(Speaker::Callee, "$date"),
    ]
}

#[tokio::test]
async fn transcript_is_asked_for_by_one_run_at_a_time() {
    with_dao(async |dao| {
        let call = stored_call(dao).await;
        let recording = recording(&call);
        let wants = (0..8).map(|_| dao.want_transcript(&recording, call.call_id, Some("en-US")));
        for wanted in join_all(wants).await {
            assert_eq!(wanted.unwrap().status, TranscriptStatus::Pending);
        }
        let read = dao.get_transcript(recording.recording_id()).await.unwrap();
        let read = read.unwrap();
        assert_eq!(read.call_uuid, Some(call.call_id));
        let begun = join_all((0..8).map(|_| dao.begin_transcript(&read))).await;
        let begun: Vec<_> = begun.into_iter().filter_map(Result::unwrap).collect();
        assert_eq!(begun.len(), 1, "one run asks");

        let id = recording.recording_id();
        dao.withdraw_transcript(id, DateTime::from_millis(1))
            .await
            .unwrap();
        assert_eq!(
            dao.begin_transcript(&read).await.unwrap(),
            None,
            "another request"
        );
        dao.withdraw_transcript(id, begun[0]).await.unwrap();
        assert!(dao.begin_transcript(&read).await.unwrap().is_some());
        let read = dao.get_transcript(id).await.unwrap().unwrap();
        assert!(dao.record_transcript_sid(id, &new_sid()).await.unwrap());
        assert_eq!(
            dao.begin_transcript(&read).await.unwrap(),
            None,
            "Twilio has it"
        );
    })
    .await;
}

#[tokio::test]
async fn first_sid_and_first_end_of_a_transcript_stay() {
    with_dao(async |dao| {
        let call = stored_call(dao).await;
        let recording = recording(&call);
        let id = recording.recording_id();
        dao.want_transcript(&recording, call.call_id, None)
            .await
            .unwrap();
        let (first, other) = (new_sid(), new_sid());
        for (sid, is_kept) in [(&first, true), (&other, false), (&first, true)] {
            assert_eq!(dao.record_transcript_sid(id, sid).await.unwrap(), is_kept);
        }
        assert_eq!(
            dao.get_transcribed_call(&first).await.unwrap(),
            Some(call.call_id)
        );
        assert_eq!(dao.get_transcribed_call(&other).await.unwrap(), None);
        dao.complete_transcript(id, &sentences(), true)
            .await
            .unwrap();
        dao.complete_transcript(id, &[], false).await.unwrap();
        dao.fail_transcript(id, "timeout").await.unwrap();
        dao.want_transcript(&recording, call.call_id, Some("de-DE"))
            .await
            .unwrap();
        let stored = dao.get_transcript(id).await.unwrap().unwrap();
        assert_eq!(stored.status, TranscriptStatus::Completed);
        assert_eq!((stored.sentences, stored.truncated), (sentences(), true));
        assert_eq!((stored.language, stored.reason), (None, None));
        assert_eq!(stored.twilio_sid, Some(first));
    })
    .await;
}

#[tokio::test]
async fn deleted_transcript_stays_deleted() {
    with_dao(async |dao| {
        let call = stored_call(dao).await;
        // Deleted before and after it is wanted, and complete.
        let (before, wanted, complete) = (recording(&call), recording(&call), recording(&call));
        for recording in [&wanted, &complete] {
            dao.want_transcript(recording, call.call_id, Some("en-US"))
                .await
                .unwrap();
        }
        let id = complete.recording_id();
        dao.complete_transcript(id, &sentences(), false)
            .await
            .unwrap();
        for recording in [&before, &wanted, &complete] {
            let id = recording.recording_id();
            for _ in 0..2 {
                dao.delete_transcript(recording).await.unwrap();
            }
            let late = dao
                .want_transcript(recording, call.call_id, Some("en-US"))
                .await;
            assert_eq!(late.unwrap().status, TranscriptStatus::Deleted);
            assert!(!dao.record_transcript_sid(id, &new_sid()).await.unwrap());
            dao.complete_transcript(id, &sentences(), false)
                .await
                .unwrap();
            let stored = dao.get_transcript(id).await.unwrap().unwrap();
            assert_eq!(stored.status, TranscriptStatus::Deleted);
            assert!(stored.sentences.is_empty() && stored.language.is_none());
        }
    })
    .await;
}

async fn open(dao: &Dao) -> usize {
    let later = DateTime::from_millis(DateTime::now().timestamp_millis() + 60_000);
    let listed = dao.list_open_calls(ReconcileKind::Transcript, later, None, 10);
    listed.await.unwrap().calls.len()
}

#[tokio::test]
async fn call_is_open_until_each_completed_recording_has_its_transcript() {
    with_dao(async |dao| {
        let call = stored_call(dao).await;
        let database = dao.database().await.unwrap();
        let calls = database.collection::<Document>("calls");
        let change = doc! { "$set": {
            "status": CallStatus::Completed.as_str(), "transcribe": true, "recording_enabled": true,
        } };
        calls
            .update_one(doc! { "_id": call.id }, change)
            .await
            .unwrap();
        assert_eq!(open(dao).await, 0, "its recording is awaited");
        let sid = call.twilio_sid.clone().unwrap_or_else(crate::support::sid);
        let (first, second) = (recording(&call), recording(&call));
        let complete = async |recording: &Recording| {
            let update = outdial::domain::RecordingUpdate {
                call_sid: sid.clone(),
                recording_sid: recording.twilio_sid.clone(),
                recording_url: recording.recording_url.clone(),
                recording_status: "completed".to_owned(),
                status: recording.status,
                duration_seconds: None,
                channels: None,
                error_code: None,
                started_at: None,
            };
            dao.apply_recording(Some(call.call_id), &update)
                .await
                .unwrap();
        };
        complete(&first).await;
        assert_eq!(open(dao).await, 1);
        dao.settle_transcripts(call.call_id, from_ref(&second.twilio_sid))
            .await
            .unwrap();
        assert_eq!(open(dao).await, 1, "another recording is complete");
        dao.settle_transcripts(call.call_id, from_ref(&first.twilio_sid))
            .await
            .unwrap();
        assert_eq!(open(dao).await, 0);
        complete(&first).await;
        assert_eq!(open(dao).await, 0, "a repeated callback is no news");
        complete(&second).await;
        assert_eq!(open(dao).await, 1, "a further recording");
        let both = [first.twilio_sid.clone(), second.twilio_sid.clone()];
        dao.settle_transcripts(call.call_id, &both).await.unwrap();
        assert_eq!(open(dao).await, 0);
    })
    .await;
}
