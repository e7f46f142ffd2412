//! Tests storing, beginning and withdrawing calls.

use futures_util::future::join_all;
use mongodb::bson::DateTime;
use outdial::{
    dao::{CALL_TIMEOUT, CapCheck, Dao},
    domain::{Call, UserId},
    service::place_call::{store_and_count, withdraw_undialled},
};
use tokio::time::Instant;

use crate::support::{call_of, caps, second, sid, with_dao};

/// A call with an idempotency key of its own, stored and counted.
async fn admitted(dao: &Dao) -> Call {
    let mut call = call_of(UserId::generate());
    call.idempotency_scope = Some(call.call_id.to_string());
    call.announces_dial = true;
    let taken = store_and_count(dao, &call, caps(5, 5_000), None, in_time())
        .await
        .unwrap();
    assert_eq!(taken, CapCheck::Admitted);
    call
}

fn in_time() -> Instant {
    Instant::now() + CALL_TIMEOUT
}

#[tokio::test]
async fn begun_dial_is_stored_as_returned() {
    with_dao(async |dao| {
        let call = admitted(dao).await;
        assert!(call.is_undialled());
        let begun = dao.begin_dial(&call, second(1)).await.unwrap();
        let begun = begun.unwrap();
        assert_eq!(begun.dial_deadline, Some(second(1)));
        assert!(begun.dial_begun_at.is_some() && !begun.is_undialled());
        assert_eq!(dao.get_call(call.call_id).await.unwrap(), Some(begun));
    })
    .await;
}

#[tokio::test]
async fn call_is_either_withdrawn_or_dialled() {
    with_dao(async |dao| {
        for _ in 0..40 {
            let call = admitted(dao).await;
            let withdrawing = join_all((0..2).map(|_| withdraw_undialled(dao, &call)));
            let (begun, withdrawn) =
                tokio::join!(dao.begin_dial(&call, DateTime::now()), withdrawing);
            let is_begun = begun.unwrap().is_some();
            let withdrawn = withdrawn.into_iter().filter(|one| *one.as_ref().unwrap());
            assert_eq!(withdrawn.count(), usize::from(!is_begun));
            let stored = dao.get_call(call.call_id).await.unwrap();
            assert_eq!(stored.is_some(), is_begun);
        }
    })
    .await;
}

#[tokio::test]
async fn withdrawn_call_is_uncounted_and_frees_its_key() {
    with_dao(async |dao| {
        let call = admitted(dao).await;
        assert!(withdraw_undialled(dao, &call).await.unwrap());
        let repeat = Call {
            idempotency_scope: call.idempotency_scope.clone(),
            ..call_of(call.user_id.parse().unwrap())
        };
        let taken = store_and_count(dao, &repeat, caps(1, 1), None, in_time())
            .await
            .unwrap();
        assert_eq!(taken, CapCheck::Admitted);
        let begun = dao.begin_dial(&call, DateTime::now()).await;
        assert_eq!(begun.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn only_an_undialled_call_is_withdrawn() {
    Box::pin(with_dao(async |dao| {
        let begun = admitted(dao).await;
        dao.begin_dial(&begun, DateTime::now()).await.unwrap();
        let told = admitted(dao).await;
        dao.record_call_sid(told.call_id, &sid()).await.unwrap();
        let unwanted = admitted(dao).await;
        dao.request_hangup(unwanted.call_id).await.unwrap();
        let given_up = admitted(dao).await;
        dao.give_up_call(given_up.call_id, None).await.unwrap();
        let old = call_of(UserId::generate());
        dao.create_call(&old).await.unwrap();
        for call in [begun, told, unwanted, given_up, old] {
            assert!(!withdraw_undialled(dao, &call).await.unwrap(), "{call:?}");
            let stored = dao.get_call(call.call_id).await.unwrap().unwrap();
            assert!(!stored.is_undialled(), "{stored:?}");
        }
    }))
    .await;
}
