//! Tests reading calls and lists of calls.

use mongodb::bson::{DateTime, Document, doc, oid::ObjectId};
use outdial::{
    dao::{Cursor, DaoError, DuplicateKey, List, PageRequest, Position},
    domain::{Call, CallId, CallStatus, UserId},
};

use crate::support::{call, call_of, sid, stored_call, user, with_dao};

#[tokio::test]
async fn call_is_found_by_each_of_its_ids() {
    with_dao(async |dao| {
        let call = Call {
            twilio_sid: Some(sid()),
            idempotency_scope: Some("scope".to_owned()),
            ..call()
        };
        dao.create_call(&call).await.unwrap();
        let by_scope = dao.get_call_by_idempotency_scope("scope").await;
        for found in [dao.get_call(call.call_id).await, by_scope] {
            assert_eq!(found.unwrap().as_ref(), Some(&call));
        }
        assert_eq!(dao.get_call(CallId::generate()).await.unwrap(), None);
        let unknown = dao.get_call_by_idempotency_scope("other").await;
        assert_eq!(unknown.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn duplicate_error_names_the_duplicate_value() {
    with_dao(async |dao| {
        let first = Call {
            twilio_sid: Some(sid()),
            idempotency_scope: Some("scope".to_owned()),
            ..call()
        };
        dao.create_call(&first).await.unwrap();
        dao.create_call(&first)
            .await
            .expect("a retried insert of our own");

        let same_key = Call {
            idempotency_scope: first.idempotency_scope.clone(),
            ..call()
        };
        let same_id = Call {
            call_id: first.call_id,
            ..call()
        };
        let named_alike = Call {
            twilio_sid: first.twilio_sid.clone(),
            ..call()
        };
        for (call, key) in [
            (same_key, DuplicateKey::IdempotencyScope),
            (same_id, DuplicateKey::CallId),
            (named_alike, DuplicateKey::CallSid),
        ] {
            match dao.create_call(&call).await {
                Err(DaoError::Duplicate(told)) => assert_eq!(told, key),
                other => panic!("{other:?} instead of {key:?}"),
            }
        }
    })
    .await;
}

#[tokio::test]
async fn calls_without_key_and_sid_do_not_collide() {
    with_dao(async |dao| {
        stored_call(dao).await;
        stored_call(dao).await;
    })
    .await;
}

#[tokio::test]
async fn calls_of_a_user_are_listed_by_status_newest_first() {
    with_dao(async |dao| {
        let ada = user("ada@example.com");
        dao.create_user(&ada).await.unwrap();
        let user = ada.user_id();
        dao.create_call(&call_of(UserId::generate())).await.unwrap();
        let mut calls: Vec<_> = (0_i64..7)
            .map(|i| Call {
                status: if i % 2 == 0 {
                    CallStatus::Busy
                } else {
                    CallStatus::Completed
                },
                created_at: DateTime::from_millis(1_000 + i / 2),
                ..call_of(user)
            })
            .collect();
        for call in &calls {
            dao.create_call(call).await.unwrap();
        }
        calls.sort_by_key(|call| std::cmp::Reverse((call.created_at, call.id)));

        for status in [None, Some(CallStatus::Busy), Some(CallStatus::Ringing)] {
            let expected: Vec<_> = calls
                .iter()
                .filter(|call| status.is_none_or(|status| call.status == status))
                .cloned()
                .collect();
            let mut listed = Vec::new();
            let mut from = Position::Page(1);
            loop {
                let request = PageRequest { size: 2, from };
                let nobody = UserId::generate();
                let page = dao.list_user_calls(nobody, status, &request).await;
                assert_eq!(page.unwrap(), None);
                let page = dao.list_user_calls(user, status, &request).await.unwrap();
                let page = page.unwrap();
                match from {
                    Position::Page(_) => assert_eq!(page.total, Some(expected.len() as u64)),
                    Position::Cursor(_) => assert_eq!(page.total, None),
                }
                listed.extend(page.items);
                let Some(next) = page.next_cursor else { break };
                let list = List::UserCalls(user, status);
                from = Position::Cursor(Cursor::parse(&next, &list).unwrap());
            }
            assert_eq!(listed, expected, "{status:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn call_of_the_earlier_service_is_read() {
    with_dao(async |dao| {
        let call_id = CallId::generate();
        let stored = doc! {
            "_id": ObjectId::new(),
            "call_id": call_id.to_string(),
            "user_id": UserId::generate().to_string(),
            "twilio_sid": null,
            "to_number": "+12125550123",
            "from_number": "+12125550100",
            "status": "no-answer",
            "script": "Hello.",
            "recording_enabled": true,
            "recording_url": null,
            "created_at": DateTime::now(),
            "updated_at": DateTime::now(),
        };
        let database = dao.database().await.unwrap();
        let calls = database.collection::<Document>("calls");
        calls.insert_one(stored).await.unwrap();
        let call = dao.get_call(call_id).await.unwrap().unwrap();
        assert_eq!(call.status, CallStatus::NoAnswer);
        assert_eq!((call.twilio_sid, call.dial_outcome), (None, None));
    })
    .await;
}

#[tokio::test]
async fn only_a_pending_call_is_withdrawn() {
    with_dao(async |dao| {
        let pending = stored_call(dao).await;
        dao.withdraw_call(&pending).await.unwrap();
        assert_eq!(dao.get_call(pending.call_id).await.unwrap(), None);

        let told = stored_call(dao).await;
        dao.record_call_sid(told.call_id, &sid()).await.unwrap();
        dao.withdraw_call(&told).await.unwrap();
        assert!(dao.get_call(told.call_id).await.unwrap().is_some());
    })
    .await;
}
