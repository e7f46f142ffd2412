//! Tests the lists of open calls, and the bookmarks of `reconcile`.

use std::collections::HashSet;

use mongodb::bson::{DateTime, Document, doc};
use outdial::{
    dao::{Dao, ReconcileKind},
    domain::{Call, CallId, CallStatus, DialOutcome},
};

use crate::support::{call, sid, with_dao};

fn time(seconds: i64) -> DateTime {
    DateTime::from_millis(1_700_000_000_000 + seconds * 1_000)
}

async fn store(dao: &Dao, change: impl FnOnce(&mut Call)) -> Call {
    let mut call = call();
    call.updated_at = time(0);
    change(&mut call);
    dao.create_call(&call).await.unwrap();
    call
}

async fn open(dao: &Dao, kind: ReconcileKind) -> Vec<CallId> {
    let listed = dao.list_open_calls(kind, time(1), None, 100).await.unwrap();
    listed.calls.iter().map(|call| call.call_id).collect()
}

#[tokio::test]
async fn calls_changed_in_the_same_millisecond_are_listed_once() {
    with_dao(async |dao| {
        let mut stored = HashSet::new();
        for at in [0, 1, 1, 1, 1, 1, 2, 3] {
            let call = store(dao, |call| call.updated_at = time(at)).await;
            stored.insert(call.call_id);
        }
        let (mut after, mut pages, mut seen) = (None, 0, Vec::new());
        loop {
            let listed = dao.list_open_calls(ReconcileKind::Dial, time(9), after, 2);
            let listed = listed.await.unwrap();
            pages += 1;
            seen.extend(
                listed
                    .calls
                    .iter()
                    .map(|call| (call.updated_at, call.call_id)),
            );
            after = listed.more_after;
            if after.is_none() {
                break;
            }
        }
        assert_eq!((seen.len(), pages), (8, 5));
        assert!(seen.iter().map(|(at, _)| at).is_sorted());
        let seen: HashSet<_> = seen.into_iter().map(|(_, id)| id).collect();
        assert_eq!(seen, stored);
    })
    .await;
}

/// The partial index has the same conditions: a call that fails one is not in the index.
#[tokio::test]
async fn call_is_open_in_one_way_until_it_is_settled() {
    with_dao(async |dao| {
        let all = async || {
            let [dials, ends, recordings] = [
                open(dao, ReconcileKind::Dial).await,
                open(dao, ReconcileKind::End).await,
                open(dao, ReconcileKind::Recording).await,
            ];
            (dials, ends, recordings)
        };
        for status in CallStatus::ALL {
            let named = store(dao, |call| {
                call.twilio_sid = Some(sid());
                call.dial_outcome = Some(DialOutcome::Accepted);
                call.status = status;
                call.recording_enabled = true;
            })
            .await;
            let (dials, ends, recordings) = all().await;
            assert!(dials.is_empty(), "{status:?}");
            assert_eq!(
                ends.contains(&named.call_id),
                CallStatus::ACTIVE.contains(&status),
                "{status:?}"
            );
            let is_completed = status == CallStatus::Completed;
            assert_eq!(
                recordings.contains(&named.call_id),
                is_completed,
                "{status:?}"
            );
            dao.settle_recording(named.call_id).await.unwrap();
        }
        assert_eq!(open(dao, ReconcileKind::Recording).await, []);

        let unknown = store(dao, |call| call.dial_outcome = Some(DialOutcome::Unknown)).await;
        assert_eq!(open(dao, ReconcileKind::Dial).await, [unknown.call_id]);
        dao.give_up_call(unknown.call_id, None).await.unwrap();
        assert_eq!(open(dao, ReconcileKind::Dial).await, []);
    })
    .await;
}

#[tokio::test]
async fn each_kind_has_a_bookmark() {
    with_dao(async |dao| {
        let call = store(dao, |_| ()).await;
        let place = outdial::dao::ScanPosition::of(&call);
        dao.set_bookmark(ReconcileKind::End, Some(place))
            .await
            .unwrap();
        assert_eq!(
            dao.get_bookmark(ReconcileKind::End).await.unwrap(),
            Some(place)
        );
        assert_eq!(dao.get_bookmark(ReconcileKind::Dial).await.unwrap(), None);
        dao.set_bookmark(ReconcileKind::End, None).await.unwrap();
        assert_eq!(dao.get_bookmark(ReconcileKind::End).await.unwrap(), None);
        // The document of an earlier version.
        let counters = dao
            .database()
            .await
            .unwrap()
            .collection::<Document>("counters");
        let stored = doc! { "updated_at": call.updated_at, "_id": call.id };
        let change = doc! { "$set": { "dial": stored, "end": null } };
        counters
            .update_one(doc! { "_id": "reconcile" }, change)
            .await
            .unwrap();
        assert_eq!(
            dao.get_bookmark(ReconcileKind::Dial).await.unwrap(),
            Some(place)
        );
    })
    .await;
}
