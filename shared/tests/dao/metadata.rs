//! Tests that a call's metadata is stored and returned unchanged, whatever its names and values.

use std::collections::{BTreeMap, HashSet};

use mongodb::bson::{DateTime, deserialize_from_document, doc};
use outdial::{
    dao::ReconcileKind,
    domain::{CallStatus, DialOutcome, Metadata},
};
use proptest::{
    collection::btree_map,
    prop_oneof,
    sample::select,
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};

use crate::support::{accepted, call, callback, sid, with_dao};

/// Names and values that have a special meaning in extended JSON or in an aggregation pipeline.
const ODD_METADATA: [(&str, &str); 16] = [
    ("$oid", "order-17"),
    ("$date", "tomorrow"),
    ("$numberLong", "many"),
    ("$numberDecimal", "x"),
    ("$binary", "x"),
    ("$uuid", "x"),
    ("$timestamp", "x"),
    ("$regularExpression", "["),
    ("$code", "x"),
    ("$symbol", "x"),
    ("$undefined", "true"),
    ("$minKey", "1"),
    ("$ref", "calls"),
    ("$set", "$$NOW"),
    ("a.b.$", "$script"),
    ("name", "a\0b"),
];

fn metadata(name: &str, value: &str) -> Metadata {
    deserialize_from_document(doc! { name: value }).unwrap()
}

#[tokio::test]
async fn odd_metadata_is_returned_unchanged() {
    with_dao(async |dao| {
        for (name, value) in ODD_METADATA {
            let mut call = call();
            call.metadata = metadata(name, value);
            dao.create_call(&call).await.unwrap();
            let sid = sid();
            dao.record_dial(&call, &accepted(&sid), Some(201))
                .await
                .unwrap();
            for (status, sequence) in [(CallStatus::Ringing, 1), (CallStatus::Completed, 3)] {
                let update = callback(&sid, status, sequence);
                dao.apply_status(Some(call.call_id), &update).await.unwrap();
            }
            let read = dao.get_call(call.call_id).await.unwrap().unwrap();
            assert_eq!(read.metadata, call.metadata, "{name}");
            assert_eq!(read.status, CallStatus::Completed);
        }
    })
    .await;
}

#[tokio::test]
async fn any_metadata_is_returned_unchanged() {
    with_dao(async |dao| {
        let odd = ODD_METADATA.map(|(name, _)| name);
        let name = prop_oneof![
            select(odd.map(str::to_owned).to_vec()),
            ".{1,12}",
            r"[$.\PC]{1,6}"
        ];
        let strategy = btree_map(name, ".{0,30}", 0..6);
        let mut runner = TestRunner::default();
        for _ in 0..150 {
            let entries: BTreeMap<String, String> =
                strategy.new_tree(&mut runner).unwrap().current();
            let Ok(metadata) = Metadata::try_from(entries.clone()) else {
                assert!(
                    entries.keys().any(|name| name.contains('\0')),
                    "{entries:?}"
                );
                continue;
            };
            let mut call = call();
            call.metadata = metadata;
            dao.create_call(&call).await.unwrap();
            let update = callback(&sid(), CallStatus::Ringing, 1);
            dao.apply_status(Some(call.call_id), &update).await.unwrap();
            let read = dao.get_call(call.call_id).await.unwrap().unwrap();
            assert_eq!(read.metadata.into_entries(), entries);
        }
    })
    .await;
}

#[tokio::test]
async fn calls_with_odd_metadata_are_reconciled() {
    with_dao(async |dao| {
        let mut ids = HashSet::new();
        for (name, value) in ODD_METADATA {
            let mut call = call();
            call.metadata = metadata(name, value);
            call.dial_outcome = Some(DialOutcome::Unknown);
            dao.create_call(&call).await.unwrap();
            ids.insert(call.call_id);
        }
        let now = DateTime::now();
        let open = dao
            .list_open_calls(ReconcileKind::Dial, now, None, 100)
            .await;
        let listed = open.unwrap().calls;
        assert_eq!(
            listed
                .iter()
                .map(|call| call.call_id)
                .collect::<HashSet<_>>(),
            ids
        );
    })
    .await;
}
