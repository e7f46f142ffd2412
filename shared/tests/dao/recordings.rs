//! Tests applying recording callbacks, and reading and deleting recordings.

use mongodb::bson::{Document, doc};
use outdial::{
    dao::{Applied, Dao},
    domain::{
        Call, CallId, Recording, RecordingId, RecordingSid, RecordingStatus, RecordingUpdate,
    },
};

use crate::support::{recording_sid, recording_update, stored_call, with_dao};

async fn only_recording(dao: &Dao, call: &Call) -> Recording {
    let mut recordings = listed(dao, call).await;
    assert_eq!(recordings.len(), 1);
    recordings.remove(0)
}

async fn listed(dao: &Dao, call: &Call) -> Vec<Recording> {
    let listed = dao.list_call_recordings(call.call_id).await.unwrap();
    listed.expect("the call is stored")
}

async fn url_of(dao: &Dao, call: &Call) -> Option<String> {
    dao.get_call(call.call_id)
        .await
        .unwrap()
        .unwrap()
        .recording_url
}

#[tokio::test]
async fn completed_recording_stores_its_url_on_the_call() {
    with_dao(async |dao| {
        let call = stored_call(dao).await;
        let sid = recording_sid();
        let update = recording_update(&call, &sid, RecordingStatus::Completed);
        dao.create_recording(&call, &update).await.unwrap();

        let recording = only_recording(dao, &call).await;
        assert_eq!(recording.call_id, call.id.to_hex());
        assert_eq!(recording.call_uuid, Some(call.call_id));
        assert_eq!(recording.twilio_sid, sid);
        assert_eq!(recording.recording_url, update.recording_url);
        assert_eq!(recording.recording_status, "completed");
        assert_eq!(recording.status, RecordingStatus::Completed);
        assert_eq!(recording.duration_seconds, Some(7));
        assert_eq!(recording.started_at, update.started_at);
        assert_eq!(url_of(dao, &call).await, update.recording_url);
        let by_id = dao.get_recording(recording.recording_id()).await.unwrap();
        assert_eq!(by_id.as_ref(), Some(&recording));
        let by_call = dao.get_recording_by_call_id(call.id).await.unwrap();
        assert_eq!(by_call, Some(recording));
    })
    .await;
}

#[tokio::test]
async fn recording_in_progress_stores_no_url_on_the_call() {
    with_dao(async |dao| {
        let call = stored_call(dao).await;
        let update = recording_update(&call, &recording_sid(), RecordingStatus::Processing);
        dao.create_recording(&call, &update).await.unwrap();
        assert_eq!(url_of(dao, &call).await, None);
        assert_eq!(dao.get_recording_by_call_id(call.id).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn callbacks_in_any_order_and_repeated_store_the_same_recording() {
    with_dao(async |dao| {
        let in_progress = |call: &Call, sid: &RecordingSid| RecordingUpdate {
            channels: Some(2),
            ..recording_update(call, sid, RecordingStatus::Processing)
        };
        let completed = |call: &Call, sid: &RecordingSid| RecordingUpdate {
            channels: None,
            ..recording_update(call, sid, RecordingStatus::Completed)
        };
        let mut results = Vec::new();
        for order in ["pc", "cp", "ppcc", "cpc", "cppp"] {
            let call = stored_call(dao).await;
            let sid = recording_sid();
            for letter in order.chars() {
                let update = if letter == 'p' {
                    in_progress(&call, &sid)
                } else {
                    completed(&call, &sid)
                };
                dao.create_recording(&call, &update).await.unwrap();
            }
            let recording = only_recording(dao, &call).await;
            results.push((
                recording.status,
                recording.recording_status,
                recording.duration_seconds,
                recording.channels,
            ));
        }
        let expected = (
            RecordingStatus::Completed,
            "completed".to_owned(),
            Some(7),
            Some(2),
        );
        assert!(
            results.iter().all(|result| *result == expected),
            "{results:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn callback_without_new_facts_is_a_duplicate() {
    with_dao(async |dao| {
        let call = stored_call(dao).await;
        let sid = recording_sid();
        let completed = recording_update(&call, &sid, RecordingStatus::Completed);
        let tell = async |update: &RecordingUpdate| dao.create_recording(&call, update).await;
        assert_eq!(tell(&completed).await.unwrap(), Applied::Changed);
        let stored = only_recording(dao, &call).await;
        for known in [
            completed.clone(),
            recording_update(&call, &sid, RecordingStatus::Processing),
        ] {
            assert_eq!(tell(&known).await.unwrap(), Applied::Duplicate);
            assert_eq!(only_recording(dao, &call).await, stored);
        }
        let fuller = RecordingUpdate {
            error_code: Some(16_102),
            ..completed
        };
        assert_eq!(tell(&fuller).await.unwrap(), Applied::Changed);
        assert_eq!(tell(&fuller).await.unwrap(), Applied::Duplicate);
        dao.update_recording(stored.recording_id(), RecordingStatus::Deleted)
            .await
            .unwrap();
        assert_eq!(tell(&fuller).await.unwrap(), Applied::Duplicate);
    })
    .await;
}

#[tokio::test]
async fn concurrent_callbacks_store_one_recording() {
    with_dao(async |dao| {
        let call = stored_call(dao).await;
        let update = recording_update(&call, &recording_sid(), RecordingStatus::Completed);
        let many = (0..10).map(|_| dao.create_recording(&call, &update));
        for result in futures_util::future::join_all(many).await {
            result.unwrap();
        }
        only_recording(dao, &call).await;
    })
    .await;
}

#[tokio::test]
async fn late_callback_does_not_restore_a_deleted_recording() {
    with_dao(async |dao| {
        let call = stored_call(dao).await;
        let update = recording_update(&call, &recording_sid(), RecordingStatus::Completed);
        dao.create_recording(&call, &update).await.unwrap();
        let id = only_recording(dao, &call).await.recording_id();

        let recording = only_recording(dao, &call).await;
        dao.delete_recording(&recording).await.unwrap();
        assert_eq!(url_of(dao, &call).await, None);
        for _ in 0..2 {
            dao.create_recording(&call, &update).await.unwrap();
            let late = dao.apply_recording(Some(call.call_id), &update).await;
            assert_eq!(late.unwrap(), Applied::Duplicate);
        }

        assert_eq!(dao.get_recording(id).await.unwrap(), None);
        assert_eq!(listed(dao, &call).await, []);
        assert_eq!(url_of(dao, &call).await, None);
        let again = dao
            .update_recording(id, RecordingStatus::Deleted)
            .await
            .unwrap();
        assert_eq!(again, None);
    })
    .await;
}

#[tokio::test]
async fn first_completed_recording_is_the_calls() {
    with_dao(async |dao| {
        let call = stored_call(dao).await;
        let updates =
            [0, 1].map(|_| recording_update(&call, &recording_sid(), RecordingStatus::Completed));
        for update in &updates {
            dao.create_recording(&call, update).await.unwrap();
        }
        let first = dao
            .get_recording_by_call_id(call.id)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(first.twilio_sid, updates[0].recording_sid);
        assert_eq!(url_of(dao, &call).await, updates[0].recording_url);
        let sids: Vec<_> = listed(dao, &call)
            .await
            .into_iter()
            .map(|recording| recording.twilio_sid)
            .collect();
        assert_eq!(sids, updates.map(|update| update.recording_sid));
    })
    .await;
}

#[tokio::test]
async fn unknown_recording_is_not_found() {
    with_dao(async |dao| {
        let id = RecordingId::generate();
        assert_eq!(dao.get_recording(id).await.unwrap(), None);
        let updated = dao.update_recording(id, RecordingStatus::Deleted).await;
        assert_eq!(updated.unwrap(), None);
        assert_eq!(
            dao.list_call_recordings(CallId::generate()).await.unwrap(),
            None
        );
    })
    .await;
}

#[tokio::test]
async fn text_with_a_dollar_sign_is_not_evaluated() {
    with_dao(async |dao| {
        let call = stored_call(dao).await;
        let update = RecordingUpdate {
            recording_url: Some("$call_id".to_owned()),
            ..recording_update(&call, &recording_sid(), RecordingStatus::Completed)
        };
        dao.create_recording(&call, &update).await.unwrap();
        let database = dao.database().await.unwrap();
        let recordings = database.collection::<Document>("recordings");
        let stored = recordings.find_one(doc! {}).await.unwrap().unwrap();
        assert_eq!(stored.get_str("recording_url").unwrap(), "$call_id");
        assert_eq!(url_of(dao, &call).await.as_deref(), Some("$call_id"));
    })
    .await;
}
