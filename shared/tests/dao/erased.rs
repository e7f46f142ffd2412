//! Tests that a late webhook does not restore an erased call.

use mongodb::bson::{DateTime, Document, doc};
use outdial::{
    dao::{Applied, ERASED_AT, VoiceLookup},
    domain::{CallId, CallStatus::Completed, RecordingStatus},
};

use crate::support::{callback, recording_sid, recording_update, sid_of, stored_call, with_dao};

#[tokio::test]
async fn webhook_of_an_erased_call_restores_nothing() {
    with_dao(async |dao| {
        let (call, other) = (stored_call(dao).await, stored_call(dao).await);
        let database = dao.database().await.unwrap();
        let calls = database.collection::<Document>("calls");
        let this = doc! { "_id": call.id };
        let erase = doc! { "$set": {
            "call_id": CallId::generate().to_string(),
            ERASED_AT: DateTime::now(),
        } };
        calls.update_one(this.clone(), erase).await.unwrap();
        let stored = calls.find_one(this.clone()).await.unwrap();

        let sid = sid_of(&call);
        for id in [Some(call.call_id), None] {
            let update = callback(&sid, Completed, 3);
            let outcome = dao.apply_status(id, &update).await.unwrap();
            assert_eq!(outcome.applied, Applied::UnknownCall);
            let update = recording_update(&call, &recording_sid(), RecordingStatus::Completed);
            let applied = dao.apply_recording(id, &update).await.unwrap();
            assert_eq!(applied, Applied::UnknownCall);
            let found = dao.look_up_for_voice(id, &sid).await.unwrap();
            assert!(matches!(found, VoiceLookup::UnknownCall), "{found:?}");
        }
        let recordings = database.collection::<Document>("recordings");
        assert_eq!(recordings.count_documents(doc! {}).await.unwrap(), 0);
        assert_eq!(calls.find_one(this).await.unwrap(), stored);

        assert!(dao.is_erased(call.call_id).await.unwrap());
        for id in [other.call_id, CallId::generate()] {
            assert!(!dao.is_erased(id).await.unwrap());
        }
    })
    .await;
}
