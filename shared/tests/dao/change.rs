//! Tests that concurrent changes of a waiting call overwrite nothing.

use mongodb::bson::{DateTime, Document, doc, oid::ObjectId};
use outdial::{
    dao::{Dao, ReadCall},
    domain::{Call, CallId, Lane, Priority},
};
use testkit::new_scheduled_call;

use crate::support::with_dao;

async fn waiting(dao: &Dao) -> CallId {
    let call = new_scheduled_call(&ObjectId::new().to_hex(), DateTime::now());
    dao.create_call(&call).await.unwrap();
    call.call_id
}

async fn read(dao: &Dao, id: CallId) -> ReadCall {
    dao.get_call_to_change(id).await.unwrap().unwrap()
}

fn with_script(read: &ReadCall, script: &str) -> Call {
    Call {
        script: Some(script.parse().unwrap()),
        ..read.call.clone()
    }
}

async fn set(dao: &Dao, id: CallId, change: Document) {
    let calls = dao
        .database()
        .await
        .unwrap()
        .collection::<Document>("calls");
    let changed = calls.update_one(doc! { "call_id": id.to_string() }, change);
    assert_eq!(changed.await.unwrap().matched_count, 1);
}

#[tokio::test]
async fn change_within_the_same_millisecond_is_not_overwritten() {
    with_dao(async |dao| {
        let id = waiting(dao).await;
        let before = read(dao, id).await;
        let first = with_script(&before, "First.");
        let second = Call {
            priority: Some(Priority::Urgent),
            lane: Some(Lane::of(Priority::Urgent, None)),
            ..before.call.clone()
        };
        // All three have the same `updated_at`.
        assert!(dao.change_waiting_call(&before, &first).await.unwrap());
        assert!(!dao.change_waiting_call(&before, &second).await.unwrap());
        assert_eq!(read(dao, id).await.call.script, first.script);
        // The driver repeats a change whose response was lost.
        assert!(dao.change_waiting_call(&before, &first).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn change_from_an_old_copy_overwrites_no_field_that_it_writes() {
    with_dao(async |dao| {
        let later = DateTime::from_millis(4_000_000_000_000);
        for other in [
            doc! { "due_at": later },
            doc! { "expires_at": later },
            doc! { "waiting_for": "dialing_off" },
            doc! { "metadata": { "order": "4711" } },
            doc! { "recording_enabled": true },
        ] {
            let id = waiting(dao).await;
            let before = read(dao, id).await;
            set(dao, id, doc! { "$set": other.clone() }).await;
            let change = with_script(&before, "Too late.");
            let changed = dao.change_waiting_call(&before, &change).await.unwrap();
            assert!(!changed, "{other}");
        }
    })
    .await;
}

#[tokio::test]
async fn call_with_values_of_another_version_can_be_changed() {
    with_dao(async |dao| {
        let id = waiting(dao).await;
        let retry = doc! { "delays_seconds": [300_i64], "on": ["busy", "of a later version"], "max_attempts": 2_i64,
            "expires_at": DateTime::now(), "new": true };
        let odd = doc! { "retry": retry, "waiting_for": "of a later version", "metadata": { "$b": "x", "a.b": "y" },
            "voice": null };
        set(dao, id, doc! { "$set": odd, "$unset": { "recording_enabled": "" } }).await;
        let before = read(dao, id).await;
        let changed = with_script(&before, "Changed.");
        assert!(dao.change_waiting_call(&before, &changed).await.unwrap());
        assert_eq!(read(dao, id).await.call.script, changed.script);
    })
    .await;
}
