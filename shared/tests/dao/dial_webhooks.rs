//! Tests that Twilio's response to a dial and the call's webhooks combine in any order.

use outdial::{
    dao::Dao,
    domain::{Call, CallStatus, DialOutcome, DialResult},
};

use super::dials::{not_taken, record, refused, stored_call_with_key};
use crate::support::{accepted, callback, sid, stored_call, with_dao};

/// Callbacks that may arrive before or after the dial is recorded.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Other {
    Callback(CallStatus, i64),
    Name,
    Hangup,
    GivenUp,
}

async fn happens(dao: &Dao, call: &Call, sid: &outdial::domain::CallSid, other: Other) {
    let id = call.call_id;
    match other {
        Other::Callback(status, sequence) => {
            let update = callback(sid, status, sequence);
            dao.apply_status(Some(id), &update).await.unwrap();
        }
        Other::Name => drop(dao.record_call_sid(id, sid).await.unwrap()),
        Other::Hangup => drop(dao.request_hangup(id).await.unwrap()),
        Other::GivenUp => drop(dao.give_up_call(id, None).await.unwrap()),
    }
}

#[tokio::test]
async fn every_callback_replaces_queued_in_any_order() {
    use CallStatus::{Busy, Completed, InProgress, Initiated, Queued, Ringing};
    with_dao(async |dao| {
        for (others, end) in [
            (&[][..], Queued),
            (&[Other::Name], Queued),
            (&[Other::Hangup], Queued),
            (&[Other::Callback(Initiated, 0)], Initiated),
            (&[Other::Callback(Ringing, 1)], Ringing),
            (&[Other::Callback(Busy, 2)], Busy),
            (&[Other::Name, Other::Callback(Initiated, 0)], Initiated),
            (
                &[Other::Callback(Initiated, 0), Other::Callback(Ringing, 1)],
                Ringing,
            ),
            (
                &[
                    Other::Callback(InProgress, 2),
                    Other::Callback(Initiated, 0),
                ],
                InProgress,
            ),
            (&[Other::Hangup, Other::Callback(Completed, 3)], Completed),
        ] {
            for place in 0..=others.len() {
                let call = stored_call(dao).await;
                let sid = sid();
                let (before, after) = others.split_at(place);
                for &other in before {
                    happens(dao, &call, &sid, other).await;
                }
                record(dao, &call, &accepted(&sid), 201).await;
                for &other in after {
                    happens(dao, &call, &sid, other).await;
                }
                let read = dao.get_call(call.call_id).await.unwrap().unwrap();
                assert_eq!(read.status, end, "{before:?}, the answer, {after:?}");
                assert_eq!(read.status_rank, end.rank());
                assert_eq!(read.twilio_sid, Some(sid));
                let told = read.events.iter().map(|event| event.status);
                assert!(!told.collect::<Vec<_>>().contains(&Queued));
            }
        }
        // The response replaces our own conclusion, and each callback replaces the response.
        let call = stored_call(dao).await;
        let sid = sid();
        happens(dao, &call, &sid, Other::GivenUp).await;
        assert_eq!(
            record(dao, &call, &accepted(&sid), 201).await.status,
            Queued
        );
        for (status, sequence) in [(Initiated, 0), (Ringing, 1)] {
            happens(dao, &call, &sid, Other::Callback(status, sequence)).await;
            let read = dao.get_call(call.call_id).await.unwrap().unwrap();
            assert_eq!(read.status, status);
        }
    })
    .await;
}

#[tokio::test]
async fn accepted_call_keeps_the_call_sid_from_a_webhook() {
    with_dao(async |dao| {
        let call = stored_call(dao).await;
        let told = sid();
        dao.apply_status(Some(call.call_id), &callback(&told, CallStatus::Ringing, 1))
            .await
            .unwrap();
        let recorded = record(dao, &call, &accepted(&sid()), 201).await;
        assert_eq!(recorded.twilio_sid, Some(told));
        assert_eq!(recorded.status, CallStatus::Ringing);
    })
    .await;
}

#[tokio::test]
async fn webhook_overrides_a_refusal() {
    with_dao(async |dao| {
        let call = stored_call(dao).await;
        dao.apply_status(
            Some(call.call_id),
            &callback(&sid(), CallStatus::Ringing, 1),
        )
        .await
        .unwrap();
        let recorded = record(dao, &call, &refused(), 502).await;
        assert_eq!(recorded.status, CallStatus::Ringing);
        assert_eq!(recorded.dial_outcome, Some(DialOutcome::Accepted));
        assert_eq!(recorded.error_code, None);
    })
    .await;
}

#[tokio::test]
async fn call_with_a_webhook_keeps_its_key() {
    with_dao(async |dao| {
        let call = stored_call_with_key(dao).await;
        dao.apply_status(
            Some(call.call_id),
            &callback(&sid(), CallStatus::Ringing, 1),
        )
        .await
        .unwrap();
        let recorded = record(dao, &call, &not_taken(), 502).await;
        assert_eq!(recorded.dial_outcome, Some(DialOutcome::Accepted));
        assert_eq!(recorded.idempotency_scope.as_deref(), Some("scope"));
    })
    .await;
}

#[tokio::test]
async fn lost_response_is_unknown_until_a_webhook_settles_it() {
    with_dao(async |dao| {
        let lost = DialResult::Unknown("time-out".to_owned());
        let call = stored_call(dao).await;
        let recorded = record(dao, &call, &lost, 202).await;
        assert_eq!(recorded.dial_outcome, Some(DialOutcome::Unknown));
        assert_eq!(recorded.answered_status, Some(202));
        dao.record_call_sid(call.call_id, &sid()).await.unwrap();
        let recorded = record(dao, &call, &lost, 202).await;
        assert_eq!(recorded.dial_outcome, Some(DialOutcome::Accepted));
        let nobody = dao
            .record_dial(&crate::support::call(), &lost, Some(202))
            .await;
        assert_eq!(nobody.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn webhook_concurrent_with_the_response_is_kept() {
    with_dao(async |dao| {
        for _ in 0..20 {
            let call = stored_call(dao).await;
            let sid = sid();
            let ringing = callback(&sid, CallStatus::Ringing, 1);
            let accepted = accepted(&sid);
            let (told, applied, wished) = tokio::join!(
                Box::pin(dao.record_dial(&call, &accepted, Some(201))),
                dao.apply_status(Some(call.call_id), &ringing),
                dao.request_hangup(call.call_id),
            );
            let told = told.unwrap().unwrap();
            let applied = applied.unwrap();
            let stored = dao.get_call(call.call_id).await.unwrap().unwrap();
            assert_eq!(stored.status, CallStatus::Ringing);
            assert_eq!(stored.answered_status, Some(201));
            assert_eq!(stored.twilio_sid, Some(sid));
            // Either the hang-up has found the `CallSid`, or the request that stored the `CallSid` has found the hang-up.
            let has_found = wished.unwrap().unwrap().twilio_sid.is_some();
            assert!(has_found || told.hangup_requested || applied.hangup_waits);
        }
    })
    .await;
}
