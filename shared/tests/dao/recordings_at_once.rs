//! Tests recording callbacks and deletions in any order and concurrently.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use mongodb::bson::{Bson, Document, doc, oid::ObjectId};
use outdial::{
    dao::{Applied, Dao},
    domain::{
        Call, CallId, CallStatus, Recording, RecordingStatus,
        RecordingStatus::{Absent, Completed, Failed, Processing},
        RecordingUpdate,
    },
};
use proptest::{
    option,
    prelude::{Just, Strategy},
    sample::{select, subsequence},
    strategy::ValueTree,
    test_runner::TestRunner,
};

use crate::support::{
    call, callback, recording_sid, recording_update, sid, sid_of, stored_call, with_dao,
};

/// Any order and any repetition of a recording's callbacks, also concurrent ones, end in the same recording and the same call.
#[tokio::test]
async fn recording_callbacks_converge() {
    const CASES: usize = 24;
    with_dao(async |dao| {
        let mut runner = TestRunner::default();
        for _ in 0..CASES {
            let (one, other) = two_orders().new_tree(&mut runner).unwrap().current();
            let ends = [
                end(dao, &one, false).await,
                end(dao, &other, false).await,
                end(dao, &other, true).await,
            ];
            assert!(
                ends.iter().all(|end| *end == ends[0]),
                "{ends:#?}\nafter {one:#?}\nand after {other:#?}"
            );
        }
    })
    .await;
}

type Facts = (RecordingStatus, [bool; 4]);

/// For each callback, the facts that it brings. Callbacks do not contradict each other.
fn two_orders() -> impl Strategy<Value = (Vec<Facts>, Vec<Facts>)> {
    let told = [(); 4].map(|()| option::of(Just(())).prop_map(|told| told.is_some()));
    let none_comes = select(vec![Absent, Failed]);
    let callbacks = none_comes.prop_flat_map(move |none| {
        [Processing, none, Completed].map(|status| (Just(status), told.clone()))
    });
    let some = callbacks.prop_flat_map(|all| subsequence(all.to_vec(), 1..=3));
    some.prop_flat_map(|some| {
        let twice = [&some[..], &some[..]].concat();
        (Just(some).prop_shuffle(), Just(twice).prop_shuffle())
    })
}

/// Returns the final recording and call, without the fields that differ in each case.
async fn end(dao: &Dao, callbacks: &[Facts], at_once: bool) -> [BTreeMap<String, Bson>; 2] {
    let call = stored_call(dao).await;
    let recording = recording_sid();
    let updates: Vec<_> = callbacks
        .iter()
        .map(|&(status, [url, duration, channels, started])| {
            let update = recording_update(&call, &recording, status);
            RecordingUpdate {
                recording_url: url.then(|| "https://api.twilio.com/it".to_owned()),
                duration_seconds: duration.then_some(7),
                channels: update.channels.filter(|_| channels),
                started_at: update.started_at.filter(|_| started),
                ..update
            }
        })
        .collect();
    let mut told = updates
        .iter()
        .map(|update| Box::pin(dao.apply_recording(Some(call.call_id), update)));
    if at_once {
        for applied in join_all(told).await {
            applied.unwrap();
        }
    } else {
        for told in told.by_ref() {
            told.await.unwrap();
        }
    }
    let database = dao.database().await.unwrap();
    let find = async |collection: &str, filter: Document| {
        let documents = database.collection::<Document>(collection);
        let found = documents.find_one(filter).await.unwrap().unwrap();
        let own = [
            "_id",
            "call_id",
            "call_uuid",
            "user_id",
            "twilio_sid",
            "created_at",
            "updated_at",
        ];
        let others = found
            .into_iter()
            .filter(|(name, _)| !own.contains(&&name[..]));
        let without_names = others.map(|(name, value)| match value {
            Bson::Array(items) => (name, Bson::from(items.len().to_string())),
            value => (name, value),
        });
        without_names.collect::<BTreeMap<_, _>>()
    };
    [
        find("recordings", doc! { "twilio_sid": recording.as_str() }).await,
        find("calls", doc! { "_id": call.id }).await,
    ]
}

/// A deletion updates the recording and its call concurrently, and so does a callback. So each of a callback's two updates may come
/// before or after each of a deletion's. In every order:
///
/// - the deleted recording is not listed, and its URL is not the call's;
/// - the other recording is listed, and its URL is the call's.
#[tokio::test]
async fn concurrent_callbacks_do_not_restore_a_deleted_recording_and_another_one_replaces_it() {
    with_dao(async |dao| {
        for round in 0..24 {
            let call = stored_call(dao).await;
            let [one, other] = [recording_sid(), recording_sid()]
                .map(|recording| recording_update(&call, &recording, Completed));
            let tell = |update| Box::pin(dao.apply_recording(Some(call.call_id), update));
            tell(&one).await.unwrap();
            let recording = dao
                .get_recording_by_call_id(call.id)
                .await
                .unwrap()
                .unwrap();
            let delete = async || dao.delete_recording(&recording).await.unwrap();
            match round % 3 {
                0 => drop(tokio::join!(delete(), tell(&one), tell(&other))),
                1 => drop(tokio::join!(tell(&other), tell(&one), delete())),
                _ => drop(tokio::join!(tell(&one), delete(), delete(), tell(&other))),
            }
            tell(&one).await.unwrap();

            let listed = listed(dao, call.call_id).await;
            let listed: Vec<_> = listed.iter().map(|found| &found.twilio_sid).collect();
            assert_eq!(listed, [&other.recording_sid]);
            let stored = dao.get_call(call.call_id).await.unwrap().unwrap();
            assert_eq!(stored.recording_url, other.recording_url);
        }
    })
    .await;
}

/// The call lists its recordings itself: the recordings' documents do not matter.
#[tokio::test]
async fn call_has_the_url_of_the_first_completed_recording_that_is_not_deleted() {
    with_dao(async |dao| {
        let call = stored_call(dao).await;
        let updates = [(); 3].map(|()| recording_update(&call, &recording_sid(), Completed));
        let mut recordings = Vec::new();
        for update in &updates {
            let told = dao.apply_recording(Some(call.call_id), update).await;
            told.unwrap();
            let listed = listed(dao, call.call_id).await;
            recordings.push(listed.last().unwrap().clone());
        }
        let database = dao.database().await.unwrap();
        let documents = database.collection::<Document>("recordings");
        let others = doc! { "twilio_sid": { "$ne": recordings[0].twilio_sid.as_str() } };
        let not_yet = doc! { "$set": { "status": "processing" } };
        documents.update_many(others, not_yet).await.unwrap();
        for (deleted, shown) in [(1, Some(0)), (0, Some(2)), (2, None)] {
            for _ in 0..2 {
                let deletion = dao.delete_recording(&recordings[deleted]).await;
                deletion.unwrap();
                let stored = dao.get_call(call.call_id).await.unwrap().unwrap();
                let url = shown.and_then(|shown: usize| updates[shown].recording_url.clone());
                assert_eq!(stored.recording_url, url);
                let late = dao
                    .apply_recording(Some(call.call_id), &updates[deleted])
                    .await;
                assert_eq!(late.unwrap(), Applied::Duplicate);
            }
        }
        let stored = raw(dao, &call).await;
        assert_eq!(stored.get("recording_settled"), Some(&true.into()));
        assert_eq!(stored.get_array("deleted_recordings").unwrap().len(), 3);
        assert!(stored.get_array("completed_recordings").unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn call_of_an_earlier_version_gets_the_url_of_another_recording() {
    with_dao(async |dao| {
        let call = stored_call(dao).await;
        let updates = [(); 2].map(|()| recording_update(&call, &recording_sid(), Completed));
        for update in &updates {
            let told = dao.apply_recording(Some(call.call_id), update).await;
            told.unwrap();
        }
        let database = dao.database().await.unwrap();
        let calls = database.collection::<Document>("calls");
        let without = doc! { "$unset": { "completed_recordings": "" } };
        calls
            .update_one(doc! { "_id": call.id }, without)
            .await
            .unwrap();
        let first = dao
            .get_recording_by_call_id(call.id)
            .await
            .unwrap()
            .unwrap();
        dao.delete_recording(&first).await.unwrap();
        let stored = dao.get_call(call.call_id).await.unwrap().unwrap();
        assert_eq!(stored.recording_url, updates[1].recording_url);
    })
    .await;
}

#[tokio::test]
async fn deleted_callback_deletes_the_recording_in_any_order() {
    with_dao(async |dao| {
        for order in [[0, 1], [1, 0]] {
            let call = stored_call(dao).await;
            let recording = recording_sid();
            let updates = [Completed, RecordingStatus::Deleted]
                .map(|status| recording_update(&call, &recording, status));
            for index in order {
                let told = dao
                    .apply_recording(Some(call.call_id), &updates[index])
                    .await;
                told.unwrap();
            }
            assert_eq!(listed(dao, call.call_id).await, []);
            let stored = dao.get_call(call.call_id).await.unwrap().unwrap();
            assert_eq!(stored.recording_url, None);
        }
    })
    .await;
}

#[tokio::test]
async fn recording_of_another_call_is_removed() {
    with_dao(async |dao| {
        let [named, unnamed] = [stored_call(dao).await, stored_call(dao).await];
        dao.record_call_sid(named.call_id, &sid_of(&named))
            .await
            .unwrap();
        let update = |of: &Call| recording_update(of, &recording_sid(), Completed);
        for (told, update, applied) in [
            (&named, update(&unnamed), Applied::OtherCall),
            (&unnamed, update(&named), Applied::OtherCall),
            (&call(), update(&unnamed), Applied::UnknownCall),
        ] {
            let before = dao.get_call(told.call_id).await.unwrap();
            for _ in 0..2 {
                let answer = dao.apply_recording(Some(told.call_id), &update).await;
                assert_eq!(answer.unwrap(), applied);
            }
            assert_eq!(dao.get_call(told.call_id).await.unwrap(), before);
            assert_eq!(listed(dao, told.call_id).await, []);
        }
    })
    .await;
}

#[tokio::test]
async fn only_the_first_of_two_calls_with_one_call_id_has_recordings() {
    with_dao(async |dao| {
        for _ in 0..12 {
            let call = stored_call(dao).await;
            let other = sid();
            let ours = recording_update(&call, &recording_sid(), Completed);
            let theirs = [Processing, Completed].map(|status| RecordingUpdate {
                call_sid: other.clone(),
                ..recording_update(&call, &recording_sid(), status)
            });
            let ringing = callback(&sid_of(&call), CallStatus::Ringing, 1);
            let tell = |update| Box::pin(dao.apply_recording(Some(call.call_id), update));
            let (status, ..) = tokio::join!(
                dao.apply_status(Some(call.call_id), &ringing),
                tell(&theirs[0]),
                tell(&theirs[1]),
                tell(&ours),
            );
            let first = dao.get_call(call.call_id).await.unwrap().unwrap();
            let is_ours = first.twilio_sid.as_ref() == Some(&ours.call_sid);
            assert_eq!(status.unwrap().applied == Applied::Changed, is_ours);
            let listed = listed(dao, call.call_id).await;
            let all: Vec<_> = listed.into_iter().map(|found| found.twilio_sid).collect();
            if is_ours {
                assert_eq!(all, [ours.recording_sid]);
            } else {
                assert_eq!(all.len(), 2);
                assert!(!all.contains(&ours.recording_sid));
            }
        }
    })
    .await;
}

#[tokio::test]
async fn recording_is_stored_for_a_call_whose_id_does_not_follow_from_its_call_id() {
    with_dao(async |dao| {
        let earlier = Call {
            id: ObjectId::new(),
            ..call()
        };
        dao.create_call(&earlier).await.unwrap();
        let update = recording_update(&earlier, &recording_sid(), Completed);
        for applied in [Applied::Changed, Applied::Duplicate] {
            let answer = dao.apply_recording(Some(earlier.call_id), &update).await;
            assert_eq!(answer.unwrap(), applied);
            let listed = listed(dao, earlier.call_id).await;
            assert_eq!(listed.len(), 1);
            assert_eq!(listed[0].call_uuid, Some(earlier.call_id));
        }
        let stored = dao.get_call(earlier.call_id).await.unwrap().unwrap();
        assert_eq!(stored.recording_url, update.recording_url);
    })
    .await;
}

async fn listed(dao: &Dao, id: CallId) -> Vec<Recording> {
    let listed = dao.list_call_recordings(id).await.unwrap();
    listed.unwrap_or_default()
}

async fn raw(dao: &Dao, call: &Call) -> Document {
    let database = dao.database().await.unwrap();
    let calls = database.collection::<Document>("calls");
    calls
        .find_one(doc! { "_id": call.id })
        .await
        .unwrap()
        .unwrap()
}
