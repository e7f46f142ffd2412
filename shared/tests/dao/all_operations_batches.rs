//! Calls every operation of the DAO on batches.

use mongodb::bson::{DateTime, oid::ObjectId};
use outdial::{
    dao::{Cursor, Dao, List, PageRequest, Position, Reservation},
    domain::{Batch, BatchCreate, BatchId, BatchStatus, Call, CallId, PhoneNumber, Priority, User},
    http::FieldErrors,
};
use serde_json::json;

use crate::support::call_of;

/// Returns a batch of the user.
fn batch(user: &User) -> Batch {
    let request = json!({ "name": "June", "user_id": "", "script": "Hello." });
    let request: BatchCreate = deserr::deserialize::<_, _, FieldErrors>(request).unwrap();
    let id = BatchId::generate();
    Batch {
        id,
        name: request.name,
        status: BatchStatus::Draft,
        user_id: user.user_id().to_string(),
        script: request.script.unwrap().source(),
        steps: None,
        voicemail: None,
        transcribe: false,
        sensitive: false,
        voice: None,
        language: None,
        machine_detection: None,
        metadata: request.metadata,
        recording_enabled: false,
        retry: None,
        priority: Priority::Bulk,
        scheduled_at: None,
        expires_at: DateTime::now().saturating_add_duration(std::time::Duration::from_hours(168)),
        calls_per_second: None,
        reserved: 0,
        adding_until: None,
        idempotency_scope: Some(id.to_string()),
        request_hash: None,
        created_by: None,
        created_at: DateTime::now(),
        started_at: None,
        updated_at: DateTime::now(),
    }
}

/// Returns an attempt to call a recipient of the batch.
fn attempt(batch: &Batch, user: &User, number: u32, first: Option<CallId>) -> Call {
    Call {
        batch_id: Some(batch.id),
        attempt: Some(number),
        first_call_id: first,
        ..call_of(user.user_id())
    }
}

pub async fn of_batches(dao: &Dao, ada: &User) {
    let batches: Vec<_> = (0..4).map(|_| batch(ada)).collect();
    for batch in &batches {
        dao.create_batch(batch).await.unwrap();
    }
    let batch = &batches[0];
    let id = batch.id;
    dao.get_batch(id).await.unwrap().unwrap();
    let scope = id.to_string();
    dao.get_batch_by_idempotency_scope(&scope)
        .await
        .unwrap()
        .unwrap();
    let page = |from| PageRequest { size: 1, from };
    let first = dao.list_batches(&page(Position::Page(2))).await.unwrap();
    let cursor = Cursor::parse(&first.next_cursor.unwrap(), &List::Batches).unwrap();
    dao.list_batches(&page(Position::Cursor(cursor)))
        .await
        .unwrap();

    let mut calls = [1, 1].map(|number| attempt(batch, ada, number, None));
    let later = attempt(batch, ada, 2, Some(calls[0].call_id));
    calls[0].next_call_id = Some(later.call_id);
    let reserved = dao.reserve_recipients(id, 2).await.unwrap().unwrap();
    dao.reserve_recipients(id, 100_000).await.unwrap().unwrap();
    let Reservation::Reserved(adding) = reserved else {
        panic!("{reserved:?}");
    };
    dao.end_adding(id, &adding, 1).await.unwrap();
    assert_eq!(dao.create_recipients(&calls).await.unwrap(), 2);
    assert_eq!(dao.create_recipients(&calls).await.unwrap(), 0);
    dao.create_call(&later).await.unwrap();
    let ids: Vec<ObjectId> = calls.iter().map(|call| call.id).collect();
    assert_eq!(dao.list_stored_calls(&ids).await.unwrap().len(), 2);
    let number: PhoneNumber = "+12125550123".parse().unwrap();
    dao.list_blocked_among(&[number]).await.unwrap();
    assert_eq!(dao.count_batch(id).await.unwrap().recipients, 2);
    assert_eq!(dao.count_recipients(id).await.unwrap(), 2);
    let results = dao.list_batch_results(id, None, 1).await.unwrap();
    dao.list_batch_results(id, results.next, 1).await.unwrap();

    dao.change_batch(id, &[BatchStatus::Draft], BatchStatus::Running)
        .await
        .unwrap();
    dao.complete_batch_if_done(id).await.unwrap();
    dao.change_batch(id, &BatchStatus::OPEN, BatchStatus::Canceling)
        .await
        .unwrap();
    dao.cancel_batch_page(id).await.unwrap();
    dao.finish_canceling(id).await.unwrap();
}
