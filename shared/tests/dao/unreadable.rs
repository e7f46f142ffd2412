//! Tests that an unreadable document fails only the request that reads it alone.

use mongodb::{
    Database,
    bson::{Bson, DateTime, Document, doc, oid::ObjectId},
};
use outdial::{
    dao::{Applied, Dao, DaoError, ReconcileKind, VoiceLookup},
    domain::{Call, CallId, CallStatus, RecordingStatus, TimeRange, UserId},
};

use crate::support::{
    call_of, callback, recording_sid, recording_update, sid, sid_of, stored_call, user, with_dao,
};

/// Returns a call of this user with a change that makes it unreadable. `Undefined` removes a field.
pub fn unreadable(user: UserId, change: Document) -> Document {
    let mut stored = bson::serialize_to_document(&call_of(user)).unwrap();
    for (field, value) in change {
        match value {
            Bson::Undefined => drop(stored.remove(field)),
            value => drop(stored.insert(field, value)),
        }
    }
    stored
}

pub async fn insert(dao: &Dao, collection: &str, document: Document) {
    let database: Database = dao.database().await.unwrap();
    let documents = database.collection::<Document>(collection);
    documents.insert_one(document).await.unwrap();
}

#[tokio::test]
async fn unreadable_blocked_number_still_blocks() {
    with_dao(async |dao| {
        let ada = user("ada@example.com");
        dao.create_user(&ada).await.unwrap();
        let broken = doc! { "number": ada.phone_number.as_str(), "reason": { "$oid": "x" } };
        insert(dao, "blocked_numbers", broken).await;
        let odd_switch = doc! { "_id": "dialing", "on": true, "reason": { "$date": "x" } };
        insert(dao, "counters", odd_switch).await;
        let callee = dao
            .get_callee(ada.user_id(), std::slice::from_ref(&ada.phone_number))
            .await;
        let callee = callee.unwrap().unwrap();
        assert!(!callee.blocked.is_empty() && callee.dialing.on);
        assert_eq!(callee.user, ada);
    })
    .await;
}

#[tokio::test]
async fn unreadable_call_is_an_error_when_it_is_read_alone() {
    with_dao(async |dao| {
        let broken = unreadable(
            UserId::generate(),
            doc! { "status": 17, "script": "Hello, Ada." },
        );
        let id: CallId = broken.get_str("call_id").unwrap().parse().unwrap();
        insert(dao, "calls", broken).await;
        let error = dao.get_call(id).await.unwrap_err();
        assert!(matches!(error, DaoError::Internal(_)), "{error}");
        assert_eq!(
            error.to_string(),
            "the database call failed: a stored document is malformed"
        );
        let found = dao.look_up_for_voice(Some(id), &sid()).await;
        assert!(matches!(found, Err(DaoError::Internal(_))), "{found:?}");
    })
    .await;
}

#[tokio::test]
async fn webhooks_change_an_unreadable_call() {
    with_dao(async |dao| {
        let user = UserId::generate();
        let call: Call = call_of(user);
        let mut broken = bson::serialize_to_document(&call).unwrap();
        broken.insert("script", 17);
        // The second `_id` does not derive from the `call_id`, as in calls of the earlier service.
        for id in [call.id, ObjectId::new()] {
            broken.insert("_id", id);
            let collection = dao
                .database()
                .await
                .unwrap()
                .collection::<Document>("calls");
            collection.delete_many(doc! {}).await.unwrap();
            insert(dao, "calls", broken.clone()).await;
            let sid = sid_of(&call);
            let recording = recording_sid();
            for _ in 0..2 {
                let update = callback(&sid, CallStatus::Completed, 3);
                dao.apply_status(Some(call.call_id), &update).await.unwrap();
                let update = recording_update(&call, &recording, RecordingStatus::Completed);
                let applied = dao.apply_recording(Some(call.call_id), &update).await;
                assert_ne!(applied.unwrap(), Applied::UnknownCall);
            }
            let stored = collection
                .find_one(doc! { "_id": id })
                .await
                .unwrap()
                .unwrap();
            assert_eq!(stored.get_str("status").unwrap(), "completed");
            assert_eq!(stored.get_str("twilio_sid").unwrap(), sid.as_str());
            assert!(
                stored
                    .get_str("recording_url")
                    .unwrap()
                    .contains(recording.as_str())
            );
            assert!(!matches!(
                dao.look_up_for_voice(Some(call.call_id), &sid).await,
                Ok(VoiceLookup::UnknownCall)
            ));
        }
    })
    .await;
}

#[tokio::test]
async fn reconcile_skips_unreadable_calls() {
    with_dao(async |dao| {
        let readable = stored_call(dao).await;
        for change in [
            doc! { "to_number": 17 },
            doc! { "events": { "$oid": "x" } },
            doc! { "_id": "a text", "script": 1 },
        ] {
            insert(dao, "calls", unreadable(UserId::generate(), change)).await;
        }
        let now = DateTime::now();
        let open = dao
            .list_open_calls(ReconcileKind::Dial, now, None, 100)
            .await;
        assert_eq!(open.unwrap().calls, [readable]);

        let odd = doc! { "_id": "reconcile", "dial": { "$oid": "x" }, "end": 17 };
        insert(dao, "counters", odd).await;
        for open in [
            ReconcileKind::Dial,
            ReconcileKind::End,
            ReconcileKind::Recording,
        ] {
            assert_eq!(dao.get_bookmark(open).await.unwrap(), None);
        }
    })
    .await;
}

#[tokio::test]
async fn statistics_leave_out_unreadable_values() {
    with_dao(async |dao| {
        let user = UserId::generate();
        let mut call = call_of(user);
        call.duration_seconds = Some(7);
        dao.create_call(&call).await.unwrap();
        for change in [
            doc! { "status": 17 },
            doc! { "status": ["completed"] },
            doc! { "duration_seconds": f64::INFINITY },
            doc! { "duration_seconds": "long" },
            doc! { "duration_seconds": 1e300 },
        ] {
            insert(dao, "calls", unreadable(user, change)).await;
        }
        let now = DateTime::now().timestamp_millis();
        let [from, to] = [now - 60_000, now + 60_000].map(DateTime::from_millis);
        let range = TimeRange::new(from, to);
        let stats = dao.call_stats(&range.unwrap()).await.unwrap();
        assert_eq!((stats.total(), stats.unreadable), (4, 2));
        assert_eq!(stats.durations, [(7, 1)].into());
    })
    .await;
}
