//! Tests the dial queue's documents: claims, leases, giving back, and the ends of waiting calls.

use std::time::Duration;

use futures_util::future::join_all;
use mongodb::bson::{DateTime, doc, oid::ObjectId};
use outdial::{
    dao::Dao,
    domain::{Call, CallStatus, DialOutcome, WaitingFor},
};
use testkit::new_scheduled_call;

use crate::support::{accepted, callback, due_at, sid, with_dao};

const MAY_TAKE: Duration = Duration::from_secs(30);

async fn due_call(dao: &Dao) -> Call {
    let due = DateTime::from_millis(DateTime::now().timestamp_millis() - 1_000);
    let call = new_scheduled_call(&ObjectId::new().to_hex(), due);
    dao.create_call(&call).await.unwrap();
    call
}

/// Claims the only due call, and returns it as `dial` counts it, with its lease.
async fn claimed(dao: &Dao) -> (Call, String) {
    let due = due_at(dao, DateTime::now()).await;
    let claim = dao.claim(&due).await.unwrap();
    let call = dao
        .get_leased_call(claim.calls[0], &claim.lease_id)
        .await
        .unwrap()
        .unwrap();
    let call = Call {
        counted_on: Some("2099-01-01".to_owned()),
        counted_as: Some(ObjectId::new()),
        ..call
    };
    (call, claim.lease_id)
}

#[tokio::test]
async fn concurrent_claims_share_no_call() {
    with_dao(async |dao| {
        for _ in 0..20 {
            due_call(dao).await;
        }
        let due = due_at(dao, DateTime::now()).await;
        assert_eq!(due.len(), 20);
        let claims = join_all((0..4).map(|_| dao.claim(&due))).await;
        let mut all: Vec<_> = claims
            .into_iter()
            .flat_map(|claim| claim.unwrap().calls)
            .map(|id| id.to_string())
            .collect();
        all.sort();
        let claimed = all.len();
        all.dedup();
        assert_eq!((claimed, all.len()), (20, 20));
    })
    .await;
}

#[tokio::test]
async fn only_one_of_concurrent_dials_begins() {
    with_dao(async |dao| {
        due_call(dao).await;
        let (call, lease) = claimed(dao).await;
        let dials: Vec<_> = (0..8)
            .map(|_| Call {
                counted_as: Some(ObjectId::new()),
                ..call.clone()
            })
            .collect();
        let begun = join_all(
            dials
                .iter()
                .map(|call| dao.begin_queued_dial(call, &lease, MAY_TAKE)),
        )
        .await;
        let begun: Vec<_> = begun.into_iter().filter_map(Result::unwrap).collect();
        assert_eq!(begun.len(), 1);
        assert_eq!(begun[0].dial_outcome, Some(DialOutcome::Pending));
        assert!(begun[0].dial_deadline > begun[0].dial_begun_at);
    })
    .await;
}

#[tokio::test]
async fn repeated_begin_of_the_same_dial_finds_its_own() {
    with_dao(async |dao| {
        due_call(dao).await;
        let (call, lease) = claimed(dao).await;
        for _ in 0..2 {
            let begun = dao
                .begin_queued_dial(&call, &lease, MAY_TAKE)
                .await
                .unwrap();
            assert_eq!(begun.unwrap().counted_as, call.counted_as);
        }
    })
    .await;
}

#[tokio::test]
async fn dial_that_twilio_did_not_take_waits_again() {
    with_dao(async |dao| {
        due_call(dao).await;
        let (call, lease) = claimed(dao).await;
        let begun = dao
            .begin_queued_dial(&call, &lease, MAY_TAKE)
            .await
            .unwrap()
            .unwrap();
        let later = DateTime::now().saturating_add_duration(Duration::from_secs(10));
        for _ in 0..2 {
            let waiting = dao
                .return_to_queue(&begun, later, WaitingFor::Twilio)
                .await
                .unwrap();
            assert_eq!(waiting.unwrap().due_at, Some(later));
        }
        let waiting = dao.get_call(call.call_id).await.unwrap().unwrap();
        assert_eq!(
            (waiting.status, waiting.status_rank),
            (CallStatus::Scheduled, -1)
        );
        assert_eq!(
            (
                waiting.dial_outcome,
                waiting.dial_begun_at,
                waiting.counted_as
            ),
            (None, None, None)
        );
        assert_eq!(waiting.due_at, Some(later));
    })
    .await;
}

#[tokio::test]
async fn dial_of_which_a_webhook_has_come_does_not_wait_again() {
    with_dao(async |dao| {
        due_call(dao).await;
        let (call, lease) = claimed(dao).await;
        let begun = dao
            .begin_queued_dial(&call, &lease, MAY_TAKE)
            .await
            .unwrap()
            .unwrap();
        let ringing = callback(&sid(), CallStatus::Ringing, 1);
        dao.apply_status(Some(call.call_id), &ringing)
            .await
            .unwrap();
        let waiting = dao
            .return_to_queue(&begun, DateTime::now(), WaitingFor::Twilio)
            .await;
        assert_eq!(waiting.unwrap(), None);
        let ringing = dao.get_call(call.call_id).await.unwrap().unwrap();
        assert_eq!(ringing.status, CallStatus::Ringing);
    })
    .await;
}

#[tokio::test]
async fn hang_up_request_ends_a_dial_that_twilio_did_not_take() {
    with_dao(async |dao| {
        due_call(dao).await;
        let (call, lease) = claimed(dao).await;
        let begun = dao
            .begin_queued_dial(&call, &lease, MAY_TAKE)
            .await
            .unwrap()
            .unwrap();
        dao.request_hangup(call.call_id).await.unwrap();
        let waiting = dao
            .return_to_queue(&begun, DateTime::now(), WaitingFor::Twilio)
            .await;
        assert_eq!(waiting.unwrap(), None);
        dao.cancel_untaken(&begun).await.unwrap();
        let canceled = dao.get_call(call.call_id).await.unwrap().unwrap();
        assert_eq!(canceled.status, CallStatus::Canceled);
        assert_eq!(canceled.dial_outcome, Some(DialOutcome::Refused));
    })
    .await;
}

#[tokio::test]
async fn recorded_dial_keeps_the_answer_that_the_client_got() {
    with_dao(async |dao| {
        due_call(dao).await;
        let (call, lease) = claimed(dao).await;
        let begun = dao
            .begin_queued_dial(&call, &lease, MAY_TAKE)
            .await
            .unwrap()
            .unwrap();
        let recorded = dao
            .record_dial(&begun, &accepted(&sid()), None)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(recorded.answered_status, Some(202));
        let read = dao.get_call(call.call_id).await.unwrap().unwrap();
        assert_eq!(
            (read.answered_status, read.dial_outcome),
            (Some(202), Some(DialOutcome::Accepted))
        );
    })
    .await;
}

#[tokio::test]
async fn call_that_waits_for_longer_than_it_lives_is_due_when_it_expires() {
    with_dao(async |dao| {
        let stored = due_call(dao).await;
        let (call, lease) = claimed(dao).await;
        let tomorrow = DateTime::now().saturating_add_duration(Duration::from_hours(24));
        dao.give_back(&call, &lease, Some(tomorrow), WaitingFor::DailyCap)
            .await
            .unwrap();
        let waiting = dao.get_call(stored.call_id).await.unwrap().unwrap();
        assert_eq!(waiting.due_at, stored.expires_at);
        assert_eq!(waiting.waiting_for, Some(WaitingFor::DailyCap));
    })
    .await;
}

#[tokio::test]
async fn hundreds_of_expired_calls_end_in_pages() {
    with_dao(async |dao| {
        let calls = dao.database().await.unwrap().collection::<Call>("calls");
        let long_ago = DateTime::from_millis(DateTime::now().timestamp_millis() - 7_200_000);
        let expired: Vec<_> = (0..201)
            .map(|_| new_scheduled_call("u", long_ago))
            .collect();
        calls.insert_many(&expired).await.unwrap();
        let mut ended = Vec::new();
        while let count @ 1.. = dao.expire_calls().await.unwrap() {
            ended.push(count);
        }
        assert_eq!(ended, [200, 1]);
        let left = calls
            .count_documents(doc! { "status": "expired", "events.source": "queue" })
            .await;
        assert_eq!(left.unwrap(), 201);
    })
    .await;
}

#[tokio::test]
async fn canceled_call_stays_canceled_and_a_dialled_one_is_left() {
    with_dao(async |dao| {
        let waiting = due_call(dao).await;
        for _ in 0..2 {
            let canceled = dao.cancel_call(waiting.call_id).await.unwrap().unwrap();
            assert_eq!(canceled.status, CallStatus::Canceled);
            assert_eq!(canceled.events.len(), 1);
        }
        due_call(dao).await;
        let (call, lease) = claimed(dao).await;
        dao.begin_queued_dial(&call, &lease, MAY_TAKE)
            .await
            .unwrap()
            .unwrap();
        let left = dao.cancel_call(call.call_id).await.unwrap().unwrap();
        assert_eq!(left.status, CallStatus::Initiated);
        dao.cancel_by_rule(&left, "number_blocked").await.unwrap();
        let left = dao.get_call(call.call_id).await.unwrap().unwrap();
        assert_eq!(
            (left.status, left.status_reason),
            (CallStatus::Initiated, None)
        );
    })
    .await;
}
