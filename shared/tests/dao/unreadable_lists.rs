//! Tests that lists skip unreadable documents.

use std::collections::HashSet;

use mongodb::bson::{Bson, DateTime, Document, Timestamp, doc, oid::ObjectId};
use outdial::{
    dao::{CallFilter, Cursor, Dao, List, PageRequest, Position},
    domain::{BlockedNumber, CallId, RecordingStatus, UserId},
};

use super::unreadable::{insert, unreadable};
use crate::support::{call_of, recording_sid, recording_update, stored_call, user, with_dao};

fn changes() -> Vec<Document> {
    vec![
        doc! { "status": 17 },
        doc! { "status": ["completed"] },
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

/// Reads the list page by page. Returns the ids of all items, and the number of pages.
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
async fn lists_skip_unreadable_calls() {
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
async fn page_of_unreadable_calls_has_a_next_page() {
    with_dao(async |dao| {
        let user = UserId::generate();
        let at = |millis: i64| DateTime::from_millis(1_800_000_000_000 - millis);
        let mut oldest = call_of(user);
        oldest.created_at = at(99);
        dao.create_call(&oldest).await.unwrap();
        for n in 0..20_i64 {
            // Some have the same creation time, and some have a foreign `_id`.
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
async fn other_lists_skip_unreadable_documents() {
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
