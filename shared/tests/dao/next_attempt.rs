//! Tests how a next attempt is stored, linked and put into its lane.

use mongodb::bson::{DateTime, doc};
use outdial::{
    dao::{Dao, Released},
    domain::{Call, CallId, CallStatus, WaitingFor},
};

use crate::support::{call, due_at, with_dao};

async fn stored(dao: &Dao) -> Call {
    let call = Call {
        effects_open: true,
        effects_n: 1,
        ..call()
    };
    dao.create_call(&call).await.unwrap();
    call
}

fn next_of(previous: &Call) -> Call {
    let id = CallId::of_attempt(previous.call_id, 2);
    let now = DateTime::now();
    Call {
        id: id.object_id(),
        call_id: id,
        first_call_id: Some(previous.call_id),
        attempt: Some(2),
        ..call().scheduled(now, now, WaitingFor::RetryDelay)
    }
}

async fn is_due(dao: &Dao) -> bool {
    let now = DateTime::from_millis(DateTime::now().timestamp_millis() + 1_000);
    !due_at(dao, now).await.is_empty()
}

#[tokio::test]
async fn next_attempt_is_due_only_once_it_is_released() {
    with_dao(async |dao| {
        let previous = stored(dao).await;
        let next = next_of(&previous);
        for _ in 0..2 {
            dao.create_next_attempt(&next).await.unwrap();
            assert!(!is_due(dao).await);
        }
        for _ in 0..2 {
            assert!(
                dao.link_next_attempt(&previous, next.call_id)
                    .await
                    .unwrap()
            );
            assert!(!is_due(dao).await);
        }
        let released = dao.release_next_attempt(&next).await.unwrap();
        assert_eq!(released, Released::Now);
        assert!(is_due(dao).await);
        let again = dao.release_next_attempt(&next).await.unwrap();
        assert_eq!(again, Released::Before);

        // Repeated steps change nothing.
        dao.cancel_call(next.call_id).await.unwrap();
        dao.create_next_attempt(&next).await.unwrap();
        let canceled = dao.release_next_attempt(&next).await.unwrap();
        assert_eq!(canceled, Released::Before);
        let stored = dao.get_call(next.call_id).await.unwrap().unwrap();
        assert_eq!(stored.status, CallStatus::Canceled);
        let linked = dao.get_call(previous.call_id).await.unwrap().unwrap();
        assert_eq!(linked.next_call_id, Some(next.call_id));
    })
    .await;
}

#[tokio::test]
async fn call_that_has_changed_is_not_linked() {
    with_dao(async |dao| {
        for change in [
            doc! { "effects_n": 2_i64 },
            doc! { "hangup_requested": true },
            doc! { "retry_stopped": "answered" },
            doc! { "call_id": CallId::generate().to_string() },
        ] {
            let previous = stored(dao).await;
            let calls = dao.database().await.unwrap().collection::<Call>("calls");
            let this = doc! { "_id": previous.id };
            calls
                .update_one(this, doc! { "$set": &change })
                .await
                .unwrap();
            let next = next_of(&previous).call_id;
            let linked = dao.link_next_attempt(&previous, next).await.unwrap();
            assert!(!linked, "{change}");
        }
    })
    .await;
}

#[tokio::test]
async fn attempt_that_waits_is_canceled_and_one_that_was_dialled_goes_on_without_a_next_one() {
    with_dao(async |dao| {
        let dialled = stored(dao).await;
        let waiting = next_of(&dialled);
        dao.create_call(&waiting).await.unwrap();
        for (call, status) in [(&dialled, dialled.status), (&waiting, CallStatus::Canceled)] {
            for _ in 0..2 {
                let stopped = dao.stop_retries(call.call_id, "answered").await.unwrap();
                let stopped = stopped.unwrap();
                assert_eq!(stopped.status, status);
                assert_eq!(stopped.retry_stopped.as_deref(), Some("answered"));
                let has_waited = status == CallStatus::Canceled;
                assert_eq!(stopped.status_reason.is_some(), has_waited);
            }
        }
        let nobody = CallId::generate();
        assert_eq!(dao.stop_retries(nobody, "answered").await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn only_an_attempt_that_was_never_released_is_withdrawn() {
    with_dao(async |dao| {
        let previous = stored(dao).await;
        let next = next_of(&previous);
        dao.withdraw_next_attempt(next.call_id).await.unwrap();
        dao.create_next_attempt(&next).await.unwrap();
        dao.withdraw_next_attempt(next.call_id).await.unwrap();
        assert_eq!(dao.get_call(next.call_id).await.unwrap(), None);
        let missing = dao.release_next_attempt(&next).await.unwrap();
        assert_eq!(missing, Released::Missing);

        dao.create_next_attempt(&next).await.unwrap();
        dao.release_next_attempt(&next).await.unwrap();
        dao.withdraw_next_attempt(next.call_id).await.unwrap();
        assert!(dao.get_call(next.call_id).await.unwrap().is_some());
    })
    .await;
}
