//! Stored documents that cannot be read, and odd ones that can: neither stands in the way of others.

use std::collections::{BTreeMap, HashSet};

use mongodb::{
    Database,
    bson::{Bson, DateTime, Document, Timestamp, deserialize_from_document, doc, oid::ObjectId},
};
use outdial::{
    dao::{
        Applied, CallFilter, Cursor, Dao, DaoError, List, PageRequest, Position, ReconcileKind,
        VoiceLookup,
    },
    domain::{
        BlockedNumber, Call, CallId, CallStatus, DialOutcome, Metadata, RecordingStatus, TimeRange,
        UserId,
    },
};
use proptest::{
    collection::btree_map,
    prop_oneof,
    sample::select,
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};

use crate::support::{
    accepted, call, call_of, callback, recording_sid, recording_update, sid, sid_of, stored_call,
    user, with_dao,
};

/// Names and texts that a reader of extended JSON takes for something else, or that an expression of a pipeline would be.
const ODD_NOTES: [(&str, &str); 16] = [
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

fn notes(name: &str, value: &str) -> Metadata {
    deserialize_from_document(doc! { name: value }).unwrap()
}

#[tokio::test]
async fn odd_notes_come_back_as_they_were() {
    with_dao(async |dao| {
        for (name, value) in ODD_NOTES {
            let mut call = call();
            call.metadata = notes(name, value);
            dao.create_call(&call).await.unwrap();
            let sid = sid();
            dao.record_dial(&call, &accepted(&sid), 201).await.unwrap();
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
async fn any_notes_come_back_as_they_were() {
    with_dao(async |dao| {
        let odd = ODD_NOTES.map(|(name, _)| name);
        let name = prop_oneof![
            select(odd.map(str::to_owned).to_vec()),
            ".{1,12}",
            r"[$.\PC]{1,6}"
        ];
        let strategy = btree_map(name, ".{0,30}", 0..6);
        let mut runner = TestRunner::default();
        for _ in 0..150 {
            let notes: BTreeMap<String, String> = strategy.new_tree(&mut runner).unwrap().current();
            let Ok(metadata) = Metadata::try_from(notes.clone()) else {
                assert!(notes.keys().any(|name| name.contains('\0')), "{notes:?}");
                continue;
            };
            let mut call = call();
            call.metadata = metadata;
            dao.create_call(&call).await.unwrap();
            let update = callback(&sid(), CallStatus::Ringing, 1);
            dao.apply_status(Some(call.call_id), &update).await.unwrap();
            let read = dao.get_call(call.call_id).await.unwrap().unwrap();
            assert_eq!(read.metadata.into_entries(), notes);
        }
    })
    .await;
}

#[tokio::test]
async fn calls_with_odd_notes_are_reconciled() {
    with_dao(async |dao| {
        let mut ids = HashSet::new();
        for (name, value) in ODD_NOTES {
            let mut call = call();
            call.metadata = notes(name, value);
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

/// A document of `calls` that no reader takes, of that user.
fn unreadable(user: UserId, change: Document) -> Document {
    let mut stored = mongodb::bson::serialize_to_document(&call_of(user)).unwrap();
    for (field, value) in change {
        match value {
            Bson::Undefined => drop(stored.remove(field)),
            value => drop(stored.insert(field, value)),
        }
    }
    stored
}

fn changes() -> Vec<Document> {
    vec![
        doc! { "status": 17 },
        doc! { "status": "levitating" },
        doc! { "to_number": Bson::Undefined },
        doc! { "created_at": "yesterday" },
        doc! { "created_at": Timestamp { time: 1_800_000_000, increment: 1 } },
        doc! { "metadata": { "order": 17 } },
        doc! { "metadata": { "$oid": ObjectId::new() } },
        doc! { "events": "none" },
        doc! { "updated_at": Bson::Null },
        doc! { "_id": "a text" },
    ]
}

async fn insert(dao: &Dao, collection: &str, document: Document) {
    let database: Database = dao.database().await.unwrap();
    let documents = database.collection::<Document>(collection);
    documents.insert_one(document).await.unwrap();
}

/// The ids of all items, page by page, and how many pages there were.
async fn walk(dao: &Dao, filter: CallFilter, size: u32) -> (Vec<CallId>, usize) {
    let list = List::Calls(filter.clone());
    let (mut ids, mut pages) = (Vec::new(), 0);
    let mut from = Position::Page(1);
    loop {
        let request = PageRequest { size, from };
        let page = dao.list_calls(&filter, &request).await.unwrap().unwrap();
        ids.extend(page.items.iter().map(|call| call.call_id));
        pages += 1;
        assert!(pages < 200, "the list ends");
        let Some(cursor) = page.next_cursor else {
            return (ids, pages);
        };
        from = Position::Cursor(Cursor::parse(&cursor, &list).unwrap());
    }
}

#[tokio::test]
async fn lists_pass_over_unreadable_calls() {
    with_dao(async |dao| {
        let ada = user("ada@example.com");
        dao.create_user(&ada).await.unwrap();
        let mut readable = HashSet::new();
        for change in changes() {
            let call = call_of(ada.user_id());
            dao.create_call(&call).await.unwrap();
            readable.insert(call.call_id);
            insert(dao, "calls", unreadable(ada.user_id(), change)).await;
        }
        for size in [1, 2, 3, 100] {
            let (listed, _) = walk(dao, CallFilter::default(), size).await;
            assert_eq!(listed.len(), readable.len(), "{size}");
            assert_eq!(listed.into_iter().collect::<HashSet<_>>(), readable);
        }
        let of_ada = CallFilter {
            user: Some(ada.user_id()),
            ..CallFilter::default()
        };
        let (listed, _) = walk(dao, of_ada, 4).await;
        assert_eq!(listed.into_iter().collect::<HashSet<_>>(), readable);
        let request = PageRequest {
            size: 100,
            from: Position::Page(1),
        };
        let page = dao.list_user_calls(ada.user_id(), None, &request).await;
        let page = page.unwrap().unwrap();
        assert_eq!(page.items.len(), readable.len());
        assert_eq!(page.total, Some(2 * readable.len() as u64));
    })
    .await;
}

#[tokio::test]
async fn a_page_of_unreadable_calls_leads_on() {
    with_dao(async |dao| {
        let user = UserId::generate();
        let at = |millis: i64| DateTime::from_millis(1_800_000_000_000 - millis);
        let mut oldest = call_of(user);
        oldest.created_at = at(99);
        dao.create_call(&oldest).await.unwrap();
        for n in 0..20_i64 {
            // Some of one moment, and some under a foreign name.
            let mut broken = unreadable(user, doc! { "status": n, "created_at": at(n / 7) });
            if n % 3 == 0 {
                broken.insert("_id", format!("{n}"));
            }
            insert(dao, "calls", broken).await;
        }
        for increment in 0..8 {
            let created_at = Timestamp {
                time: 1_800_000_000,
                increment,
            };
            let broken = unreadable(user, doc! { "created_at": created_at });
            insert(dao, "calls", broken).await;
        }
        for size in [1, 2, 5, 7] {
            let (listed, pages) = walk(dao, CallFilter::default(), size).await;
            assert_eq!(listed, [oldest.call_id], "{size}");
            assert!(pages <= 22, "{pages} pages of {size}");
        }
    })
    .await;
}

#[tokio::test]
async fn other_lists_pass_over_what_is_unreadable() {
    with_dao(async |dao| {
        let ada = user("ada@example.com");
        dao.create_user(&ada).await.unwrap();
        let broken = doc! { "name": 1, "email": "x", "email_lower": "x", "created_at": DateTime::now() };
        insert(dao, "users", broken).await;
        let request = PageRequest {
            size: 1,
            from: Position::Page(1),
        };
        let first = dao.list_users(None, &request).await.unwrap();
        assert_eq!((first.items.len(), first.total), (0, Some(2)));
        let cursor = Cursor::parse(&first.next_cursor.unwrap(), &List::Users).unwrap();
        let from = Position::Cursor(cursor);
        let second = dao.list_users(None, &PageRequest { size: 1, from }).await.unwrap();
        assert_eq!(second.items, [ada]);

        let blocked = BlockedNumber {
            id: ObjectId::new(),
            number: "+12125550123".parse().unwrap(),
            reason: None,
            created_by: None,
            created_at: DateTime::now(),
        };
        dao.block_number(&blocked).await.unwrap();
        let broken = doc! { "number": "+12125550124", "reason": { "$oid": "x" }, "created_at": DateTime::now() };
        insert(dao, "blocked_numbers", broken).await;
        let all = PageRequest {
            size: 10,
            from: Position::Page(1),
        };
        let listed = dao.list_blocked_numbers(&all).await.unwrap();
        assert_eq!(listed.items, [blocked]);

        let call = stored_call(dao).await;
        let recording = recording_sid();
        let update = recording_update(&call, &recording, RecordingStatus::Completed);
        dao.apply_recording(Some(call.call_id), &update).await.unwrap();
        let broken = doc! { "twilio_sid": "RE1", "call_id": call.id.to_hex(), "status": 17, "created_at": DateTime::from_millis(0) };
        insert(dao, "recordings", broken).await;
        let listed = dao.list_call_recordings(call.call_id).await.unwrap().unwrap();
        assert_eq!(listed.len(), 1);
        let first = dao.get_recording_by_call_id(call.id).await.unwrap();
        assert_eq!(first.unwrap().twilio_sid, recording);
    })
    .await;
}

#[tokio::test]
async fn a_blocked_number_blocks_however_odd_its_document() {
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
        assert!(callee.blocked_as.is_some() && callee.dialing.on);
        assert_eq!(callee.user, ada);
    })
    .await;
}

#[tokio::test]
async fn an_unreadable_call_is_an_error_for_who_asks_for_it_alone() {
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
            "the database call failed: a stored document is not as expected"
        );
        let asked = dao.ask_for_call(Some(id), &sid()).await;
        assert!(matches!(asked, Err(DaoError::Internal(_))), "{asked:?}");
    })
    .await;
}

#[tokio::test]
async fn webhooks_change_an_unreadable_call() {
    with_dao(async |dao| {
        let user = UserId::generate();
        let call: Call = call_of(user);
        let mut broken = mongodb::bson::serialize_to_document(&call).unwrap();
        broken.insert("script", 17);
        // An earlier service's call, whose `_id` does not follow from its name.
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
                dao.ask_for_call(Some(call.call_id), &sid).await,
                Ok(VoiceLookup::UnknownCall)
            ));
        }
    })
    .await;
}

#[tokio::test]
async fn reconcile_passes_over_unreadable_calls() {
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
async fn statistics_leave_out_what_cannot_be_read() {
    with_dao(async |dao| {
        let user = UserId::generate();
        let mut call = call_of(user);
        call.duration_seconds = Some(7);
        dao.create_call(&call).await.unwrap();
        for change in [
            doc! { "status": 17 },
            doc! { "status": "levitating" },
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
